package zone_test

import (
	"strings"
	"testing"

	"github.com/rollcall-dns/rollcall/zone"
	"github.com/rollcall-dns/rollcall/zone/zonetest"
)

// RFC 6303 §4 and RFC 7793 §2: each of these is a zone, whose neighbours are not.
func TestPrivateReverseZones(t *testing.T) {
	z := newZone(t)
	zeros := strings.Repeat("0.", 31)
	for _, apex := range []string{
		"0.in-addr.arpa", "10.in-addr.arpa", "16.172.in-addr.arpa", "31.172.in-addr.arpa", "168.192.in-addr.arpa",
		"127.in-addr.arpa", "254.169.in-addr.arpa", "2.0.192.in-addr.arpa", "100.51.198.in-addr.arpa",
		"113.0.203.in-addr.arpa", "255.255.255.255.in-addr.arpa", "64.100.in-addr.arpa", "127.100.in-addr.arpa",
		"0." + zeros + "ip6.arpa", "1." + zeros + "ip6.arpa", "d.f.ip6.arpa", "8.e.f.ip6.arpa", "9.e.f.ip6.arpa",
		"a.e.f.ip6.arpa", "b.e.f.ip6.arpa", "8.b.d.0.1.0.0.2.ip6.arpa",
	} {
		apex += "."
		if got, want := zonetest.Ask(t, z, apex+" NS"), apex+" 5 IN NS ns.dns.svc.test."; got != want {
			t.Errorf("ask %s NS\n got %s\nwant %s", apex, got, want)
		}
		if got := zonetest.Ask(t, z, "x."+apex+" PTR"); got != "NXDOMAIN" {
			t.Errorf("ask x.%s PTR = %s, want NXDOMAIN", apex, got)
		}
	}
	for _, not := range []string{
		"1.in-addr.arpa.", "15.172.in-addr.arpa.", "32.172.in-addr.arpa.", "172.in-addr.arpa.", "100.in-addr.arpa.",
		"63.100.in-addr.arpa.", "128.100.in-addr.arpa.", "3.0.192.in-addr.arpa.", "254.255.255.255.in-addr.arpa.",
		"2." + zeros + "ip6.arpa.", "c.e.f.ip6.arpa.", "c.f.ip6.arpa.", "f.ip6.arpa.", "in-addr.arpa.", "ip6.arpa.", "arpa.",
	} {
		if got := zonetest.Ask(t, z, not+" SOA"); got != "REFUSED" {
			t.Errorf("ask %s SOA = %s, want REFUSED", not, got)
		}
	}
}

func TestReverseNamesElsewhere(t *testing.T) {
	for _, tt := range []struct{ elsewhere, ask, want string }{
		{"", "9.9.9.10.in-addr.arpa. PTR", "NXDOMAIN"},
		{"10.in-addr.arpa.", "9.9.9.10.in-addr.arpa. PTR", "REFUSED"},
		{"10.in-addr.arpa.", "10.in-addr.arpa. SOA", "REFUSED"},
		{"10.in-addr.arpa.", "7.0.0.10.in-addr.arpa. PTR", "7.0.0.10.in-addr.arpa. 5 IN PTR web-1.web.svc.test."},
		{"10.in-addr.arpa.", "7.0.0.10.in-addr.arpa. SOA", "7.0.0.10.in-addr.arpa. 5 IN SOA ns.dns.svc.test. nobody.invalid. 101 5 5 86400 5"},
		{"10.in-addr.arpa.", "9.168.192.in-addr.arpa. PTR", "NODATA"},
		{"9.10.in-addr.arpa.", "9.9.9.10.in-addr.arpa. PTR", "REFUSED"},
		{"9.10.in-addr.arpa.", "9.9.8.10.in-addr.arpa. PTR", "NXDOMAIN"},
		{"172.in-addr.arpa.", "1.0.17.172.in-addr.arpa. PTR", "REFUSED"},
		{"svc.example.", "9.9.9.10.in-addr.arpa. PTR", "NXDOMAIN"},
		{".", "9.9.9.10.in-addr.arpa. PTR", "REFUSED"},
		{".", "nope.svc.test. A", "NXDOMAIN"},
	} {
		o := zone.Options{Domains: []zone.Name{zone.MustParseName("svc.test")}, Serial: 100}
		if tt.elsewhere != "" {
			o.Elsewhere = []zone.Name{zone.MustParseName(tt.elsewhere)}
		}
		z, err := zone.New(o)
		if err != nil {
			t.Fatal(err)
		}
		apply(t, z, put(up("web", "web-1", at("10.0.0.7", named("http", 80)))))
		if got := zonetest.Ask(t, z, tt.ask); got != tt.want {
			t.Errorf("elsewhere %q: ask %s\n got %s\nwant %s", tt.elsewhere, tt.ask, got, tt.want)
		}
	}
}
