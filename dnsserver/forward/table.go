package forward

import (
	"sync/atomic"

	"github.com/rollcall-dns/rollcall/dnsserver"
	"github.com/rollcall-dns/rollcall/zone"
)

// group are the servers of one route.
type group struct {
	servers []*server
	asked   atomic.Uint64 // questions so far
}

// table finds the group for a name: that of the longest domain at or above it.
type table struct{ groups map[zone.Name]*group }

// internal is what people use within their sites, by agreement (ICANN 2024).
var internal = zone.MustParseName("internal")

// public stands for servers of which none is of this site.
var public = new(group)

// newTable has the names that mean something only here go nowhere, unless a group
// comes for them. Those below internal. go to servers alone that are of the same site:
// clouds answer for some (metadata.google.internal), and no others can.
func newTable(groups map[zone.Name]*group) *table {
	t := &table{groups: make(map[zone.Name]*group)}
	for n := range dnsserver.LocalNames() {
		t.groups[n] = nil
	}
	if g := groups[zone.Root]; g != nil {
		t.groups[internal] = g.within()
	}
	for n, g := range groups {
		t.groups[n] = g
	}
	return t
}

// within is the group of the servers at private addresses, or public.
func (g *group) within() *group {
	if len(g.servers) == 0 {
		return g // they may come, and be of this site
	}
	in := new(group)
	for _, s := range g.servers {
		if ip := s.addr.AddrPort().Addr(); ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast() {
			in.servers = append(in.servers, s)
		}
	}
	if len(in.servers) == 0 {
		return public
	}
	return in
}

// find gives nil for names that go nowhere. The name is in lower case.
func (t *table) find(name []byte) *group {
	for at := name; ; at = at[1+at[0]:] {
		if g, ok := t.groups[zone.Name(at)]; ok || at[0] == 0 {
			return g
		}
	}
}
