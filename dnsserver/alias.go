package dnsserver

import (
	"context"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/rollcall-dns/rollcall/zone"
)

// maxLegs is of how many answers one is put together, of domains of ours and of others
// in turn. Nobody needs more than two.
const maxLegs = 8

// errAliases is what becomes of those who go round in circles.
var errAliases = &Failure{Rcode: dns.RcodeServerFailure, Why: "aliases lead in and out of the zone too often"}

// CutAliases ends the answers of next where an alias leads into a domain of the zone:
// whatever others say of names of ours is not believed. Authority goes on from there. It
// stands behind what remembers answers: such a one is not complete, and not kept.
func CutAliases(z Snapshots, next Handler) Handler { return cutHandler{z, next} }

type cutHandler struct {
	zone Snapshots
	next Handler
}

// Answer implements Handler.
func (h cutHandler) Answer(ctx context.Context, q *Query) (*dns.Msg, error) {
	m, err := h.next.Answer(ctx, q)
	if err != nil || m == nil {
		return m, err
	}
	s, cut := h.zone.Snapshot(), &dns.Msg{MsgHdr: dns.MsgHdr{AuthenticatedData: m.AuthenticatedData}}
	for _, c := range chainOf(q, m) {
		cut.Answer = append(cut.Answer, c)
		if to, ok := wireName(c.Target); ok && domainOf(s, to) != "" {
			return cut, nil
		}
	}
	return m, nil
}

// follow completes an answer that ends in an alias of a name that is answered elsewhere:
// in another domain of ours, or by others. Stub resolvers do not ask again (RFC 1034
// §5.3.1). What the asker would be refused is left to it.
func (h *authorityHandler) follow(ctx context.Context, q *Query, m *dns.Msg) (*dns.Msg, error) {
	s, leg, last := h.zone.Snapshot(), *q, m
	for range maxLegs {
		to := exit(s, &leg, last)
		if to == "" {
			return m, nil
		}
		leg.Name = []byte(to)
		more, err := h.leg(ctx, &leg)
		switch {
		case err != nil:
			return nil, err
		case more == nil:
			return m, nil // nobody's
		}
		m.Answer = append(m.Answer, more.Answer...)
		m.Ns, m.Extra, m.Rcode = more.Ns, more.Extra, more.Rcode // of the last name (RFC 6604 §3)
		m.AuthenticatedData = m.AuthenticatedData && more.AuthenticatedData
		m.Truncated = m.Truncated || more.Truncated
		last = more
	}
	return nil, errAliases
}

// exit is the name at which an answer to q has to be gone on with, or "".
func exit(s *zone.Snapshot, q *Query, m *dns.Msg) zone.Name {
	chain := chainOf(q, m)
	if len(chain) == 0 {
		return ""
	}
	to, ok := wireName(chain[len(chain)-1].Target)
	from, _ := zone.Canonical(nil, q.Name)
	switch in := domainOf(s, to); {
	case !ok, in == domainOf(s, zone.Name(from)), in == "" && !(q.recursion && q.RecursionDesired()):
		return ""
	}
	return to
}

// followed reports whether aliases are for the asker a step on the way to records of a
// type, and not what was asked for.
func followed(qtype uint16) bool { return qtype != dns.TypeCNAME && qtype != dns.TypeANY }

// chainOf is the aliases that lead from the name of q onwards, in their order.
func chainOf(q *Query, m *dns.Msg) (chain []*dns.CNAME) {
	if !followed(q.Type) || len(m.Answer) == 0 {
		return nil
	}
	at, _, err := dns.UnpackDomainName(q.Name, 0)
	for err == nil && len(chain) <= len(m.Answer) {
		i := slices.IndexFunc(m.Answer, func(rr dns.RR) bool {
			return rr.Header().Rrtype == dns.TypeCNAME && strings.EqualFold(rr.Header().Name, at)
		})
		if i < 0 {
			break
		}
		c := m.Answer[i].(*dns.CNAME)
		chain, at = append(chain, c), c.Target
	}
	return chain
}

// wireName is a name of a message in canonical form.
func wireName(s string) (zone.Name, bool) {
	var room [maxName]byte
	n, err := dns.PackDomainName(s, room[:], 0, nil, false)
	if err != nil {
		return "", false
	}
	name, ok := zone.Canonical(nil, room[:n])
	return zone.Name(name), ok
}

// domainOf is the domain of the zone that a name is at or below, or "".
func domainOf(s *zone.Snapshot, n zone.Name) zone.Name {
	for _, d := range s.Domains() {
		if n.Within(d) {
			return d
		}
	}
	return ""
}

// leaves reports whether the answer ends in an alias, maybe of a name elsewhere.
func (l *lookup) leaves() bool {
	n := len(l.a.Answer)
	return n > 0 && followed(l.q.Type) && l.a.Answer[n-1].Type == zone.TypeCNAME
}
