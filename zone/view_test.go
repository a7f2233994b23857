package zone_test

import (
	"net/netip"
	"testing"

	"github.com/rollcall-dns/rollcall/zone"
	"github.com/rollcall-dns/rollcall/zone/zonetest"
)

func prefixes(ps ...string) (out []netip.Prefix) {
	for _, p := range ps {
		out = append(out, netip.MustParsePrefix(p))
	}
	return out
}

// twoNetworks is a host with the networks red and blue, a container on each, one
// on both, and an asker that is no instance.
func twoNetworks(t *testing.T) *zone.Zone {
	z := newZone(t)
	c := put(
		up("web", "red", on("red", "172.18.0.2", tcp(80)), at("198.51.100.1", zone.Port{Number: 32768, Known: 80})),
		up("web", "both", on("red", "172.18.0.3", tcp(80)), on("blue", "172.19.0.3", tcp(80))),
		up("blue-only", "b", on("blue", "172.19.0.4", tcp(81))),
		up("mixed", "local", on("red", "172.18.0.2", tcp(80))),
		up("mixed", "remote", at("203.0.113.9", tcp(80))),
		up("near", "n", at("172.18.0.200", tcp(80))),
	)
	c.Networks = []zone.Network{
		{Name: "red", Prefixes: prefixes("172.18.0.0/16", "fd18::/64")},
		{Name: "blue", Prefixes: prefixes("172.19.0.0/16")},
	}
	c.Attach = []zone.Attachment{
		{ID: "c1", Prefixes: prefixes("172.18.0.3/32", "172.19.0.3/32"), Networks: []string{"red", "blue"}},
		{ID: "c2", Prefixes: prefixes("172.18.0.77/32"), Networks: []string{"red", "blue"}},
		{ID: "host", Prefixes: prefixes("127.0.0.0/8", "::1/128", "198.51.100.1/32", "172.18.0.1/32"), Networks: []string{"red", "blue"}},
	}
	apply(t, z, c)
	return z
}

func TestAskerGetsTheEndpointsThatItCanReach(t *testing.T) {
	const (
		redSRV  = "web.svc.test. 5 IN SRV 0 0 80 both.web.svc.test.; web.svc.test. 5 IN SRV 0 0 80 red.web.svc.test. + "
		outside = "web.svc.test. 5 IN A 198.51.100.1"
	)
	check(t, twoNetworks(t), []ask{
		{"on red by prefix", "web.svc.test. A from 172.18.9.9", "web.svc.test. 5 IN A 172.18.0.2; web.svc.test. 5 IN A 172.18.0.3"},
		{"on red by its IPv6 prefix", "web.svc.test. A from fd18::9", "web.svc.test. 5 IN A 172.18.0.2; web.svc.test. 5 IN A 172.18.0.3"},
		{"IPv4 in IPv6", "web.svc.test. A from ::ffff:172.18.9.9", "web.svc.test. 5 IN A 172.18.0.2; web.svc.test. 5 IN A 172.18.0.3"},
		{"on blue: only who is there", "web.svc.test. A from 172.19.9.9", "web.svc.test. 5 IN A 172.19.0.3"},
		{"on red: inside ports, and additionals of the same choice", "web.svc.test. SRV from 172.18.9.9",
			redSRV + "both.web.svc.test. 5 IN A 172.18.0.3; red.web.svc.test. 5 IN A 172.18.0.2"},
		{"container on both networks asks from one address", "web.svc.test. SRV from 172.18.0.77",
			redSRV + "both.web.svc.test. 5 IN A 172.18.0.3; both.web.svc.test. 5 IN A 172.19.0.3; red.web.svc.test. 5 IN A 172.18.0.2"},
		{"and sees the other network", "blue-only.svc.test. A from 172.18.0.77", "blue-only.svc.test. 5 IN A 172.19.0.4"},
		{"the host is on every network", "blue-only.svc.test. A from 127.0.0.1", "blue-only.svc.test. 5 IN A 172.19.0.4"},
		{"so it is by its own address", "blue-only.svc.test. A from 198.51.100.1", "blue-only.svc.test. 5 IN A 172.19.0.4"},
		{"and by a gateway, though a prefix holds it too", "blue-only.svc.test. A from 172.18.0.1", "blue-only.svc.test. 5 IN A 172.19.0.4"},
		{"outside: what is published", "web.svc.test. A from 203.0.113.5", outside},
		{"outside: the published port", "_80._tcp.web.svc.test. SRV from 203.0.113.5",
			"_80._tcp.web.svc.test. 5 IN SRV 0 0 32768 red.web.svc.test. + red.web.svc.test. 5 IN A 198.51.100.1"},
		{"outside, nothing published: everything", "blue-only.svc.test. A from 203.0.113.5", "blue-only.svc.test. 5 IN A 172.19.0.4"},
		{"inside another network: nothing", "blue-only.svc.test. A from 172.18.9.9", "NODATA"},
		{"inside another network: its port neither", "_81._tcp.blue-only.svc.test. SRV from 172.18.9.9", "NODATA"},
		{"replicas without a network stay beside local ones", "mixed.svc.test. A from 172.18.9.9",
			"mixed.svc.test. 5 IN A 172.18.0.2; mixed.svc.test. 5 IN A 203.0.113.9"},
		{"outside: only what is reachable", "mixed.svc.test. A from 203.0.113.5", "mixed.svc.test. 5 IN A 203.0.113.9"},
		{"address in a known network belongs to it", "near.svc.test. A from 172.18.9.9", "near.svc.test. 5 IN A 172.18.0.200"},
		{"and is not reachable from another", "near.svc.test. A from 172.19.9.9", "NODATA"},
		{"AAAA does not fall back to other endpoints", "web.svc.test. AAAA from 172.18.9.9", "NODATA"},
		{"PTR ignores who asks", "4.0.19.172.in-addr.arpa. PTR from 172.18.9.9", "4.0.19.172.in-addr.arpa. 5 IN PTR b.blue-only.svc.test."},
		{"host has the address of the asker's network", "both.web.svc.test. A from 172.19.9.9", "both.web.svc.test. 5 IN A 172.19.0.3"},
		{"host that the asker cannot reach but by its published port", "red.web.svc.test. A from 172.19.9.9", "red.web.svc.test. 5 IN A 198.51.100.1"},
	})
}

