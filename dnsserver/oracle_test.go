package dnsserver

import (
	"bytes"
	"context"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/rollcall-dns/rollcall/zone"
)

// oracle answers as Authority does, but has the DNS library make the records and the
// message: what Authority writes must be the same, octet for octet.
type oracle struct {
	zone Snapshots
	next Handler
}

// oracleLookup is one question to a snapshot.
type oracleLookup struct {
	lookup
	owner string // the question's name, in the case that was asked
	buf   []byte
	m     *dns.Msg
}

func (o *oracle) Answer(ctx context.Context, q *Query) (*dns.Msg, error) {
	var l oracleLookup
	l.ask(o.zone.Snapshot(), q, 0, fixedSeed())
	if l.a.Code == zone.NotZone {
		return o.next.Answer(ctx, q)
	}
	err := l.answer(q)
	return l.m, err
}

func fixedSeed() uint32 { return 7 }

// bothWays gives a responder that writes, one that has the library make messages, and queries
// to begin with.
func bothWays(t testing.TB) (direct, slow *responder, corpus [][]byte) {
	r, corpus := everything(t)
	h := r.handler.(*authorityHandler)
	h.seed, h.clock = fixedSeed, func() int64 { return 0 }
	frozen := func() time.Time { return time.Unix(1, 0) }
	self := &identity{cookies: newCookies(frozen), nsid: "dns-1", idle: time.Second}
	with := func(h Handler) *responder {
		return &responder{handler: h, log: &limitedLog{log: slog.New(slog.DiscardHandler)}, n: new(counters), c: composer{self: self}}
	}
	return with(h), with(&oracle{h.zone, h.next}), corpus
}

func checkSame(t *testing.T, direct, slow *responder, msg []byte, over Transport) {
	t.Helper()
	ask := func(r *responder) []byte {
		r.q = Query{From: netip.MustParseAddrPort("192.0.2.1:1234"), Local: netip.MustParseAddrPort("198.51.100.1:53"), Transport: over}
		reply, _ := r.respond(context.Background(), msg, nil)
		return reply
	}
	if got, want := ask(direct), ask(slow); !bytes.Equal(got, want) {
		t.Errorf("query %x over %v:\n got %x\nwant %x", msg, over, got, want)
	}
}

func TestAnswersAreThoseOfTheLibrary(t *testing.T) {
	direct, slow, corpus := bothWays(t)
	for _, msg := range corpus {
		checkSame(t, direct, slow, msg, UDP)
		checkSame(t, direct, slow, msg, TCP)
	}
}

// FuzzDirect compares the replies to any octets.
func FuzzDirect(f *testing.F) {
	direct, slow, corpus := bothWays(f)
	for i, msg := range corpus {
		f.Add(msg, i%2 == 0)
	}
	f.Fuzz(func(t *testing.T, msg []byte, tcp bool) {
		over := UDP
		if tcp {
			over = TCP
		}
		if len(msg) <= maxTCPSize {
			checkSame(t, direct, slow, msg, over)
		}
	})
}

// answer makes the message for a name of the zone.
func (l *oracleLookup) answer(q *Query) (err error) {
	if l.owner, _, err = dns.UnpackDomainName(q.Name, 0); err != nil {
		return err
	}
	l.m = new(dns.Msg)
	l.m.Authoritative = true
	l.m.Truncated = l.a.Cut
	switch {
	case l.a.Self:
		l.self()
	case q.Type == dns.TypeANY && l.a.Code == zone.NoData:
		l.any()
	default:
		err = l.records()
	}
	if l.a.Code == zone.NXDomain {
		l.m.Rcode = dns.RcodeNameError
	}
	// An answer that ends in an alias is negative when what that leads to is.
	if err == nil && (len(l.m.Answer) == 0 || len(l.a.Answer) > 0 && l.a.Code != zone.Success) {
		err = l.negative()
	}
	return err
}

