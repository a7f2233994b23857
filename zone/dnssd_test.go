package zone_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-dns/rollcall/zone"
	"github.com/rollcall-dns/rollcall/zone/zonetest"
)

type asked struct{ name, ask, want string }

func wantAnswers(t *testing.T, z *zone.Zone, tests []asked) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Helper()
			if got := zonetest.Ask(t, z, tt.ask); got != tt.want {
				t.Errorf("ask %s\n got %s\nwant %s", tt.ask, got, tt.want)
			}
		})
	}
}

// shop is a zone with an instance on a network that is published as well, one that
// is not up, and one with a port that has no name.
func shop(t *testing.T) *zone.Zone {
	z := newZone(t)
	web := up("web.shop", "web-1", on("red", "172.18.0.2", tcp(80), tcp(8081)), at("198.51.100.1", zone.Port{Number: 32768, Known: 80}))
	web.Aliases, web.Tags, web.Meta = []string{"web"}, []string{"V2", "not.one.label"}, map[string]string{"txtvers": "1"}
	down := up("db", "db-1", on("red", "172.18.0.3", tcp(5432)))
	down.State = zone.Down
	raw := up("raw", "raw-1", at("198.51.100.2", zone.Port{Number: 7000, Proto: zone.SCTP}))
	c := put(web, down, raw)
	c.Networks = []zone.Network{{Name: "red", Prefixes: prefixes("172.18.0.0/16", "fd18:0:0:1::/64", "8.8.8.0/24")}}
	apply(t, z, c)
	return z
}

func TestBrowsing(t *testing.T) {
	const srv = `web-1\@web\.shop._http._tcp.svc.test. 5 IN SRV 0 0 `
	const txt = `web-1\@web\.shop._http._tcp.svc.test. 5 IN TXT "txtvers=1"`
	const outside = ` + web-1.web.shop.svc.test. 5 IN A 198.51.100.1; ` + srv + `32768 web-1.web.shop.svc.test.; ` + txt
	const inside = ` + web-1.web.shop.svc.test. 5 IN A 172.18.0.2; ` + srv + `80 web-1.web.shop.svc.test.; ` + txt
	wantAnswers(t, shop(t), []asked{
		{"where to browse", "b._dns-sd._udp.svc.test. PTR", "b._dns-sd._udp.svc.test. 5 IN PTR svc.test."},
		{"by default", "DB._dns-sd._udp.svc.test. PTR", "DB._dns-sd._udp.svc.test. 5 IN PTR svc.test."},
		{"without a choice", "lb._dns-sd._udp.svc.test. PTR", "lb._dns-sd._udp.svc.test. 5 IN PTR svc.test."},
		{"nowhere to register", "r._dns-sd._udp.svc.test. PTR", "NXDOMAIN"},
		{"another type there", "b._dns-sd._udp.svc.test. A", "NODATA"},
		{"empty non-terminal above", "_dns-sd._udp.svc.test. PTR", "NODATA"},
		{"and above that", "_udp.svc.test. PTR", "NODATA"},

		{"types, once each, with an instance that is up", "_services._dns-sd._udp.svc.test. PTR",
			"_services._dns-sd._udp.svc.test. 5 IN PTR _http._tcp.svc.test."},
		{"below the types is nothing", "x._services._dns-sd._udp.svc.test. PTR", "NXDOMAIN"},

		{"instances, as others reach them", "_http._tcp.svc.test. PTR",
			`_http._tcp.svc.test. 5 IN PTR web-1\@web\.shop._http._tcp.svc.test.` + outside},
		{"instances, as their network does", "_http._tcp.svc.test. PTR from 172.18.0.9",
			`_http._tcp.svc.test. 5 IN PTR web-1\@web\.shop._http._tcp.svc.test.` + inside},
		{"instances of a subtype, any case", "_V2._sub._http._tcp.svc.test. PTR",
			`_V2._sub._http._tcp.svc.test. 5 IN PTR web-1\@web\.shop._http._tcp.svc.test.` + outside},
		{"the name of the subtypes", "_sub._http._tcp.svc.test. PTR", "NODATA"},
		{"no such subtype", "_v1._sub._http._tcp.svc.test. PTR", "NXDOMAIN"},
		{"a subtype without its underscore", "v2._sub._http._tcp.svc.test. PTR", "NXDOMAIN"},
		{"no SRV at a type", "_http._tcp.svc.test. SRV", "NODATA"},
		{"a protocol with types", "_tcp.svc.test. SRV", "NODATA"},
		{"a protocol without", "_sctp.svc.test. PTR", "NXDOMAIN"},
		{"no such protocol", "_xxx.svc.test. PTR", "NXDOMAIN"},
		{"just an underscore", "_.svc.test. PTR", "NXDOMAIN"},
		{"numbers are no types", "_80._tcp.svc.test. PTR", "NXDOMAIN"},
		{"none is up", "_postgresql._tcp.svc.test. PTR", "NODATA"},

		{"instance", `web-1\@WEB\.shop._http._tcp.svc.test. SRV from 172.18.0.9`,
			`web-1\@WEB\.shop._http._tcp.svc.test. 5 IN SRV 0 0 80 web-1.web.shop.svc.test. + web-1.web.shop.svc.test. 5 IN A 172.18.0.2`},
		{"its metadata", `web-1\@web\.shop._http._tcp.svc.test. TXT`, txt},
		{"no address of its own", `web-1\@web\.shop._http._tcp.svc.test. A`, "NODATA"},
		{"that is not up", `db-1\@db._postgresql._tcp.svc.test. SRV`, "NODATA"},
		{"that is not up, metadata", `db-1\@db._postgresql._tcp.svc.test. TXT`, "NODATA"},
		{"under another type", `web-1\@web\.shop._postgresql._tcp.svc.test. SRV`, "NXDOMAIN"},
		{"under its alias", `web-1\@web._http._tcp.svc.test. SRV`, "NXDOMAIN"},
		{"in another service", `web-1\@shop._http._tcp.svc.test. SRV`, "NXDOMAIN"},
		{"without a service", `web-1\@._http._tcp.svc.test. SRV`, "NXDOMAIN"},
		{"without a host", `\@web._http._tcp.svc.test. SRV`, "NXDOMAIN"},
		{"no instance's label", `web-1._http._tcp.svc.test. SRV`, "NXDOMAIN"},
		{"below an instance", `x.web-1\@web\.shop._http._tcp.svc.test. SRV`, "NXDOMAIN"},
		{"a type below", `a.b.c._http._tcp.svc.test. SRV`, "NXDOMAIN"},
	})
}

