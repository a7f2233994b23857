package dnsserver

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"sync"

	"github.com/miekg/dns"

	"github.com/rollcall-dns/rollcall/zone"
)

// Snapshots gives the newest state of a zone: a *zone.Zone does.
type Snapshots interface {
	Snapshot() *zone.Snapshot
}

// Authority answers for the names of a zone, from one snapshot a question, and
// passes every other name to next, which may be nil. Its answers have AA; a name
// without records of the type that is asked is NODATA, and one that does not exist
// NXDOMAIN, both with the SOA record (RFC 2308 §2).
//
// Until ready reports true the names of the zone are SERVFAIL: what no source has
// reported may yet exist. Clock gives monotonic nanoseconds, of the clock behind the
// leases.
func Authority(z Snapshots, ready func() bool, clock func() int64, next Handler) Handler {
	return &authorityHandler{zone: z, ready: ready, clock: clock, next: next}
}

type authorityHandler struct {
	zone  Snapshots
	ready func() bool
	clock func() int64
	next  Handler
	pool  sync.Pool // of *lookup
}

// lookup is one question to a snapshot, with memory that is used again.
type lookup struct {
	s     *zone.Snapshot
	q     zone.Question
	a     zone.Answer
	local netip.Addr
	owner string // the question's name, in the case that was asked
	buf   []byte
	m     *dns.Msg
}

// Answer implements Handler.
func (h *authorityHandler) Answer(ctx context.Context, q *Query) (*dns.Msg, error) {
	// In this order: a snapshot that is older than ready would deny what exists.
	ready := h.ready()
	l, _ := h.pool.Get().(*lookup)
	if l == nil {
		l = new(lookup)
	}
	l.ask(h.zone.Snapshot(), q, h.clock())
	var err error
	if l.a.Code != zone.NotZone && ready {
		err = l.answer(q)
	}
	code, m := l.a.Code, l.m
	l.s, l.m, l.q = nil, nil, zone.Question{} // keep no snapshot alive
	h.pool.Put(l)

	switch {
	case code != zone.NotZone && !ready:
		return nil, errNotReady
	case code != zone.NotZone:
		return m, err
	case h.next != nil:
		return h.next.Answer(ctx, q)
	}
	return nil, nil
}

// smallest is less than any record takes in a message: a pointer, the fixed part,
// and some data.
const smallest = 2 + 10 + 3

func (l *lookup) ask(s *zone.Snapshot, q *Query, now int64) {
	l.s, l.local = s, q.Local.Addr().Unmap()
	l.q = zone.Question{
		Name: q.Name,
		Type: q.Type,
		View: s.View(q.From.Addr()),
		Now:  now,
		Seed: rand.Uint32(),
		Max:  (q.Limit()-headerLen)/smallest + 1, // what more cannot fit need not be collected
	}
	s.Lookup(&l.q, &l.a)
}

// answer makes the message for a name of the zone.
func (l *lookup) answer(q *Query) (err error) {
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
func (l *lookup) negative() error {
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
func (l *lookup) records() error {
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
func (l *lookup) self() {
	a := l.own(l.owner)
	switch {
	case a == nil:
	case l.q.Type == dns.TypeANY:
		l.m.Answer = append(l.m.Answer, something(l.owner, a.Header().Ttl))
	case l.q.Type == a.Header().Rrtype:
		l.m.Answer = append(l.m.Answer, a)
	}
}

// own is the name server's address record, or nil when the system did not tell
// which address was asked.
func (l *lookup) own(owner string) dns.RR {
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
func (l *lookup) any() {
	for _, t := range zone.Types {
		l.q.Type, l.q.Max = t, 1
		if l.s.Lookup(&l.q, &l.a); l.a.Code == zone.Success {
			l.m.Answer = append(l.m.Answer, something(l.owner, l.a.Answer[0].TTL))
			return
		}
	}
}

// something answers ANY at a name that has records (RFC 8482 §4.2), over TCP too: it
// is of no use for amplification, nor for whoever takes ANY for a listing.
func something(owner string, ttl uint32) dns.RR {
	h := dns.RR_Header{Name: owner, Rrtype: dns.TypeHINFO, Class: dns.ClassINET, Ttl: ttl}
	return &dns.HINFO{Hdr: h, Cpu: "RFC8482"}
}

// rr is a record of the zone as the DNS library has it.
func (l *lookup) rr(r *zone.Record) (dns.RR, error) {
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