// negative adds the SOA record, for how long the answer may be remembered (RFC 2308 §5).
func (l *oracleLookup) negative() error {
	soa := l.s.SOA(l.a.Apex)
	rr, err := l.rr(&soa)
	if err != nil {
		return err
	}
	rr.Header().Name = nameString(l.a.Apex)
	l.m.Ns = []dns.RR{rr}
	return nil
}

// records adds what was found, and the addresses that are of use with it.
func (l *oracleLookup) records() error {
	for i := range l.a.Answer {
		rr, err := l.rr(&l.a.Answer[i])
		if err != nil {
			return err
		}
		l.m.Answer = append(l.m.Answer, rr)
		if ns, ok := rr.(*dns.NS); ok {
			if a := l.own(ns.Ns); a != nil {
				l.m.Extra = append(l.m.Extra, a) // RFC 1035 §3.3.11
			}
		}
	}
	for i := range l.a.Additional {
		rr, err := l.rr(&l.a.Additional[i])
		if err != nil {
			return err
		}
		l.m.Extra = append(l.m.Extra, rr)
	}
	return nil
}

// self answers for the name server: at the address that was asked, which is one that
// the asker can reach.
func (l *oracleLookup) self() {
	a := l.own(l.owner)
	switch {
	case a == nil:
	case l.q.Type == dns.TypeANY:
		l.m.Answer = append(l.m.Answer, somethingRR(l.owner, a.Header().Ttl))
	case l.q.Type == a.Header().Rrtype:
		l.m.Answer = append(l.m.Answer, a)
	}
}

// own is the name server's address record, or nil when the system did not tell
// which address was asked.
func (l *oracleLookup) own(owner string) dns.RR {
	soa := l.s.SOA(l.a.Apex)
	h := dns.RR_Header{Name: owner, Class: dns.ClassINET, Ttl: soa.TTL}
	switch ip := l.local; {
	case !ip.IsValid() || ip.IsUnspecified():
		return nil
	case ip.Is4():
		h.Rrtype = dns.TypeA
		return &dns.A{Hdr: h, A: ip.AsSlice()}
	default:
		h.Rrtype = dns.TypeAAAA
		return &dns.AAAA{Hdr: h, AAAA: ip.AsSlice()}
	}
}

// any answers ANY with no more than that there is something.
func (l *oracleLookup) any() {
	for _, t := range zone.Types {
		l.q.Type, l.q.Max = t, 1
		if l.s.Lookup(&l.q, &l.a); l.a.Code == zone.Success {
			l.m.Answer = append(l.m.Answer, somethingRR(l.owner, l.a.Answer[0].TTL))
			return
		}
	}
}

// something answers ANY at a name that has records (RFC 8482 §4.2), over TCP too: it
// is of no use for amplification, nor for whoever takes ANY for a listing.
func somethingRR(owner string, ttl uint32) dns.RR {
	h := dns.RR_Header{Name: owner, Rrtype: dns.TypeHINFO, Class: dns.ClassINET, Ttl: ttl}
	return &dns.HINFO{Hdr: h, Cpu: "RFC8482"}
}

// rr is a record of the zone as the DNS library has it.
func (l *oracleLookup) rr(r *zone.Record) (dns.RR, error) {
	owner := l.owner
	if l.buf = r.AppendOwner(l.buf[:0], l.a.Apex); len(l.buf) > 0 {
		owner = nameString(zone.Name(l.buf))
	}
	l.buf = r.AppendRdata(l.buf[:0])
	h := dns.RR_Header{Name: owner, Rrtype: r.Type, Class: dns.ClassINET, Ttl: r.TTL, Rdlength: uint16(len(l.buf))}
	rr, _, err := dns.UnpackRRWithHeader(h, l.buf, 0)
	return rr, err
}

// nameString is a name of the zone as the DNS library has it.
func nameString(n zone.Name) string {
	s, _, _ := dns.UnpackDomainName([]byte(n), 0) // a zone's names are well-formed
	return s
}