func TestNetworksThatComeAndGoMoveAddressesWithThem(t *testing.T) {
	z := twoNetworks(t)
	apply(t, z, zone.Change{Networks: []zone.Network{{Name: "blue", Prefixes: prefixes("172.19.0.0/16")}}})
	want := "near.svc.test. 5 IN A 172.18.0.200"
	if got := zonetest.Ask(t, z, "near.svc.test. A from 172.19.9.9"); got != want {
		t.Errorf("red is gone: %s, want %s", got, want)
	}
	apply(t, z, zone.Change{Networks: []zone.Network{{Name: "blue", Prefixes: prefixes("172.18.0.0/16")}}})
	if got := zonetest.Ask(t, z, "near.svc.test. A from 172.18.9.9"); got != want {
		t.Errorf("blue has taken the prefix: %s, want %s", got, want)
	}
	apply(t, z, zone.Change{Detach: []string{"c2", "unknown"}})
	if got := zonetest.Ask(t, z, "blue-only.svc.test. A from 172.18.0.77"); got != "blue-only.svc.test. 5 IN A 172.19.0.4" {
		t.Errorf("by the prefix alone: %s", got)
	}
}

func TestNetworksOfTwoSourcesWithOneNameAreTwo(t *testing.T) {
	z := newZone(t)
	for i, src := range []string{"docker-a", "docker-b"} {
		addr := []string{"172.17.0.2", "172.27.0.2"}[i]
		apply(t, z, zone.Change{
			Source:   src,
			Put:      []zone.Instance{up("web", src, on("bridge", addr, tcp(80)))},
			Networks: []zone.Network{{Name: "bridge", Prefixes: []netip.Prefix{netip.PrefixFrom(netip.MustParseAddr(addr), 16)}}},
		})
	}
	if got, want := zonetest.Ask(t, z, "web.svc.test. A from 172.17.0.9"), "web.svc.test. 5 IN A 172.17.0.2"; got != want {
		t.Errorf("asked from docker-a's bridge: %s, want %s", got, want)
	}
}