func TestBrowsingFromANetwork(t *testing.T) {
	const v6 = "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.0.0.0.0.0.0.0.0.0.0.8.1.d.f.ip6.arpa."
	wantAnswers(t, shop(t), []asked{
		{"its first address", "b._dns-sd._udp.0.0.18.172.in-addr.arpa. PTR", "b._dns-sd._udp.0.0.18.172.in-addr.arpa. 5 IN PTR svc.test."},
		{"IPv6", "lb._dns-sd._udp." + v6 + " PTR", "lb._dns-sd._udp." + v6 + " 5 IN PTR svc.test."},
		{"a network in no private zone", "db._dns-sd._udp.0.8.8.8.in-addr.arpa. PTR", "db._dns-sd._udp.0.8.8.8.in-addr.arpa. 5 IN PTR svc.test."},
		{"the address of an instance", "b._dns-sd._udp.2.0.18.172.in-addr.arpa. PTR", "b._dns-sd._udp.2.0.18.172.in-addr.arpa. 5 IN PTR svc.test."},
		{"another type", "b._dns-sd._udp.0.0.18.172.in-addr.arpa. A", "NODATA"},
		{"empty non-terminals", "_dns-sd._udp.0.0.18.172.in-addr.arpa. PTR", "NODATA"},
		{"and above", "_udp.0.0.18.172.in-addr.arpa. PTR", "NODATA"},
		{"the address itself", "0.0.18.172.in-addr.arpa. PTR", "NODATA"},
		{"nowhere to register", "r._dns-sd._udp.0.0.18.172.in-addr.arpa. PTR", "NXDOMAIN"},
		{"not below _udp alone", "b._udp.0.0.18.172.in-addr.arpa. PTR", "NXDOMAIN"},
		{"an address that nobody has", "b._dns-sd._udp.4.0.18.172.in-addr.arpa. PTR", "NXDOMAIN"},
		{"a part of an address", "b._dns-sd._udp.18.172.in-addr.arpa. PTR", "NXDOMAIN"},
		{"elsewhere", "b._dns-sd._udp.0.0.9.9.in-addr.arpa. PTR", "REFUSED"},
	})
}

func TestNamesOfDNSSDWithoutInstances(t *testing.T) {
	wantAnswers(t, newZone(t), []asked{
		{"where to browse", "b._dns-sd._udp.svc.test. PTR", "b._dns-sd._udp.svc.test. 5 IN PTR svc.test."},
		{"no types", "_services._dns-sd._udp.svc.test. PTR", "NXDOMAIN"},
		{"the name above", "_dns-sd._udp.svc.test. A", "NODATA"},
		{"no protocol", "_tcp.svc.test. A", "NXDOMAIN"},
	})
}

