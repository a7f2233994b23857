package dnsserver

import (
	"context"
	"encoding/binary"
	"testing"

	"github.com/miekg/dns"
)

// everyName answers with an address for each name, so that all names go through
// the composer.
var everyName = handlerFunc(func(_ context.Context, q *Query) (*dns.Msg, error) {
	name, _, err := dns.UnpackDomainName(q.Name, 0)
	if err != nil {
		return nil, err
	}
	h := dns.RR_Header{Name: name, Rrtype: dns.TypeNS, Class: dns.ClassINET, Ttl: 1}
	return &dns.Msg{Answer: []dns.RR{&dns.NS{Hdr: h, Ns: name}}}, nil
})

// FuzzRespond sends any octets. Whatever they are, nothing panics, and a reply is
// to them: it keeps their identity and question, stays within the limit, and reads
// back.
func FuzzRespond(f *testing.F) {
	for _, tt := range admissions() {
		f.Add(tt.msg, false)
	}
	for _, tt := range answers {
		f.Add(query(tt.ask), true)
	}
	z := newZone(f)
	crowd(f, z, "many", 300, 2)
	f.Add(query("many.svc.test. SRV +edns=4096"), false)
	f.Add(query("many.svc.test. SRV"), true)
	h := Authority(z, always, sinceStart, everyName)
	f.Fuzz(func(t *testing.T, msg []byte, tcp bool) {
		transport := UDP
		if tcp {
			transport = TCP
		}
		if len(msg) > maxTCPSize {
			return
		}
		reply := ask(t, h, transport, msg)
		if reply == nil {
			if len(msg) >= headerLen && msg[2]&0x80 == 0 {
				t.Errorf("query %x is not answered", msg)
			}
			return
		}
		checkReply(t, msg, reply, transport)
	})
}

func checkReply(t *testing.T, msg, reply []byte, transport Transport) {
	m := unpack(t, reply)
	checkEcho(t, msg, reply)
	if m.Opcode != dns.OpcodeQuery {
		if m.Rcode != dns.RcodeNotImplemented || len(reply) != headerLen {
			t.Errorf("reply %x to opcode %d", reply, m.Opcode)
		}
		return
	}
	limit := minUDPSize
	if transport == TCP {
		limit = maxTCPSize
	} else if m.IsEdns0() != nil {
		limit = maxUDPSize
	}
	if len(reply) > limit || m.Truncated && transport == TCP && len(reply) < limit/2 {
		t.Errorf("reply of %d octets, TC=%v, where %d may be", len(reply), m.Truncated, limit)
	}
	switch m.Rcode & 15 { // BADVERS has 0 in its low bits
	case dns.RcodeBadCookie & 15:
		if len(m.Question) > 0 {
			t.Errorf("reply %v to %x", m, msg)
		}
	case dns.RcodeSuccess, dns.RcodeFormatError, dns.RcodeNameError, dns.RcodeNotImplemented, dns.RcodeRefused:
	default:
		t.Errorf("reply %v to %x", m, msg)
	}
	for _, rr := range m.Answer {
		if rr.Header().Name != m.Question[0].Name {
			t.Errorf("question %s is answered with %s", m.Question[0].Name, rr)
		}
		if ns, ok := rr.(*dns.NS); ok && !m.Authoritative && ns.Ns != m.Question[0].Name {
			t.Errorf("name %s came back as %s", m.Question[0].Name, ns.Ns)
		}
	}
	// The library passes over octets behind the last record: there must be none.
	counted := headerLen
	for range m.Question {
		counted, _ = skipName(reply, counted)
		counted += 4
	}
	for range len(m.Answer) + len(m.Ns) + len(m.Extra) {
		counted, _ = skipName(reply, counted)
		counted += 10 + int(binary.BigEndian.Uint16(reply[counted+8:]))
	}
	if counted != len(reply) {
		t.Errorf("reply %x has %d octets, its records end at %d", reply, len(reply), counted)
	}
}