func TestEndpointsWithOtherPortsHaveTargetsOfTheirOwn(t *testing.T) {
	z := newZone(t)
	v4, v6 := zone.Port{Number: 32768, Known: 80}, zone.Port{Number: 32769, Known: 80}
	apply(t, z, put(
		up("web", "w", on("red", "172.18.0.2", tcp(80)), at("198.51.100.1", v4), at("2001:db8::1", v6)),
		up("web", "x", at("198.51.100.2", tcp(80)), at("2001:db8::2", tcp(80))),
	))
	check(t, z, []ask{
		{"each port has its address", "_http._tcp.web.svc.test. SRV",
			"_http._tcp.web.svc.test. 5 IN SRV 0 0 32768 w.web.svc.test.; _http._tcp.web.svc.test. 5 IN SRV 0 0 32769 w-2.web.svc.test.; _http._tcp.web.svc.test. 5 IN SRV 0 0 80 x.web.svc.test." +
				" + w-2.web.svc.test. 5 IN AAAA 2001:db8::1; w.web.svc.test. 5 IN A 198.51.100.1; x.web.svc.test. 5 IN A 198.51.100.2; x.web.svc.test. 5 IN AAAA 2001:db8::2"},
		{"first target", "w.web.svc.test. AAAA", "NODATA"},
		{"second target", "w-2.web.svc.test. AAAA", "w-2.web.svc.test. 5 IN AAAA 2001:db8::1"},
		{"second target has no A", "w-2.web.svc.test. A", "NODATA"},
		{"no third", "w-3.web.svc.test. A", "NXDOMAIN"},
		{"PTR tells the target", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa. PTR",
			"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa. 5 IN PTR w-2.web.svc.test."},
	})
}

func TestPortsOfOtherEndpointsBringNoAdditionals(t *testing.T) {
	z := newZone(t)
	c := put(up("web", "w", at("192.0.2.1", named("http", 80)), at("192.0.2.2", named("admin", 81))),
		up("web", "x", on("red", "172.18.0.2", named("http", 80)), at("192.0.2.3", named("admin", 81))))
	c.Networks = []zone.Network{{Name: "red", Prefixes: prefixes("172.18.0.0/16")}}
	apply(t, z, c)
	check(t, z, []ask{
		{"only the address with the port", "_admin._tcp.web.svc.test. SRV from 203.0.113.1",
			"_admin._tcp.web.svc.test. 5 IN SRV 0 0 81 w-2.web.svc.test.; _admin._tcp.web.svc.test. 5 IN SRV 0 0 81 x.web.svc.test." +
				" + w-2.web.svc.test. 5 IN A 192.0.2.2; x.web.svc.test. 5 IN A 192.0.2.3"},
		{"an endpoint on the asker's network decides for every port", "_admin._tcp.web.svc.test. SRV from 172.18.0.9",
			"_admin._tcp.web.svc.test. 5 IN SRV 0 0 81 w-2.web.svc.test. + w-2.web.svc.test. 5 IN A 192.0.2.2"},
		{"so that a target has one address, whatever is asked", "x.web.svc.test. A from 172.18.0.9", "x.web.svc.test. 5 IN A 172.18.0.2"},
		{"outside, a port that is not published is not there", "_http._tcp.web.svc.test. SRV from 203.0.113.1",
			"_http._tcp.web.svc.test. 5 IN SRV 0 0 80 w.web.svc.test. + w.web.svc.test. 5 IN A 192.0.2.1"},
	})
}

func TestPrefixThatSeveralClaim(t *testing.T) {
	z := newZone(t)
	c := put(up("a", "a", on("red", "172.18.0.2")), up("b", "b", on("blue", "172.19.0.2")), up("c", "c", on("green", "172.20.0.2")))
	c.Networks = []zone.Network{{Name: "green", Prefixes: prefixes("10.0.0.0/24")}}
	c.Attach = []zone.Attachment{
		{ID: "1", Prefixes: prefixes("10.0.0.0/24"), Networks: []string{"red"}},
		{ID: "2", Prefixes: prefixes("10.0.0.0/24"), Networks: []string{"blue"}},
	}
	apply(t, z, c)
	check(t, z, []ask{
		{"first attachment", "a.svc.test. A from 10.0.0.9", "a.svc.test. 5 IN A 172.18.0.2"},
		{"second attachment", "b.svc.test. A from 10.0.0.9", "b.svc.test. 5 IN A 172.19.0.2"},
		{"an attachment goes before a network of the same prefix", "c.svc.test. A from 10.0.0.9", "NODATA"},
	})
	apply(t, z, zone.Change{Detach: []string{"1", "2"}})
	if got, want := zonetest.Ask(t, z, "c.svc.test. A from 10.0.0.9"), "c.svc.test. 5 IN A 172.20.0.2"; got != want {
		t.Errorf("without attachments: %s, want %s", got, want)
	}
}

