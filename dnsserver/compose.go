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
	reply   Reply
	scratch []byte
	options []byte
	set     []Record
}

// compose appends the reply that says what m says.
func (c *composer) compose(q *Query, m *dns.Msg, out []byte) ([]byte, error) {
	r := c.begin(q, out)
	r.Rcode = m.Rcode
	r.Authoritative, r.AuthenticatedData, r.Truncated = m.Authoritative, m.AuthenticatedData, m.Truncated
	if e := ExplanationOf(m); e != nil {
		r.Explain(e.InfoCode, e.ExtraText)
	}
	for s, rrs := range [...][]dns.RR{answer: m.Answer, authority: m.Ns} {
		for _, rr := range rrs {
			c.scratch = c.scratch[:0]
			rec, err := c.pack(rr)
			if err != nil {
				return out, err
			}
			r.require(section(s), &rec)
		}
	}
	for _, set := range sets(m.Extra) {
		if err := c.offer(set); err != nil {
			return out, err
		}
	}
	return r.finish(), nil
}

// direct appends the reply that a handler writes itself, or nothing and reports false.
func (c *composer) direct(h Handler, q *Query, out []byte) (reply []byte, done bool) {
	if d, ok := h.(Direct); !ok || !d.Direct(q, c.begin(q, out)) {
		return out, false
	}
	return c.reply.finish(), true
}

// fail appends the reply that a failure becomes.
func (c *composer) fail(q *Query, f *Failure, out []byte) []byte {
	r := c.begin(q, out)
	r.Rcode = f.Rcode
	if f.Info != 0 || f.Text != "" {
		r.Explain(f.Info, f.Text)
	}
	return r.finish()
}

// begin starts a reply to q behind what out holds.
func (c *composer) begin(q *Query, out []byte) *Reply {
	if c.options == nil {
		c.options = make([]byte, 0, 64) // also for what the reply adds
	}
	c.options = c.self.appendOptions(c.options[:0], q)
	c.reply.begin(q, c.options, out)
	return &c.reply
}

// ExplanationOf is the first extended error that the OPT record of a message has, or nil.
func ExplanationOf(m *dns.Msg) *dns.EDNS0_EDE {
	for _, rr := range m.Extra {
		if opt, ok := rr.(*dns.OPT); ok {
			for _, o := range opt.Option {
				if e, ok := o.(*dns.EDNS0_EDE); ok {
					return e
				}
			}
		}
	}
	return nil
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
	c.reply.Additional(c.set...)
	return nil
}

// pack gives the wire form of a record. Its parts lie in c.scratch, until that is
// cut short.
func (c *composer) pack(rr dns.RR) (Record, error) {
	at := len(c.scratch)
	b := slices.Grow(c.scratch, dns.Len(rr))
	end, err := dns.PackRR(rr, b[:cap(b)], at, nil, false)
	if err != nil {
		return Record{}, fmt.Errorf("pack %q: %w", rr.String(), err)
	}
	c.scratch = b[:end]
	b = b[at:end]
	owner := nameLen(b)
	rec := Record{
		Owner: b[:owner],
		Type:  binary.BigEndian.Uint16(b[owner:]),
		TTL:   binary.BigEndian.Uint32(b[owner+4:]),
		Data:  b[owner+10:],
	}
	if !rec.whole() {
		return Record{}, fmt.Errorf("pack %q: a name is missing", rr.String())
	}
	return rec, nil
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
