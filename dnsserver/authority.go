package dnsserver

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"slices"
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
// NXDOMAIN, both with the SOA record (RFC 2308 §2). Answers whose aliases lead to names
// of others, or from there to names of the zone, are completed for those who may recurse.
//
// Until ready reports true the names of the zone are SERVFAIL: what no source has
// reported may yet exist. Clock gives monotonic nanoseconds, of the clock behind the
// leases.
func Authority(z Snapshots, ready func() bool, clock func() int64, next Handler) Direct {
	return &authorityHandler{zone: z, ready: ready, clock: clock, seed: rand.Uint32, next: next}
}

type authorityHandler struct {
	zone  Snapshots
	ready func() bool
	clock func() int64
	seed  func() uint32 // of the order of records
	next  Handler
	pool  sync.Pool // of *lookup
}

// Ahead implements Ahead.
func (h *authorityHandler) Ahead(names [][]byte) {
	l := h.lookup()
	h.zone.Snapshot().Ahead(&l.ahead, names)
	h.done(l)
}

// lookup is one question to a snapshot, with memory that is used again.
type lookup struct {
	s       *zone.Snapshot
	q       zone.Question
	a       zone.Answer
	local   netip.Addr
	addr    []byte // local, as rdata
	scratch []byte // of one record
	ahead   zone.Ahead
}

// Direct implements Direct.
func (h *authorityHandler) Direct(q *Query, r *Reply) bool {
	l, ready := h.ask(q)
	defer h.done(l)
	if l.a.Code == zone.NotZone {
		next, ok := h.next.(Direct)
		return ok && next.Direct(q, r)
	}
	if !ready || l.leaves(q) {
		return false
	}
	l.answer(r)
	return true
}

// Answer implements Handler.
func (h *authorityHandler) Answer(ctx context.Context, q *Query) (*dns.Msg, error) {
	m, err := h.leg(ctx, q)
	if err != nil || m == nil {
		return nil, err
	}
	return h.follow(ctx, q, m)
}

// leg is the answer for a name itself, as far as those who know it take it.
func (h *authorityHandler) leg(ctx context.Context, q *Query) (*dns.Msg, error) {
	l, ready := h.ask(q)
	defer h.done(l)
	switch {
	case l.a.Code == zone.NotZone && h.next != nil:
		return h.next.Answer(ctx, q)
	case l.a.Code == zone.NotZone:
		return nil, nil
	case !ready:
		return nil, errNotReady
	}
	return l.message(q)
}

// ask looks a question up, and tells whether the answer counts.
func (h *authorityHandler) ask(q *Query) (l *lookup, ready bool) {
	ready = h.ready() // first: a snapshot that is older would deny what exists
	l = h.lookup()
	l.ask(h.zone.Snapshot(), q, h.clock(), h.seed())
	return l, ready
}

func (h *authorityHandler) lookup() *lookup {
	if l, _ := h.pool.Get().(*lookup); l != nil {
		return l
	}
	return new(lookup)
}

// done ends the use of a lookup.
func (h *authorityHandler) done(l *lookup) {
	l.s, l.q = nil, zone.Question{} // keep no snapshot alive
	h.pool.Put(l)
}

// message is the answer for those who did not ask for it in wire form.
func (l *lookup) message(q *Query) (*dns.Msg, error) {
	var r Reply
	r.begin(q, nil, nil)
	l.answer(&r)
	m := new(dns.Msg)
	return m, m.Unpack(r.finish())
}

// smallest is less than any record takes in a message: a pointer, the fixed part,
// and some data.
const smallest = 2 + 10 + 3

func (l *lookup) ask(s *zone.Snapshot, q *Query, now int64, seed uint32) {
	l.s, l.local = s, q.Local.Addr().Unmap().WithZone("")
	l.q = zone.Question{
		Name: q.Name,
		Type: q.Type,
		View: s.View(q.From.Addr()),
		Now:  now,
		Seed: seed,
		Max:  (q.Limit()-headerLen)/smallest + 1, // what more cannot fit need not be collected
	}
	s.Lookup(&l.q, &l.a)
}

// answer writes the reply for a name of the zone.
func (l *lookup) answer(r *Reply) {
	r.Authoritative = true
	r.Truncated = l.a.Cut
	if l.a.Code == zone.NXDomain {
		r.Rcode = dns.RcodeNameError
	}
	answered := len(l.a.Answer) > 0
	switch {
	case l.a.Self:
		answered = l.self(r)
	case l.q.Type == dns.TypeANY && l.a.Code == zone.NoData:
		answered = l.any(r)
	default:
		l.records(r)
	}
	// An answer that ends in an alias is negative when what that leads to is.
	if !answered || len(l.a.Answer) > 0 && l.a.Code != zone.Success {
		l.negative(r)
	}
}

