package zone_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/rollcall-dns/rollcall/zone"
	"github.com/rollcall-dns/rollcall/zone/zonetest"
)

func newZone(t testing.TB, domains ...string) *zone.Zone {
	t.Helper()
	o := zone.Options{Serial: 100}
	if len(domains) == 0 {
		domains = []string{"svc.test."}
	}
	for _, d := range domains {
		o.Domains = append(o.Domains, zone.MustParseName(d))
	}
	z, err := zone.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func apply(t testing.TB, z *zone.Zone, c zone.Change) zone.Result {
	t.Helper()
	if c.Source == "" {
		c.Source = "test"
	}
	r := z.Apply(c)
	for _, x := range r.Rejected {
		t.Fatalf("%s is rejected: %v", x.ID, x.Err)
	}
	return r
}

// up is an instance "service/host" that is up at endpoints.
func up(service, host string, eps ...zone.Endpoint) zone.Instance {
	return zone.Instance{ID: service + "/" + host, Service: service, Host: host, State: zone.Up, Endpoints: eps}
}

func at(addr string, ports ...zone.Port) zone.Endpoint {
	return zone.Endpoint{Addr: netip.MustParseAddr(addr), Ports: ports}
}

func on(network, addr string, ports ...zone.Port) zone.Endpoint {
	e := at(addr, ports...)
	e.Network = network
	return e
}

func tcp(n uint16) zone.Port { return zone.Port{Number: n} }

func named(name string, n uint16) zone.Port { return zone.Port{Name: name, Number: n} }

func put(in ...zone.Instance) zone.Change { return zone.Change{Put: in} }

type ask struct{ name, ask, want string }

func check(t *testing.T, z *zone.Zone, tests []ask) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := zonetest.Ask(t, z, tt.ask); got != tt.want {
				t.Errorf("ask %s\n got %s\nwant %s", tt.ask, got, tt.want)
			}
		})
	}
}

