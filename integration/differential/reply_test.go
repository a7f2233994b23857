//go:build conformance

package differential

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// reply is an answer in a form that two servers share where they say the same.
type reply struct {
	none     bool  // there was no answer; nothing else is then set
	broken   error // why it cannot be read; nothing else is then set
	size     int   // in octets
	opcode   int
	rcode    int // with the upper bits of the OPT record
	flags    uint16
	question string // as it came
	answer, authority,
	additional []string // sorted, "owner TTL class type data" with the owner in lower case
	opt *edns // options sorted by their code
}

const flagMask = bitAA | bitTC | bitRD | bitRA | bitZ | bitAD | bitCD

// parse reads a reply; nil is none.
func parse(msg []byte) *reply {
	if msg == nil {
		return &reply{none: true}
	}
	r, err := read(msg)
	if err != nil {
		return &reply{broken: fmt.Errorf("read %x: %w", msg, err)}
	}
	return r
}

func read(msg []byte) (*reply, error) {
	var m dns.Msg
	if err := m.Unpack(msg); err != nil {
		return nil, err
	}
	head := binary.BigEndian.Uint16(msg[2:])
	r := &reply{size: len(msg), opcode: m.Opcode, rcode: int(head & 15), flags: head & flagMask}
	if len(m.Question) > 0 {
		r.question = string(msg[12 : 12+questionLen(msg[12:])])
	}
	var err error
	for _, s := range []struct {
		to   *[]string
		from []dns.RR
	}{{&r.answer, m.Answer}, {&r.authority, m.Ns}, {&r.additional, m.Extra}} {
		for _, rr := range s.from {
			if opt, ok := rr.(*dns.OPT); ok {
				if r.opt != nil {
					return nil, errors.New("it has two OPT records")
				}
				r.opt = ednsOf(opt)
				r.rcode |= int(opt.Hdr.Ttl>>24) << 4
				continue
			}
			line, e := lineOf(rr)
			if e != nil {
				err = e
			}
			*s.to = append(*s.to, line)
		}
		slices.Sort(*s.to)
	}
	return r, err
}

// questionLen is the length of the question that b begins with: an uncompressed
// name, type and class.
func questionLen(b []byte) int {
	i := 0
	for b[i] != 0 {
		i += 1 + int(b[i])
	}
	return i + 5
}

func ednsOf(opt *dns.OPT) *edns {
	e := &edns{size: opt.Hdr.Class, version: uint8(opt.Hdr.Ttl >> 16), flags: uint16(opt.Hdr.Ttl)}
	wire := make([]byte, dns.Len(opt))
	end, err := dns.PackRR(opt, wire, 0, nil, false)
	for o := wire[min(11, len(wire)):end]; err == nil && len(o) >= 4; {
		n := 4 + int(binary.BigEndian.Uint16(o[2:]))
		e.options = append(e.options, optionOf(binary.BigEndian.Uint16(o), string(o[4:n])))
		o = o[n:]
	}
	slices.SortFunc(e.options, func(a, b option) int { return int(a.code) - int(b.code) })
	return e
}

// optionOf leaves out of a cookie what each server makes for itself (RFC 7873 §4).
func optionOf(code uint16, data string) option {
	if code == dns.EDNS0COOKIE && len(data) > 8 {
		data = data[:8]
	}
	return option{code, data}
}

// lineOf is a record with its data in wire form, so that no two are written alike.
func lineOf(rr dns.RR) (string, error) {
	wire := make([]byte, dns.Len(rr)+256)
	end, err := dns.PackRR(rr, wire, 0, nil, false)
	if err != nil {
		return "", fmt.Errorf("record %v: %w", rr, err)
	}
	h, owner := rr.Header(), questionLen(wire)-4
	data := string(wire[owner+10 : end])
	switch h.Rrtype {
	case dns.TypeNS, dns.TypeCNAME, dns.TypePTR, dns.TypeSOA:
		data = lower(data) // the names in these may point into the question, and have its case
	}
	return fmt.Sprintf("%s %d %s %s %x", presentation(lower(string(wire[:owner]))), h.Ttl, dns.Class(h.Class), dns.Type(h.Rrtype), data), nil
}

func (r *reply) String() string {
	if r.none {
		return "no reply"
	}
	if r.broken != nil {
		return r.broken.Error()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s opcode %d", rcodeName(r.rcode), r.opcode)
	for _, f := range flagNames {
		if r.flags&f.bit != 0 {
			b.WriteString(" " + f.name)
		}
	}
	if r.question == "" {
		b.WriteString(", no question")
	}
	for _, s := range []struct {
		name string
		rrs  []string
	}{{"answer", r.answer}, {"authority", r.authority}, {"additional", r.additional}} {
		if len(s.rrs) > 0 {
			fmt.Fprintf(&b, ", %s %q", s.name, s.rrs)
		}
	}
	if r.opt != nil {
		fmt.Fprintf(&b, ", OPT %v", r.opt)
	}
	return b.String()
}

func rcodeName(rcode int) string {
	if s, ok := dns.RcodeToString[rcode]; ok {
		return s
	}
	return fmt.Sprintf("rcode %d", rcode)
}
