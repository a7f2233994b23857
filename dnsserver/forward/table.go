package forward

import (
	"sync/atomic"

	"github.com/miekg/dns"

	"github.com/rollcall-dns/rollcall/dnsserver"
	"github.com/rollcall-dns/rollcall/zone"
)

// group are the servers of one route.
type group struct {
	servers []*server
	asked   atomic.Uint64 // questions so far
	guarded bool          // its answers have no addresses of this site
}

// table finds the group for a name: that of the longest domain at or above it.
type table struct {
	groups map[zone.Name]*group
	nearby *group // of the upstreams, for what is only of this site
}

// internal is what people use within their sites, by agreement (ICANN 2024).
var internal = zone.MustParseName("internal")

// host reports whether somebody looks for a host of one label. Hardly any public name is
// that, and none may be (RFC 7085, ICANN 2013), but routers and companies' servers know
// such ones. Other types are about top-level domains.
func host(name []byte, typ uint16) bool {
	return len(name) > 1 && len(name) == 2+int(name[0]) &&
		(typ == dns.TypeA || typ == dns.TypeAAAA || typ == dns.TypeHTTPS)
}

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
		t.nearby = g.within()
		t.groups[internal] = t.nearby
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
func (t *table) find(name []byte, typ uint16) *group {
	for at := name; ; at = at[1+at[0]:] {
		switch g, ok := t.groups[zone.Name(at)]; {
		case at[0] == 0 && ok && host(name, typ):
			return t.nearby
		case ok || at[0] == 0:
			return g
		}
	}
}
