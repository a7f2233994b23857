package dnsserver

import (
	"context"
	"encoding/binary"
	"flag"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

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

// everything is a responder with all that answers have, and messages to begin with.
func everything(t testing.TB) (r *responder, corpus [][]byte) {
	z := newZone(t)
	putAliases(t, z)
	crowd(t, z, "many", 300, 2)
	h := Authority(z, always, sinceStart, SpecialNames(z.Snapshot().Domains(), nil, everyName))
	self := &identity{cookies: newCookies(time.Now), nsid: "dns-1", idle: time.Second}
	r = &responder{handler: h, log: &limitedLog{log: slog.New(slog.DiscardHandler)}, n: new(counters), c: composer{self: self}}
	for _, tt := range admissions() {
		corpus = append(corpus, tt.msg)
	}
	for _, tt := range append(slices.Clone(answers), aliases...) {
		corpus = append(corpus, query(tt.ask))
	}
	for _, q := range []string{"many.svc.test. SRV +edns=4096", "many.svc.test. SRV", "x.localhost. ANY", "onion. SOA +do", "id.server. TXT +class=CH"} {
		corpus = append(corpus, query(q))
	}
	all := "\x00\x0c\x00\x00\x00\x03\x00\x00\x00\x0b\x00\x00\x00\x0a\x00\x0812345678"
	return r, append(corpus, message(bitRD, "1001", webA, opt(all)))
}

// checkRespond fails unless the reply to msg, whatever that is, is a reply to it: it
// keeps its identity and question, stays within the limit, and reads back.
func checkRespond(t *testing.T, r *responder, msg []byte, transport Transport) {
	r.q = Query{From: netip.MustParseAddrPort("192.0.2.1:1234"), Local: netip.MustParseAddrPort("198.51.100.1:53"), Transport: transport}
	reply, _ := r.respond(context.Background(), msg, nil)
	switch {
	case len(reply) > 0:
		checkReply(t, msg, reply, transport)
		cacheControl(reply)
	case len(msg) >= headerLen && msg[2]&0x80 == 0:
		t.Errorf("query %x is not answered", msg)
	}
	if n := r.n.panics.Load(); n > 0 {
		t.Fatalf("query %x made the handler panic", msg)
	}
}

// FuzzRespond sends any octets.
func FuzzRespond(f *testing.F) {
	r, corpus := everything(f)
	for i, msg := range corpus {
		f.Add(msg, uint8(i))
	}
	f.Fuzz(func(t *testing.T, msg []byte, over uint8) {
		if len(msg) <= maxTCPSize {
			checkRespond(t, r, msg, Transport(over)%transports)
		}
	})
}

var mutations = flag.Int("mutations", 100_000, "messages of TestMutatedMessages")

// What is nearly a query is answered as well as any other: mutated in one place or a
// few, cut, made longer, spliced with another. The same each time, so that a failure
// can be repeated.
func TestMutatedMessages(t *testing.T) {
	r, corpus := everything(t)
	rnd := rand.New(rand.NewPCG(1, 2))
	any := func() []byte { return corpus[rnd.IntN(len(corpus))] }
	for i := range *mutations {
		msg := slices.Clone(any())
		for range 1 + rnd.IntN(4) {
			if len(msg) == 0 {
				break
			}
			switch at := rnd.IntN(len(msg)); rnd.IntN(6) {
			case 0:
				msg = msg[:at]
			case 1:
				other := any()
				msg = append(msg, other[rnd.IntN(len(other)+1):]...)
			case 2:
				msg[at] = byte(rnd.IntN(256))
			case 3:
				msg[at] ^= 1 << rnd.IntN(8)
			case 4:
				msg[at] = 0xc0 | byte(rnd.IntN(2))
			case 5:
				msg[at] = [...]byte{0, 1, 63, 64, 127, 128, 255}[rnd.IntN(7)]
			}
		}
		checkRespond(t, r, msg, Transport(i)%transports)
		if t.Failed() {
			t.Fatalf("after %d messages", i)
		}
	}
	var st Stats
	r.n.addTo(&st)
	t.Logf("%+v", st)
	if st.Rcodes[dns.RcodeSuccess] == 0 || st.Rcodes[dns.RcodeFormatError] == 0 || st.Rcodes[dns.RcodeNameError] == 0 {
		t.Errorf("the messages are too much alike: %+v", st)
	}
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
	limit := limitOf(msg, transport)
	if len(reply) > limit || m.Truncated && transport != UDP && len(reply) < limit/2 {
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
	owner := ""
	for i, rr := range m.Answer {
		if i == 0 {
			owner = m.Question[0].Name
		}
		if !strings.EqualFold(rr.Header().Name, owner) {
			t.Errorf("question %s is answered with %s, which %s does not lead to", m.Question[0].Name, rr, owner)
		}
		if c, ok := rr.(*dns.CNAME); ok {
			owner = c.Target
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

// limitOf is how long a reply to msg may be, as the DNS library reads it; it cannot
// read some records that do not matter.
func limitOf(msg []byte, transport Transport) int {
	m := new(dns.Msg)
	switch err := m.Unpack(msg); {
	case transport != UDP:
		return maxTCPSize
	case err != nil:
		return maxUDPSize
	case m.IsEdns0() == nil:
		return minUDPSize
	}
	return min(max(int(m.IsEdns0().UDPSize()), minUDPSize), maxUDPSize)
}
