package docker

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/rollcall-dns/rollcall/zone"
)

// hostID is the ID of the host's attachment; no container has it.
const hostID = "host"

// networkNames gives each network the name that it is reported under: its own,
// which operators know and labels use. Old engines can have two networks of one
// name; then a part of the ID tells them apart.
func networkNames(nets []network) map[string]string {
	count := map[string]int{}
	for _, n := range nets {
		count[n.name]++
	}
	names := make(map[string]string, len(nets))
	for _, n := range nets {
		names[n.id] = n.name
		if count[n.name] > 1 {
			names[n.id] = fmt.Sprintf("%s@%s", n.name, short(n.id))
		}
	}
	return names
}

// renames reports whether a network that was there before has another name now.
func renames(old, next map[string]string) bool {
	for id, name := range next {
		if was, ok := old[id]; ok && was != name {
			return true
		}
	}
	return false
}

// networksOf are the networks as the zone wants them, by name. Those without
// addresses, host and none, are left out. The result is not nil.
func networksOf(nets []network, names map[string]string) []zone.Network {
	list := []zone.Network{}
	for _, n := range nets {
		if len(n.prefixes) > 0 {
			list = append(list, zone.Network{Name: names[n.id], Prefixes: n.prefixes, Open: n.overHost()})
		}
	}
	slices.SortFunc(list, func(a, b zone.Network) int { return strings.Compare(a.Name, b.Name) })
	return list
}

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// hostOf says from which addresses the engine's host asks: the gateways of its
// bridges, and for an engine on this machine the loopback and the machine's own
// addresses. It is on every bridge, whose containers it reaches.
//
// In a container "this machine" is the container, whose address is no host's:
// addresses inside a network of the engine count only when they are a gateway.
// Networks such as macvlan are the exception: they lie over the host's own.
func hostOf(nets []network, names map[string]string, own []netip.Addr, local bool) zone.Attachment {
	host := zone.Attachment{ID: hostID}
	add := func(p netip.Prefix) {
		if !slices.Contains(host.Prefixes, p) {
			host.Prefixes = append(host.Prefixes, p)
		}
	}
	if local {
		for _, p := range loopback {
			add(p)
		}
	}
	for _, a := range own {
		if a = a.Unmap().WithZone(""); !a.IsLoopback() && !a.IsLinkLocalUnicast() && !insideContainer(nets, a) {
			add(netip.PrefixFrom(a, a.BitLen()))
		}
	}
	for _, n := range nets {
		if n.driver != "bridge" {
			continue
		}
		host.Networks = append(host.Networks, names[n.id])
		for _, g := range n.gateways {
			add(netip.PrefixFrom(g, g.BitLen()))
		}
	}
	slices.Sort(host.Networks)
	slices.SortFunc(host.Prefixes, netip.Prefix.Compare)
	return host
}

// overHost reports whether the network lies over one that the host is on itself.
func (n *network) overHost() bool { return n.driver == "macvlan" || n.driver == "ipvlan" }

// insideContainer reports whether an address is one that an engine gives to
// containers, not one of the host.
func insideContainer(nets []network, a netip.Addr) bool {
	for _, n := range nets {
		if n.overHost() || slices.Contains(n.gateways, a) {
			continue
		}
		if slices.ContainsFunc(n.prefixes, func(p netip.Prefix) bool { return p.Contains(a) }) {
			return true
		}
	}
	return false
}

func equalAttach(a, b zone.Attachment) bool {
	return a.ID == b.ID && slices.Equal(a.Prefixes, b.Prefixes) && slices.Equal(a.Networks, b.Networks)
}

// equalNetworks reports whether two lists of networks say the same.
func equalNetworks(a, b []zone.Network) bool {
	return slices.EqualFunc(a, b, func(x, y zone.Network) bool {
		return x.Name == y.Name && x.Open == y.Open && slices.Equal(x.Prefixes, y.Prefixes)
	})
}
