package dnsserver

import (
	"context"
	"iter"
	"net"

	"github.com/miekg/dns"

	"github.com/rollcall-dns/rollcall/zone"
)

// specialTTL is for how long answers about special names are remembered, in seconds:
// they change only when the server is told otherwise.
const specialTTL = 300

// What is below a special name.
type below int

const (
	nothing   below = iota // NXDOMAIN
	noRecords              // NODATA
	loopback               // the addresses of this host, also at the name itself
)

// specials are the names that mean nothing to any other server, which therefore is
// never asked. They are served as RFC 6303 §3 has it. Names below internal. are not
// among them: those of clouds are there (metadata.google.internal).
var specials = []struct {
	name  string
	below below
}{
	{"localhost.", loopback},      // RFC 6761 §6.3
	{"invalid.", nothing},         // RFC 6761 §6.4
	{"test.", nothing},            // RFC 6761 §6.2
	{"onion.", nothing},           // RFC 7686 §2
	{"local.", nothing},           // RFC 6762 §22.1
	{"alt.", nothing},             // RFC 9476 §3.2
	{"home.arpa.", nothing},       // RFC 8375 §4
	{"resolver.arpa.", noRecords}, // RFC 9462 §4; Designated stands before it
}

// LocalNames are those of which only this server is to be asked, unless it is told
// otherwise: the special ones, and the reverse zones of private addresses.
func LocalNames() iter.Seq[zone.Name] {
	return func(yield func(zone.Name) bool) {
		for _, s := range specials {
			if !yield(zone.MustParseName(s.name)) {
				return
			}
		}
		for n := range zone.PrivateReverse() {
			if !yield(n) {
				return
			}
		}
	}
}

// SpecialNames answers for names that are never asked of others, such as those below
// localhost, and passes every other name to next, which may be nil. The domains of the
// zone stand before it; names above them exist, whatever is special about them. What
// is at or below a name of elsewhere is passed on as well.
func SpecialNames(domains, elsewhere []zone.Name, next Handler) Handler {
	h := &specialHandler{zones: make(map[zone.Name]*specialZone), above: make(map[zone.Name]bool), next: next}
	for _, n := range elsewhere {
		h.zones[n] = nil
	}
	for _, s := range specials {
		if n := zone.MustParseName(s.name); !h.knows(n) {
			h.zones[n] = newSpecialZone(s.name, s.below)
		}
	}
	for _, d := range domains {
		for ; d != zone.Root; d = d[1+d[0]:] {
			h.above[d] = true
		}
	}
	return h
}

type specialHandler struct {
	zones map[zone.Name]*specialZone // nil: elsewhere
	above map[zone.Name]bool         // our domains, and the names above them
	next  Handler
}

func (h *specialHandler) knows(n zone.Name) bool {
	_, _, ok := h.find([]byte(n))
	return ok
}

// find looks for the longest name that n, in lower case, is at or below.
func (h *specialHandler) find(n []byte) (z *specialZone, apex, ok bool) {
	for at := n; ; at = at[1+at[0]:] {
		if z, ok = h.zones[zone.Name(at)]; ok || at[0] == 0 {
			return z, len(at) == len(n), ok
		}
	}
}

// Direct implements Direct: it passes on all names but the special ones, and those above
// our domains.
func (h *specialHandler) Direct(q *Query, r *Reply) bool {
	next, ok := h.next.(Direct)
	if !ok {
		return false
	}
	var room [maxName]byte
	name, _ := zone.Canonical(room[:0], q.Name)
	z, _, _ := h.find(name)
	return z == nil && !h.above[zone.Name(name)] && next.Direct(q, r)
}

// Answer implements Handler.
func (h *specialHandler) Answer(ctx context.Context, q *Query) (*dns.Msg, error) {
	var room [maxName]byte
	name, _ := zone.Canonical(room[:0], q.Name) // admission has seen to its form
	z, apex, _ := h.find(name)
	switch {
	case z != nil:
		return z.answer(q, apex, h.above[zone.Name(name)])
	case h.next == nil:
		return nil, nil
	}
	m, err := h.next.Answer(ctx, q)
	if m != nil && m.Rcode == dns.RcodeNameError && h.above[zone.Name(name)] {
		m.Rcode = dns.RcodeSuccess // others do not know what is below it (RFC 8020)
	}
	return m, err
}

// specialZone is a zone of nothing but an apex (RFC 6303 §3).
type specialZone struct {
	below below
	soa   dns.SOA
	ns    dns.NS
}

func newSpecialZone(apex string, b below) *specialZone {
	h := func(t uint16) dns.RR_Header {
		return dns.RR_Header{Name: apex, Rrtype: t, Class: dns.ClassINET, Ttl: specialTTL}
	}
	return &specialZone{
		below: b,
		soa: dns.SOA{
			Hdr: h(dns.TypeSOA), Ns: apex, Mbox: "nobody.invalid.",
			Serial: 1, Refresh: 3600, Retry: 1200, Expire: 604800, Minttl: specialTTL,
		},
		ns: dns.NS{Hdr: h(dns.TypeNS), Ns: apex},
	}
}

// answer makes the answer for the apex, or a name below it; exists says that names of
// another zone are below that one.
func (z *specialZone) answer(q *Query, apex, exists bool) (*dns.Msg, error) {
	m := &dns.Msg{MsgHdr: dns.MsgHdr{Authoritative: true}}
	owner, _, err := dns.UnpackDomainName(q.Name, 0)
	soa, ns := z.soa, z.ns // packing writes to them
	h := dns.RR_Header{Name: owner, Rrtype: q.Type, Class: dns.ClassINET, Ttl: specialTTL}
	switch {
	case apex && q.Type == dns.TypeSOA:
		m.Answer = []dns.RR{&soa}
	case apex && q.Type == dns.TypeNS:
		m.Answer = []dns.RR{&ns}
	case z.below == loopback && q.Type == dns.TypeA:
		m.Answer = []dns.RR{&dns.A{Hdr: h, A: net.IPv4(127, 0, 0, 1)}}
	case z.below == loopback && q.Type == dns.TypeAAAA:
		m.Answer = []dns.RR{&dns.AAAA{Hdr: h, AAAA: net.IPv6loopback}}
	case q.Type == dns.TypeANY && (apex || z.below == loopback):
		h.Rrtype = dns.TypeHINFO // RFC 8482 §4.2
		m.Answer = []dns.RR{&dns.HINFO{Hdr: h, Cpu: "RFC8482"}}
	case z.below == nothing && !apex && !exists:
		m.Rcode = dns.RcodeNameError
	}
	if len(m.Answer) == 0 {
		m.Ns = []dns.RR{&soa}
	}
	return m, err
}
