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
var errAliases = &Failure{Rcode: dns.RcodeServerFailure, Text: "alias loop", Why: "aliases lead in and out of the zone too often"}

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
		if to == nil {
			return m, nil
		}
		leg.Name = to
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

// exit is the name at which an answer to q has to be gone on with, or nil.
func exit(s *zone.Snapshot, q *Query, m *dns.Msg) []byte {
	chain := chainOf(q, m)
	if len(chain) == 0 {
		return nil
	}
	to, ok := wireName(chain[len(chain)-1].Target)
	from, _ := zone.Canonical(nil, q.Name)
	if !ok || !goesOn(s, q, domainOf(s, from), to) {
		return nil
	}
	return to
}

// goesOn reports whether the answer to q goes on when an alias leads from a domain of
// ours, or from the names of others (""), to a name.
func goesOn(s *zone.Snapshot, q *Query, from zone.Name, to []byte) bool {
	in := domainOf(s, to)
	return in != from && (in != "" || q.recursion && q.RecursionDesired())
}

// leaves reports whether an answer of the zone ends in an alias with which it goes on.
func (l *lookup) leaves(q *Query) bool {
	n := len(l.a.Answer)
	if n == 0 || !followed(q.Type) || l.a.Answer[n-1].Type != zone.TypeCNAME {
		return false
	}
	l.scratch = l.a.Answer[n-1].AppendRdata(l.scratch[:0])
	return goesOn(l.s, q, l.a.Apex, l.scratch)
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
func wireName(s string) ([]byte, bool) {
	var room [maxName]byte
	n, err := dns.PackDomainName(s, room[:], 0, nil, false)
	if err != nil {
		return nil, false
	}
	return zone.Canonical(nil, room[:n])
}

// domainOf is the domain of the zone that a name in canonical form is at or below, or "".
func domainOf(s *zone.Snapshot, name []byte) zone.Name {
	for _, d := range s.Domains() {
		n := name
		for len(n) > len(d) {
			n = n[1+n[0]:]
		}
		if string(n) == string(d) {
			return d
		}
	}
	return ""
}