func TestNamesOfAnInstance(t *testing.T) {
	z := newZone(t)
	web := up("web", "web-1", at("192.0.2.7", tcp(80), named("admin", 9000)), at("2001:db8::7", tcp(80), named("admin", 9000)))
	web.Priority, web.Weight = 10, 20
	web.Tags = []string{"v2", "EU", "not.a.label", "*"}
	web.Meta = map[string]string{"version": "2.1", "a": "b"}
	apply(t, z, put(web, up("db.shop", "db", at("192.0.2.8", tcp(5432)))))

	const glue = " + web-1.web.svc.test. 5 IN A 192.0.2.7; web-1.web.svc.test. 5 IN AAAA 2001:db8::7"
	check(t, z, []ask{
		{"service A", "web.svc.test. A", "web.svc.test. 5 IN A 192.0.2.7"},
		{"service AAAA", "web.svc.test. AAAA", "web.svc.test. 5 IN AAAA 2001:db8::7"},
		{"service SRV has every port", "web.svc.test. SRV",
			"web.svc.test. 5 IN SRV 10 20 80 web-1.web.svc.test.; web.svc.test. 5 IN SRV 10 20 9000 web-1.web.svc.test." + glue},
		{"service TXT", "web.svc.test. TXT", `web.svc.test. 5 IN TXT "a=b" "version=2.1"`},
		{"upper case is the same name", "WEB.svc.test. A", "WEB.svc.test. 5 IN A 192.0.2.7"},
		{"named port", "_admin._tcp.web.svc.test. SRV", "_admin._tcp.web.svc.test. 5 IN SRV 10 20 9000 web-1.web.svc.test." + glue},
		{"well-known port takes its IANA name", "_http._tcp.web.svc.test. SRV", "_http._tcp.web.svc.test. 5 IN SRV 10 20 80 web-1.web.svc.test." + glue},
		{"any port takes its number", "_9000._tcp.web.svc.test. SRV", "_9000._tcp.web.svc.test. 5 IN SRV 10 20 9000 web-1.web.svc.test." + glue},
		{"port name has no addresses", "_http._tcp.web.svc.test. A", "NODATA"},
		{"port over the other protocol", "_http._udp.web.svc.test. SRV", "NXDOMAIN"},
		{"port without underscore", "_http.tcp.web.svc.test. SRV", "NXDOMAIN"},
		{"empty non-terminal of ports is NODATA", "_tcp.web.svc.test. A", "NODATA"},
		{"no empty non-terminal where no port is", "_udp.web.svc.test. A", "NXDOMAIN"},
		{"lone underscore", "_.web.svc.test. A", "NXDOMAIN"},
		{"host A", "web-1.web.svc.test. A", "web-1.web.svc.test. 5 IN A 192.0.2.7"},
		{"host SRV", "web-1.web.svc.test. SRV",
			"web-1.web.svc.test. 5 IN SRV 10 20 80 web-1.web.svc.test.; web-1.web.svc.test. 5 IN SRV 10 20 9000 web-1.web.svc.test." + glue},
		{"host TXT", "web-1.web.svc.test. TXT", `web-1.web.svc.test. 5 IN TXT "a=b" "version=2.1"`},
		{"below a host is nothing", "x.web-1.web.svc.test. A", "NXDOMAIN"},
		{"a host's second target is not there", "web-1-2.web.svc.test. A", "NXDOMAIN"},
		{"tag", "v2.tag.web.svc.test. A", "v2.tag.web.svc.test. 5 IN A 192.0.2.7"},
		{"tag that would be a wildcard", "*.tag.web.svc.test. A", "NXDOMAIN"},
		{"tag in another case", "eu.tag.web.svc.test. A", "eu.tag.web.svc.test. 5 IN A 192.0.2.7"},
		{"stacked tags", "eu.v2.tag.web.svc.test. A", "eu.v2.tag.web.svc.test. 5 IN A 192.0.2.7"},
		{"stacked tags in another order", "v2.eu.tag.web.svc.test. A", "v2.eu.tag.web.svc.test. 5 IN A 192.0.2.7"},
		{"unknown tag", "v3.tag.web.svc.test. A", "NXDOMAIN"},
		{"known and unknown tag", "v3.v2.tag.web.svc.test. A", "NXDOMAIN"},
		{"more than four tags", "v2.v2.v2.v2.v2.tag.web.svc.test. A", "NXDOMAIN"},
		{"tags of nobody", "tag.db.shop.svc.test. A", "NXDOMAIN"},
		{"empty non-terminal of tags", "tag.web.svc.test. A", "NODATA"},
		{"tag has no TXT", "v2.tag.web.svc.test. TXT", "NODATA"},
		{"tag SRV", "v2.tag.web.svc.test. SRV",
			"v2.tag.web.svc.test. 5 IN SRV 10 20 80 web-1.web.svc.test.; v2.tag.web.svc.test. 5 IN SRV 10 20 9000 web-1.web.svc.test." + glue},
		{"service of two labels", "db.shop.svc.test. A", "db.shop.svc.test. 5 IN A 192.0.2.8"},
		{"its empty non-terminal", "shop.svc.test. A", "NODATA"},
		{"its host", "db.db.shop.svc.test. A", "db.db.shop.svc.test. 5 IN A 192.0.2.8"},
		{"service without AAAA", "db.shop.svc.test. AAAA", "NODATA"},
		{"type that instances never have", "web.svc.test. MX", "NODATA"},
		{"unknown name", "nope.svc.test. A", "NXDOMAIN"},
		{"name beside the domain", "web.svc.example. A", "REFUSED"},
		{"name above the domain", "test. A", "REFUSED"},
		{"name whose last octets look like the domain", `x\003svc\004test. A`, "REFUSED"},
		{"root", ". NS", "REFUSED"},
		{"apex A", "svc.test. A", "NODATA"},
		{"apex NS", "svc.test. NS", "svc.test. 5 IN NS ns.dns.svc.test."},
		{"apex SOA", "svc.test. SOA", "svc.test. 5 IN SOA ns.dns.svc.test. hostmaster.svc.test. 101 5 5 86400 5"},
		{"name server", "ns.dns.svc.test. A", "NODATA"},
		{"its parent", "dns.svc.test. A", "NODATA"},
		{"PTR", "7.2.0.192.in-addr.arpa. PTR", "7.2.0.192.in-addr.arpa. 5 IN PTR web-1.web.svc.test."},
		{"PTR of IPv6", "7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa. PTR",
			"7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa. 5 IN PTR web-1.web.svc.test."},
		{"A of a reverse name", "7.2.0.192.in-addr.arpa. A", "NODATA"},
		{"public address that nobody has", "9.9.9.9.in-addr.arpa. PTR", "REFUSED"},
		{"private address that nobody has", "9.0.0.10.in-addr.arpa. PTR", "NXDOMAIN"},
		{"part of a private address", "0.10.in-addr.arpa. PTR", "NODATA"},
		{"number that is no octet", "256.0.0.10.in-addr.arpa. PTR", "NXDOMAIN"},
		{"octet with a zero before it", "07.0.0.10.in-addr.arpa. PTR", "NXDOMAIN"},
		{"octet with a sign", "+7.0.0.10.in-addr.arpa. PTR", "NXDOMAIN"},
		{"below a private address", "1.7.0.0.10.in-addr.arpa. PTR", "NXDOMAIN"},
		{"below one that somebody has", "x.7.2.0.192.in-addr.arpa. PTR", "NXDOMAIN"},
		{"part of a private address, with a label that is no hex digit", "g.d.f.ip6.arpa. PTR", "NXDOMAIN"},
		{"part of a private address of IPv6", "0.d.f.ip6.arpa. PTR", "NODATA"},
		{"reverse apex", "10.in-addr.arpa. SOA", "10.in-addr.arpa. 5 IN SOA ns.dns.svc.test. nobody.invalid. 101 5 5 86400 5"},
	})
}