func TestBrowsedInstanceWithoutMetadataHasAnEmptyString(t *testing.T) {
	z := newZone(t)
	apply(t, z, put(up("web", "w", at("10.0.0.1", tcp(80)))))
	wantAnswers(t, z, []asked{{"TXT", `w\@web._http._tcp.svc.test. TXT`, `w\@web._http._tcp.svc.test. 5 IN TXT ""`}})
}

// Names of DNS-SD exist like others: wildcards do not cover them, and an alias
// does not take their place.
func TestBrowsingBesideStaticRecords(t *testing.T) {
	z := shop(t)
	apply(t, z, statics(t, "* TXT any", "_http._tcp CNAME elsewhere.", "_http._tcp TXT own", "_postgresql._tcp CNAME elsewhere.", "_x._tcp CNAME _postgresql._tcp"))
	wantAnswers(t, z, []asked{
		{"a wildcard does not cover what is browsed", "b._dns-sd._udp.svc.test. TXT", "NODATA"},
		{"nor what is below", "_none._tcp.svc.test. TXT", "NXDOMAIN"},
		{"nor below an instance", `x.web-1\@web\.shop._http._tcp.svc.test. TXT`, "NXDOMAIN"},
		{"but a protocol without types", "_sctp.svc.test. TXT", `_sctp.svc.test. 5 IN TXT "any"`},
		{"a record of another type", "_http._tcp.svc.test. TXT", `_http._tcp.svc.test. 5 IN TXT "own"`},
		{"an alias beside a type", "_postgresql._tcp.svc.test. A", "NODATA"},
		{"an alias to a type", "_x._tcp.svc.test. PTR", "NODATA _x._tcp.svc.test. 5 IN CNAME _postgresql._tcp.svc.test."},
	})
}

// A label has 63 octets: what is too long for one is cut, and found all the same.
func TestLongInstanceNamesEndInADigest(t *testing.T) {
	z := newZone(t)
	service := "one." + strings.Repeat("x", 60)
	var list []zone.Instance
	for i := range 3 { // the last one's label fits exactly
		in := up(service[i:], fmt.Sprintf("web-%d", i), at(fmt.Sprintf("10.0.0.%d", i+1), tcp(80)))
		if i == 2 {
			in.Service = strings.Repeat("y", 63-len("web-2@"))
		}
		list = append(list, in)
	}
	apply(t, z, put(list...))
	var labels []string
	for rr := range strings.SplitSeq(zonetest.Ask(t, z, "_http._tcp.svc.test. PTR"), "; ") {
		if _, target, ok := strings.Cut(rr, " IN PTR "); ok {
			target, _, _ = strings.Cut(target, " ")
			labels = append(labels, strings.TrimSuffix(target, "._http._tcp.svc.test."))
		}
	}
	if len(labels) != 3 {
		t.Fatalf("browsing gives %q, want 3 names", labels)
	}
	for _, l := range labels {
		if got := zonetest.Ask(t, z, l+"._http._tcp.svc.test. SRV"); !strings.Contains(got, " IN SRV 0 0 80 web-") {
			t.Errorf("%s: %s", l, got)
		}
		if n := len(zonetest.Wire(t, l+".")) - 2; n != 63 {
			t.Errorf("%s has %d octets, want 63", l, n)
		}
	}
	apply(t, z, zone.Change{Drop: []string{list[0].ID, list[1].ID, list[2].ID}})
	for _, l := range labels {
		if got := zonetest.Ask(t, z, l+"._http._tcp.svc.test. SRV"); got != "NXDOMAIN" {
			t.Errorf("after it is gone, %s: %s", l, got)
		}
	}
}

func TestBrowsingNeverOutlivesALease(t *testing.T) {
	z := newZone(t)
	in := up("web", "w", at("10.0.0.1", tcp(80)))
	in.Lease = zone.NewLease(int64(3 * time.Second))
	apply(t, z, put(in))
	wantAnswers(t, z, []asked{
		{"type, before", "_services._dns-sd._udp.svc.test. PTR at 1000000000", "_services._dns-sd._udp.svc.test. 2 IN PTR _http._tcp.svc.test."},
		{"type, after", "_services._dns-sd._udp.svc.test. PTR at 3000000000", "NODATA"},
		{"instance, before", "_http._tcp.svc.test. PTR at 1000000000",
			`_http._tcp.svc.test. 2 IN PTR w\@web._http._tcp.svc.test. + w.web.svc.test. 2 IN A 10.0.0.1; ` +
				`w\@web._http._tcp.svc.test. 2 IN SRV 0 0 80 w.web.svc.test.; w\@web._http._tcp.svc.test. 2 IN TXT ""`},
		{"instance, after", "_http._tcp.svc.test. PTR at 3000000000", "NODATA"},
		{"its records, after", `w\@web._http._tcp.svc.test. TXT at 3000000000`, "NODATA"},
	})
}

