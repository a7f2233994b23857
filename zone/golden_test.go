package zone_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"github.com/rollcall-dns/rollcall/zone"
	"github.com/rollcall-dns/rollcall/zone/zonetest"
)

var update = flag.Bool("update", false, "write the golden zones anew")

// Golden zones are zone files with the network of each record in front.
func TestGoldenZones(t *testing.T) {
	full := up("web.shop", "shop-web-1", on("shop", "172.18.0.2", tcp(80), tcp(9100)), on("shop", "fd18::2", tcp(80), tcp(9100)),
		at("198.51.100.1", zone.Port{Number: 32768, Known: 80}))
	full.Aliases, full.Tags = []string{"web"}, []string{"v2", "eu"}
	full.Priority, full.Weight, full.Meta = 1, 2, map[string]string{"version": "2.1", "quote": `"\`}
	down := up("web.shop", "shop-web-2", on("shop", "172.18.0.3", tcp(80)))
	down.State = zone.Down
	zones := map[string][]zone.Instance{
		"empty":   nil,
		"compose": {full, down},
		"replicas": {
			up("web", "a", at("10.0.0.1", named("http", 8080))), up("web", "b", at("10.0.0.2", named("http", 8080))),
			up("web", "a", at("10.0.0.3", named("http", 8081), zone.Port{Number: 53, Proto: zone.UDP})),
		},
	}
	zones["https"] = []zone.Instance{
		up("web", "a", on("shop", "172.18.0.2", secure(t, 8443, "h2", "http/1.1")), on("shop", "fd18::2", secure(t, 8443, "h2", "http/1.1")),
			at("198.51.100.1", secure(t, 32768, "h2", "http/1.1"))),
		up("api", "b", at("198.51.100.2", zone.Port{Number: 443, Proto: zone.UDP, ALPN: alpn(t, "h3")})),
	}
	zones["replicas"][2].ID = "another a"
	records := map[string]zone.Change{"static": statics(t,
		"@ A 10.0.0.1", "db A 10.0.0.7", "db 30 AAAA fd00::7", "web A 10.0.0.9", "_pg._tcp.db SRV 10 5 5432 db", "_pg._tcp.db SRV 10 5 5432 ext.example.",
		"*.apps CNAME edge.example.", "*.deep.apps CNAME db", "info TXT v=1 two", "web CNAME hidden")}
	zones["static"] = []zone.Instance{up("web", "a", at("10.0.0.8", tcp(80)))}
	for name, instances := range zones {
		t.Run(name, func(t *testing.T) {
			z := newZone(t)
			apply(t, z, put(instances...))
			apply(t, z, records[name])
			wantNamesAbove(t, z)
			golden(t, filepath.Join("testdata", name+".zone"), zoneText(t, z))
		})
	}
}

func zoneText(t *testing.T, z *zone.Zone) string {
	var b strings.Builder
	for l := range z.Snapshot().Records() {
		network := l.Network
		if network == "" {
			network = "*"
		}
		b.WriteString(network + " " + zonetest.Line(t, []byte(l.Owner), &l.Record) + "\n")
	}
	return b.String()
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (go test ./zone -update writes it)", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", file, diff)
	}
}

// wantNamesAbove asks each name that is listed, and all above it up to the domain:
// none is NXDOMAIN (RFC 8020), or it is an alias, which leads elsewhere.
func wantNamesAbove(t *testing.T, z *zone.Zone) {
	t.Helper()
	asked := map[string]bool{}
	for l := range z.Snapshot().Records() {
		name := l.Owner.String()
		for labels := dns.SplitDomainName(name); len(labels) > 1; labels = labels[1:] {
			above := strings.Join(labels, ".") + "."
			if !dns.IsSubDomain("svc.test.", above) || asked[above] {
				break
			}
			asked[above] = true
			if got := zonetest.Ask(t, z, above+" NAPTR"); got != "NODATA" && !strings.Contains(got, above+" 5 IN CNAME ") {
				t.Errorf("%s is listed, and %s is %s", name, above, got)
			}
		}
	}
	if !asked["_udp.svc.test."] {
		t.Error("_udp.svc.test. was not asked")
	}
}