// negative adds the SOA record, for how long the answer may be remembered (RFC 2308 §5).
func (l *lookup) negative(r *Reply) {
	soa := l.s.SOA(l.a.Apex)
	l.scratch = l.scratch[:0]
	rec := l.record(&soa)
	l.scratch = append(l.scratch, l.a.Apex...)
	rec.Owner = l.scratch[len(l.scratch)-len(l.a.Apex):]
	r.Authority(&rec)
}

// records adds what was found, and what is of use with it.
func (l *lookup) records(r *Reply) {
	for i := 0; i < len(l.a.Answer) && !r.full; i++ {
		r.required(answer, l.add(r, &l.a.Answer[i]))
	}
	if n := len(l.a.Answer); n > 0 && l.a.Answer[n-1].Type == dns.TypeNS {
		l.scratch = l.scratch[:0]
		server := l.record(&l.a.Answer[n-1]).Data
		if own, ok := l.own(server); ok {
			r.Additional(own) // RFC 1035 §3.3.11
		}
	}
	for more := l.a.Additional; len(more) > 0; {
		n := 1
		for n < len(more) && more[n].SameOwner(&more[0]) {
			n++
		}
		l.additional(r, more[:n])
		more = more[n:]
	}
}

// additional adds records of one owner, set by set, as Reply.Additional does.
func (l *lookup) additional(r *Reply, rrs []zone.Record) {
	if r.full {
		return
	}
	for i := range rrs {
		if slices.ContainsFunc(rrs[:i], func(o zone.Record) bool { return o.Type == rrs[i].Type }) {
			continue // added with the first of them
		}
		mark, n := len(r.buf), uint16(0)
		for j := i; j < len(rrs); j++ {
			if rrs[j].Type != rrs[i].Type {
				continue
			}
			if !l.add(r, &rrs[j]) {
				r.undo(mark)
				n = 0
				break
			}
			n++
		}
		r.count[additional] += n
	}
}

// self answers for the name server: at the address that was asked, which is one that
// the asker can reach.
func (l *lookup) self(r *Reply) (answered bool) {
	own, ok := l.own(nil)
	switch {
	case !ok:
		return false
	case l.q.Type == dns.TypeANY:
		own = something(own.TTL)
	case l.q.Type != own.Type:
		return false
	}
	r.Answer(&own)
	return true
}

// own is the name server's address record, if the system told which address was asked.
func (l *lookup) own(owner []byte) (rec Record, ok bool) {
	ip := l.local
	if !ip.IsValid() || ip.IsUnspecified() {
		return rec, false
	}
	soa := l.s.SOA(l.a.Apex)
	l.addr, _ = ip.AppendBinary(l.addr[:0]) // without a zone it cannot fail
	rec = Record{Owner: owner, Type: dns.TypeAAAA, TTL: soa.TTL, Data: l.addr}
	if ip.Is4() {
		rec.Type = dns.TypeA
	}
	return rec, true
}

// any answers ANY with no more than that there is something.
func (l *lookup) any(r *Reply) (answered bool) {
	for _, t := range zone.Types {
		l.q.Type, l.q.Max = t, 1
		if l.s.Lookup(&l.q, &l.a); l.a.Code == zone.Success {
			rec := something(l.a.Answer[0].TTL)
			r.Answer(&rec)
			return true
		}
	}
	return false
}

// something answers ANY at a name that has records (RFC 8482 §4.2), over TCP too: it
// is of no use for amplification, nor for whoever takes ANY for a listing.
func something(ttl uint32) Record { return Record{Type: dns.TypeHINFO, TTL: ttl, Data: refusesAny} }

var refusesAny = []byte("\x07RFC8482\x00")

// add appends a record of the zone, or nothing when it does not fit. Data in which no name
// may be compressed, as in nearly all, goes right where it belongs.
func (l *lookup) add(r *Reply, z *zone.Record) bool {
	switch z.Type {
	case dns.TypeNS, dns.TypeCNAME, dns.TypePTR, dns.TypeSOA:
		l.scratch = l.scratch[:0]
		rec := l.record(z)
		return r.add(&rec)
	}
	mark := len(r.buf)
	l.scratch = z.AppendOwner(l.scratch[:0], l.a.Apex)
	r.owner(l.scratch)
	at := r.fixed(z.Type, z.TTL)
	r.buf = z.AppendRdata(r.buf)
	return r.fits(mark, at)
}

// record is a record of the zone. Its parts lie in l.scratch, until that is cut short.
func (l *lookup) record(r *zone.Record) Record {
	rec := Record{Type: r.Type, TTL: r.TTL}
	at := len(l.scratch)
	if l.scratch = r.AppendOwner(l.scratch, l.a.Apex); len(l.scratch) > at {
		rec.Owner = l.scratch[at:]
	}
	at = len(l.scratch)
	l.scratch = r.AppendRdata(l.scratch)
	rec.Data = l.scratch[at:]
	return rec
}