func TestBrowsingIsCutAtMax(t *testing.T) {
	z := newZone(t)
	bigService(t, z, "web", 500)
	bigService(t, z, "shop", 500)
	s := z.Snapshot()
	for _, tt := range []struct {
		max, want int
		cut       bool
	}{{7, 7, true}, {600, 600, true}, {0, 1000, false}} {
		var a zone.Answer
		s.Lookup(&zone.Question{Name: zonetest.Wire(t, "_http._tcp.svc.test."), Type: zone.TypePTR, Max: tt.max}, &a)
		if len(a.Answer) != tt.want || a.Cut != tt.cut || len(a.Additional) > 3*64 {
			t.Errorf("Max %d: %d records, %d additional, cut %v, want %d and %v", tt.max, len(a.Answer), len(a.Additional), a.Cut, tt.want, tt.cut)
		}
	}
}

// Whatever an instance does, browsing shows what it is now.
func TestBrowsingFollowsChanges(t *testing.T) {
	z := newZone(t)
	in := up("web", "w", at("10.0.0.1", tcp(80)))
	step := func(name, types, instances string, c zone.Change) {
		apply(t, z, c)
		if got := targets(t, z, "_services._dns-sd._udp", 0); got != types {
			t.Errorf("%s: types are %q, want %q", name, got, types)
		}
		if got := targets(t, z, "_http._tcp", 0); got != instances {
			t.Errorf("%s: instances are %q, want %q", name, got, instances)
		}
	}
	step("new", "_http._tcp", `w\@web._http._tcp`, put(in))
	step("again", "_http._tcp", `w\@web._http._tcp`, put(in))
	in.State = zone.Draining
	step("not up", "", "", put(in))
	in.State, in.Endpoints = zone.Up, []zone.Endpoint{at("10.0.0.1", tcp(443))}
	step("another port", "_https._tcp", "NXDOMAIN", put(in))
	in.Endpoints = append(in.Endpoints, at("10.0.0.2", named("HTTP", 8080)))
	step("one more", "_http._tcp _https._tcp", `w\@web._http._tcp`, put(in))
	in.Host = "v"
	step("another host", "_http._tcp _https._tcp", `v\@web._http._tcp`, put(in))
	in.Service = "shop"
	step("another service", "_http._tcp _https._tcp", `v\@shop._http._tcp`, put(in))
	step("gone", "NXDOMAIN", "NXDOMAIN", zone.Change{Drop: []string{in.ID}})
}

// targets are those of the PTR records at a name below the domain, now.
func targets(t *testing.T, z *zone.Zone, name string, now int64) string {
	t.Helper()
	answer, _, _ := strings.Cut(zonetest.Ask(t, z, fmt.Sprintf("%s.svc.test. PTR at %d", name, now)), " + ")
	switch answer {
	case "NODATA":
		return ""
	case "NXDOMAIN":
		return answer
	}
	var found []string
	for rr := range strings.SplitSeq(answer, "; ") {
		_, target, _ := strings.Cut(rr, " IN PTR ")
		found = append(found, strings.TrimSuffix(target, ".svc.test."))
	}
	return sorted(found)
}

// One that is far behind many others without the tag is found.
func TestSubtypeIsLookedForAmongAll(t *testing.T) {
	z := newZone(t)
	c := zone.Change{}
	for i := range 40_000 { // of two services, one of which comes behind the other
		in := up([]string{"many", "more"}[i%2], fmt.Sprintf("h%05d", i), at(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}).String(), named("http", 80)))
		if i >= 39_998 {
			in.Tags = []string{"v1"}
		}
		c.Put = append(c.Put, in)
	}
	for i := range 8 {
		in := up(fmt.Sprint("one", i), "h", at("10.9.9.9", named("http", 80)))
		in.Tags = []string{"v1"}
		c.Put = append(c.Put, in)
	}
	apply(t, z, c)
	got := zonetest.Ask(t, z, "_v1._sub._http._tcp.svc.test PTR")
	if n := strings.Count(strings.Split(got, " + ")[0], " PTR "); n != 10 {
		t.Errorf("%d instances of the subtype, want 10: %s", n, got)
	}
}
