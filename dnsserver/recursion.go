package dnsserver

import (
	"context"
	"net/netip"
	"slices"

	"github.com/miekg/dns"
)

// Askers are those who may recurse: for whom the names of others are looked up. A
// server that does so for everybody is of use to whoever forges addresses (RFC 5358).
// Nil and the zero value are nobody.
type Askers struct {
	// Local are loopback, private and link-local addresses, and whoever is on a network
	// that the zone knows. Shared addresses (RFC 6598) are not among them: behind one
	// carrier's translator live strangers.
	Local bool
	// Networks gives the networks that the zone knows. Nil knows none.
	Networks Snapshots
	// Prefixes are others.
	Prefixes []netip.Prefix
}

// Have reports whether one who asks from ip is among them.
func (a *Askers) Have(ip netip.Addr) bool {
	if a == nil {
		return false
	}
	ip = ip.Unmap().WithZone("")
	switch {
	case a.Local && (ip.IsLoopback() || ip.IsPrivate() || ip.IsLinkLocalUnicast()),
		slices.ContainsFunc(a.Prefixes, func(p netip.Prefix) bool { return p.Contains(ip) }):
		return true
	case !a.Local || a.Networks == nil:
		return false
	}
	view := a.Networks.Snapshot().View(ip)
	return view.Inside()
}

// Recursion passes on what those ask who may recurse, and refuses everybody else. It
// stands before all that answers for names of others, so that what is remembered is told
// to no one else either.
func Recursion(next Handler) Direct { return recursionHandler{next} }

type recursionHandler struct{ next Handler }

// Direct implements Direct.
func (h recursionHandler) Direct(q *Query, r *Reply) bool {
	next, ok := h.next.(Direct)
	return ok && q.recursion && next.Direct(q, r)
}

// Answer implements Handler.
func (h recursionHandler) Answer(ctx context.Context, q *Query) (*dns.Msg, error) {
	if !q.recursion {
		return nil, errNoRecursion
	}
	return h.next.Answer(ctx, q)
}
