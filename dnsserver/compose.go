package dnsserver

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/miekg/dns"
)

// composer turns what handlers return into replies. It is used by one goroutine
// at a time; its zero value is ready.
type composer struct {
	self    *identity
	reply   reply
	scratch []byte
	options []byte
	set     []record
}

// compose appends the reply that says what m says.
func (c *composer) compose(q *Query, m *dns.Msg, out []byte) ([]byte, error) {
	c.begin(q, 0, out)
	for s, rrs := range [...][]dns.RR{answer: m.Answer, authority: m.Ns} {
		for _, rr := range rrs {
			c.scratch = c.scratch[:0]
			rec, err := c.pack(rr)
			if err != nil {
				return out, err
			}
			c.reply.require(section(s), &rec)
		}
	}
	for _, set := range sets(m.Extra) {
		if err := c.offer(set); err != nil {
			return out, err
		}
	}
	return c.reply.finish(m.Rcode, flagsOf(m)), nil
}

// fail appends the reply that a failure becomes.
func (c *composer) fail(q *Query, f *Failure, out []byte) []byte {
	c.begin(q, f.Info, out)
	return c.reply.finish(f.Rcode, 0)
}

// begin starts a reply to q. Info is the extended error (RFC 8914 §2), or 0.
func (c *composer) begin(q *Query, info uint16, out []byte) {
	c.options = c.self.appendOptions(c.options[:0], q)
	if info != 0 {
		c.options = appendOption(c.options, dns.EDNS0EDE, 2)
		c.options = binary.BigEndian.AppendUint16(c.options, info)
	}
	c.reply.begin(q, c.options, out)
}

func (c *composer) offer(set []dns.RR) error {
	c.set, c.scratch = c.set[:0], c.scratch[:0]
	for _, rr := range set {
		rec, err := c.pack(rr)
		if err != nil {
			return err
		}
		c.set = append(c.set, rec)
	}
	c.reply.offer(c.set)
	return nil
}

// pack gives the wire form of a record. Its parts lie in c.scratch, until that is
// cut short.
func (c *composer) pack(rr dns.RR) (record, error) {
	at := len(c.scratch)
	b := slices.Grow(c.scratch, dns.Len(rr))
	end, err := dns.PackRR(rr, b[:cap(b)], at, nil, false)
	if err != nil {
		return record{}, fmt.Errorf("pack %q: %w", rr.String(), err)
	}
	c.scratch = b[:end]
	b = b[at:end]
	owner := nameLen(b)
	return record{
		owner: b[:owner],
		typ:   binary.BigEndian.Uint16(b[owner:]),
		ttl:   binary.BigEndian.Uint32(b[owner+4:]),
		rdata: b[owner+10:],
	}, nil
}

// sets gathers records into RRsets, in the order of their first records. OPT
// records are left out: they belong to one hop, and not to an answer.
func sets(rrs []dns.RR) [][]dns.RR {
	type key struct {
		owner string
		typ   uint16
	}
	var out [][]dns.RR
	index := make(map[key]int, len(rrs))
	for _, rr := range rrs {
		h := rr.Header()
		if h.Rrtype == dns.TypeOPT {
			continue
		}
		k := key{h.Name, h.Rrtype}
		i, ok := index[k]
		if !ok {
			i = len(out)
			index[k] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], rr)
	}
	return out
}

func flagsOf(m *dns.Msg) (flags uint16) {
	for _, f := range [...]struct {
		on  bool
		bit uint16
	}{{m.Authoritative, bitAA}, {m.RecursionAvailable, bitRA}, {m.AuthenticatedData, bitAD}, {m.Truncated, bitTC}} {
		if f.on {
			flags |= f.bit
		}
	}
	return flags
}
