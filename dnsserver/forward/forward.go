package forward

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sync/singleflight"

	"github.com/rollcall-dns/rollcall/dnsserver"
	"github.com/rollcall-dns/rollcall/dnsserver/upstream"
	"github.com/rollcall-dns/rollcall/zone"
)

// Patience is how long an asker waits at most: less than clients do, who ask again
// after 5 s (resolv.conf(5)).
const Patience = 3500 * time.Millisecond

// An Exchanger asks one server one question: an *upstream.Client does. It is called from
// many goroutines, and with one query several times at once, which it does not change.
type Exchanger interface {
	Exchange(ctx context.Context, to upstream.Addr, query *dns.Msg) (*dns.Msg, error)
}

// Options of a Forwarder.
type Options struct {
	// Client asks. Required.
	Client Exchanger
	// Upstreams are asked for what no route is for. Without them, and without Files, such
	// names are nobody's.
	Upstreams []upstream.Addr
	// Files in the form of resolv.conf(5) name more of them. They are followed; one that
	// is missing names none.
	Files []string
	// Routes are for the names at and below a domain; the longest counts. Of a name that
	// means something only here, and is not to be asked of others otherwise, only a route
	// at or below that counts.
	Routes []Route
	// MaxQueries is how many questions may be under way; half of them at one server, a
	// quarter for one client network (a /24 of IPv4, a /56 of IPv6). Zero means 1,000.
	MaxQueries int
	// NoRebinding removes private addresses from what Upstreams and Files say of names that
	// may be anybody's. What a route is for, names below internal. and hosts of one label
	// may have them.
	NoRebinding bool
	// Log takes what an operator must know. Nil discards it.
	Log *slog.Logger
}

// Route says whom to ask for names at and below a domain.
type Route struct {
	Domain  zone.Name
	Servers []upstream.Addr // at least one
}

// Forwarder is a Handler that asks other servers. Load is called once before it answers,
// and Run runs beside it. Its methods may be called from many goroutines.
type Forwarder struct {
	o        Options
	log      *slog.Logger
	table    atomic.Pointer[table]
	flights  singleflight.Group
	failures *failures
	places   *places
	probes   probes
	n        counters

	mu        sync.Mutex // orders Load; guards the following
	listening []netip.AddrPort
	files     []*file
	servers   map[serverKey]*server
}

// New gives a forwarder that knows no server yet.
func New(o Options) *Forwarder {
	if o.MaxQueries == 0 {
		o.MaxQueries = 1000
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	f := &Forwarder{
		o: o, log: o.Log, failures: newFailures(), places: newPlaces(o.MaxQueries),
		servers: make(map[serverKey]*server),
	}
	for _, path := range o.Files {
		f.files = append(f.files, &file{path: path})
	}
	f.table.Store(newTable(nil))
	return f
}

// question is what is asked upstream. Equal ones are asked once (RFC 5452 §5).
type question struct {
	name   string // lower case
	typ    uint16
	do, cd bool
}

func (q question) key() string {
	flags := byte('0')
	if q.do {
		flags |= 1
	}
	if q.cd {
		flags |= 2
	}
	return string([]byte{byte(q.typ >> 8), byte(q.typ), flags}) + q.name
}

// msg is the question as a message. AD asks to be told (RFC 6840 §5.7): who may know is
// decided where it is answered.
func (q question) msg() *dns.Msg {
	m := &dns.Msg{
		MsgHdr:   dns.MsgHdr{RecursionDesired: true, AuthenticatedData: true, CheckingDisabled: q.cd},
		Question: []dns.Question{{Name: q.name, Qtype: q.typ, Qclass: dns.ClassINET}},
	}
	if q.do {
		m.SetEdns0(1232, true)
	}
	return m
}

// Answer implements dnsserver.Handler.
func (f *Forwarder) Answer(ctx context.Context, q *dnsserver.Query) (*dns.Msg, error) {
	var room [255]byte
	name, _ := zone.Canonical(room[:0], q.Name) // admission has seen to its form
	if f.probes.returned(name) {
		return noSuchName(), nil
	}
	g := f.table.Load().find(name, q.Type)
	switch {
	case g == nil:
		return nil, nil // nobody's
	case g == public:
		return noSuchName(), nil // as all of them would say
	case !q.RecursionDesired():
		return nil, errNotAsked
	}
	ask := question{typ: q.Type, do: q.EDNS.DO, cd: q.CheckingDisabled()}
	var err error
	if ask.name, _, err = dns.UnpackDomainName(name, 0); err != nil {
		return nil, err
	}
	key := ask.key()
	if failure := f.failures.get(key); failure != nil {
		f.n.remembered.Add(1)
		return nil, failure
	}
	if !q.MayWait {
		return nil, dnsserver.ErrWait
	}
	return f.fly(ctx, g, ask, key, q.From.Addr())
}

// noSuchName has no SOA record, and is not AA: it is not to be remembered, nor to keep
// anybody from asking a server that may know better.
func noSuchName() *dns.Msg { return &dns.Msg{MsgHdr: dns.MsgHdr{Rcode: dns.RcodeNameError}} }

// fly asks, or waits for the answer to the same question that is asked already.
func (f *Forwarder) fly(ctx context.Context, g *group, ask question, key string, from netip.Addr) (*dns.Msg, error) {
	first := false
	v, err, shared := f.flights.Do(key, func() (any, error) {
		first = true
		return f.ask(ctx, g, ask, key, from)
	})
	if !first {
		f.n.coalesced.Add(1)
	}
	if err != nil {
		return nil, err
	}
	m := v.(*dns.Msg)
	if shared {
		m = m.Copy() // whoever packs it writes to it
	}
	return m, nil
}

func (f *Forwarder) ask(ctx context.Context, g *group, ask question, key string, from netip.Addr) (*dns.Msg, error) {
	f.n.questions.Add(1)
	if !f.places.take(from) {
		f.n.busy.Add(1)
		return nil, errBusy
	}
	defer f.places.leave(from)
	m, err := f.race(ctx, g, ask.msg())
	if err == nil {
		f.n.answered.Add(1)
		if g.guarded && withoutPrivate(m) {
			f.n.blocked.Add(1)
		}
		return m, nil
	}
	f.n.failed.Add(1)
	failure := failureOf(err)
	if ctx.Err() == nil && failure != errBusy {
		f.failures.put(key, failure)
	}
	return nil, failure
}