func TestServiceWithoutAnyoneUpIsNoDataAtEachOfItsNames(t *testing.T) {
	z := newZone(t)
	web := up("web", "web-1", at("10.0.0.7", named("http", 80)))
	web.Tags, web.State, web.Meta = []string{"v2"}, zone.Down, map[string]string{"a": "b"}
	apply(t, z, put(web))
	for _, q := range []string{
		"web.svc.test. A", "web.svc.test. SRV", "web.svc.test. TXT", "_http._tcp.web.svc.test. SRV", "_tcp.web.svc.test. A",
		"web-1.web.svc.test. A", "v2.tag.web.svc.test. A", "tag.web.svc.test. A", "7.0.0.10.in-addr.arpa. PTR",
	} {
		if got := zonetest.Ask(t, z, q); got != "NODATA" {
			t.Errorf("ask %s = %s, want NODATA", q, got)
		}
	}
	apply(t, z, zone.Change{Drop: []string{"web/web-1"}})
	for _, q := range []string{
		"web.svc.test. A", "_http._tcp.web.svc.test. SRV", "_tcp.web.svc.test. A", "web-1.web.svc.test. A",
		"v2.tag.web.svc.test. A", "tag.web.svc.test. A", "7.0.0.10.in-addr.arpa. PTR",
	} {
		if got := zonetest.Ask(t, z, q); got != "NXDOMAIN" {
			t.Errorf("after the last instance: ask %s = %s, want NXDOMAIN", q, got)
		}
	}
}

func TestLeaseEndsTheAnswerAndCapsTheTTL(t *testing.T) {
	const s = int64(time.Second)
	z := newZone(t)
	a, b := up("web", "a", at("10.0.0.1", tcp(80))), up("web", "b", at("10.0.0.2", tcp(80)))
	a.Lease, b.TTL = zone.NewLease(10*s), 30*time.Second
	apply(t, z, put(a, b))
	check(t, z, []ask{
		{"lease is longer than the TTL", "a.web.svc.test. A at 0", "a.web.svc.test. 5 IN A 10.0.0.1"},
		{"lease is shorter, rounded down", "a.web.svc.test. A at 6000000001", "a.web.svc.test. 3 IN A 10.0.0.1"},
		{"last second", "a.web.svc.test. A at 9999999999", "a.web.svc.test. 0 IN A 10.0.0.1"},
		{"ended", "a.web.svc.test. A at 10000000000", "NODATA"},
		{"an RRset has its smallest TTL", "web.svc.test. A at 8000000000", "web.svc.test. 2 IN A 10.0.0.1; web.svc.test. 2 IN A 10.0.0.2"},
		{"of the records in this answer", "web.svc.test. A at 10000000000", "web.svc.test. 30 IN A 10.0.0.2"},
		{"additionals are RRsets of their own", "web.svc.test. SRV at 8000000000",
			"web.svc.test. 2 IN SRV 0 0 80 a.web.svc.test.; web.svc.test. 2 IN SRV 0 0 80 b.web.svc.test." +
				" + a.web.svc.test. 2 IN A 10.0.0.1; b.web.svc.test. 30 IN A 10.0.0.2"},
		{"PTR ends too", "1.0.0.10.in-addr.arpa. PTR at 10000000000", "NODATA"},
	})
	a.Lease.Extend(60 * s)
	if got, want := zonetest.Ask(t, z, "a.web.svc.test. A at 10000000000"), "a.web.svc.test. 5 IN A 10.0.0.1"; got != want {
		t.Errorf("after renewal: %s, want %s", got, want)
	}
}

func TestInstancesAreFoundByServiceAndCountedBySource(t *testing.T) {
	z := newZone(t)
	down := up("Web.shop", "b")
	down.State = zone.Down
	alias := up("old", "c")
	alias.Aliases = []string{"web.SHOP"}
	apply(t, z, put(up("web.shop", "a"), down, alias, up("shop", "d")))
	apply(t, z, zone.Change{Source: "other", Put: []zone.Instance{up("web.shop", "a")}})
	want := func(service, hosts string, here, other int) {
		t.Helper()
		s := z.Snapshot()
		var got []string
		for k, in := range s.Service(service) {
			got = append(got, k.Source+"/"+in.Host)
		}
		if sorted(got) != hosts || s.Count("test") != here || s.Count("other") != other {
			t.Errorf("%s: %s; counts %d and %d; want %s; %d and %d", service, sorted(got), s.Count("test"), s.Count("other"), hosts, here, other)
		}
	}
	want("WEB.shop", "other/a test/a test/b test/c", 4, 1)
	want("shop", "test/d", 4, 1)
	want("nope", "", 4, 1)
	want("not..one", "", 4, 1)
	apply(t, z, zone.Change{Source: "other", Kind: zone.SyncEnd})
	down.Weight = 1
	apply(t, z, put(down))
	want("web.shop", "test/a test/b test/c", 4, 0)
	if s := z.Snapshot(); s.CountIn("test", zone.Up) != 3 || s.CountIn("test", zone.Down) != 1 || s.CountIn("other", zone.Up) != 0 {
		t.Errorf("%d are up and %d down, and %d of the other source; want 3, 1, 0",
			s.CountIn("test", zone.Up), s.CountIn("test", zone.Down), s.CountIn("other", zone.Up))
	}
	apply(t, z, zone.Change{Drop: []string{down.ID}})
	want("web.shop", "test/a test/c", 3, 0)
}