func TestOneAddressOnTwoNetworksIsOneAdditional(t *testing.T) {
	z := newZone(t)
	c := put(up("web", "w", on("red", "172.18.0.2", tcp(80)), on("blue", "172.18.0.2", tcp(80))))
	c.Attach = []zone.Attachment{{ID: "c", Prefixes: prefixes("10.0.0.0/24"), Networks: []string{"red", "blue"}}}
	apply(t, z, c)
	want := "web.svc.test. 5 IN SRV 0 0 80 w.web.svc.test. + w.web.svc.test. 5 IN A 172.18.0.2"
	if got := zonetest.Ask(t, z, "web.svc.test. SRV from 10.0.0.9"); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestSubnetThatTwoSourcesClaim(t *testing.T) {
	z := newZone(t)
	for _, source := range []string{"one", "two"} {
		name := "net-" + source
		apply(t, z, zone.Change{
			Source:   source,
			Networks: []zone.Network{{Name: name, Prefixes: prefixes("172.18.0.0/16")}, {Name: "far", Prefixes: prefixes("172.30.0.0/16")}},
			Attach:   []zone.Attachment{{ID: "c", Prefixes: prefixes(map[string]string{"one": "10.0.0.1/32", "two": "10.0.0.2/32"}[source]), Networks: []string{name}}},
		})
	}
	apply(t, z, put(up("web", "w", at("172.18.0.9", tcp(80))), up("web", "x", at("192.0.2.9", tcp(80)))))
	both := "web.svc.test. 5 IN A 172.18.0.9; web.svc.test. 5 IN A 192.0.2.9"
	check(t, z, []ask{
		{"on the network of the first", "web.svc.test. A from 10.0.0.1", both},
		{"on the network of the second", "web.svc.test. A from 10.0.0.2", both},
		{"inside the subnet", "web.svc.test. A from 172.18.0.7", both},
		{"on another", "web.svc.test. A from 172.30.0.7", "web.svc.test. 5 IN A 192.0.2.9"},
	})
	apply(t, z, zone.Change{Source: "one", Networks: []zone.Network{}})
	check(t, z, []ask{
		{"the claim of the second stays", "web.svc.test. A from 10.0.0.2", both},
		{"that of the first went", "web.svc.test. A from 10.0.0.1", "web.svc.test. 5 IN A 192.0.2.9"},
	})
}

// A network such as macvlan's lies over one outside: what is published there is
// reached from anywhere, but who asks from there is on it.
func TestNetworkThatLiesOverAnother(t *testing.T) {
	z := newZone(t)
	c := put(
		up("web", "published", on("bridge", "172.18.0.2", tcp(80)), at("192.0.2.10", zone.Port{Number: 32768, Known: 80})),
		up("pi", "hole", on("lan", "192.0.2.77", tcp(53))),
		up("nas", "n", at("192.0.2.20", tcp(445))),
	)
	lan := zone.Network{Name: "lan", Prefixes: prefixes("192.0.2.0/24"), Open: true}
	c.Networks = []zone.Network{{Name: "bridge", Prefixes: prefixes("172.18.0.0/16")}, {Name: "other", Prefixes: prefixes("172.19.0.0/16")}, lan}
	apply(t, z, c)
	check(t, z, []ask{
		{"published, from another bridge", "web.svc.test. A from 172.19.0.9", "web.svc.test. 5 IN A 192.0.2.10"},
		{"published, from the network outside", "web.svc.test. A from 192.0.2.9", "web.svc.test. 5 IN A 192.0.2.10"},
		{"a machine there, from a bridge", "nas.svc.test. A from 172.18.0.2", "nas.svc.test. 5 IN A 192.0.2.20"},
		{"a container there, from the network outside", "pi.svc.test. A from 192.0.2.9", "pi.svc.test. 5 IN A 192.0.2.77"},
		{"a container there, from a bridge", "pi.svc.test. A from 172.18.0.2", "NODATA"},
	})
	lan.Open = false
	apply(t, z, zone.Change{Networks: []zone.Network{lan}})
	check(t, z, []ask{{"a machine there, when it is closed", "nas.svc.test. A from 8.8.8.8", "nas.svc.test. 5 IN A 192.0.2.20"}})
	apply(t, z, zone.Change{Networks: []zone.Network{lan, {Name: "bridge", Prefixes: prefixes("172.18.0.0/16")}}})
	check(t, z, []ask{{"and from another network", "nas.svc.test. A from 172.18.0.2", "NODATA"}})
}
