package zone_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/rollcall-dns/rollcall/zone"
	"github.com/rollcall-dns/rollcall/zone/zonetest"
)

// All that an instance can have, asked for at each of its names and for each type,
// also in the additional section: nothing outlives its lease by a nanosecond.
func TestNoRecordOutlivesTheLease(t *testing.T) {
	const end = int64(100 * time.Second)
	in := up("web.shop", "one", on("shop", "172.18.0.2", secure(t, 8443, "h2"), named("http", 80)), on("shop", "fd18::2", secure(t, 8443, "h2")),
		at("198.51.100.1", secure(t, 32768, "h2"), zone.Port{Number: 53, Proto: zone.UDP}))
	in.Aliases, in.Tags, in.Meta = []string{"web"}, []string{"eu", "v2"}, map[string]string{"version": "1"}
	in.TTL, in.Lease = time.Hour, zone.NewLease(end)
	z := newZone(t)
	apply(t, z, put(in))
	apply(t, z, statics(t, "www CNAME web"))
	owners := map[string]bool{"eu.v2.tag.web.svc.test.": true, "www.svc.test.": true}
	for l := range z.Snapshot().Records() {
		name, _, err := dns.UnpackDomainName([]byte(l.Owner), 0)
		if err != nil {
			t.Fatal(err)
		}
		owners[name] = true
	}
	seen := 0
	for owner := range owners {
		for _, qtype := range zone.Types {
			for _, from := range []string{"172.18.0.9", "192.0.2.7"} {
				for _, left := range []time.Duration{time.Minute, 3*time.Second + 1, 3 * time.Second, 3*time.Second - 1, 1, 0, -1} {
					s := z.Snapshot()
					q := zone.Question{Name: zonetest.Wire(t, owner), Type: qtype, View: s.View(netip.MustParseAddr(from)), Now: end - int64(left)}
					var a zone.Answer
					s.Lookup(&q, &a)
					seen += wantWithin(t, owner, &q, &a, left)
				}
			}
		}
	}
	if seen < 1000 {
		t.Errorf("only %d records were seen", seen)
	}
}

// wantWithin looks at the records that come of an instance, and counts them.
func wantWithin(t *testing.T, owner string, q *zone.Question, a *zone.Answer, left time.Duration) (seen int) {
	t.Helper()
	if first, _, _ := strings.Cut(owner, "."); first == "b" || first == "db" || first == "lb" {
		return 0 // where to browse: a matter of the domain
	}
	for _, r := range slices.Concat(a.Answer, a.Additional) {
		switch r.Type {
		case zone.TypeSOA, zone.TypeNS, zone.TypeCNAME: // of the domain, and the static record
			continue
		}
		if seen++; left <= 0 || time.Duration(r.TTL)*time.Second > left {
			t.Errorf("%s %s, with %v left: %s", owner, dns.TypeToString[q.Type], left, zonetest.Text(t, owner, a))
		}
	}
	return seen
}
