package zone_test

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"github.com/rollcall-dns/rollcall/zone"
	"github.com/rollcall-dns/rollcall/zone/zonetest"
)

func TestReportedMakesAnotherZoneKnowTheSame(t *testing.T) {
	z := newZone(t)
	inside := up("web", "b", on("lan", "172.18.0.3", named("http", 80)), at("192.0.2.1", zone.Port{Number: 32768, Known: 80, Name: "http"}))
	inside.Tags, inside.Meta, inside.Priority, inside.TTL = []string{"v2"}, map[string]string{"k": "v"}, 7, 9e9
	down := up("web", "c", at("10.0.0.9"))
	down.State, down.Reason = zone.Down, "its health check fails"
	c := put(up("web", "a", at("10.0.0.1", tcp(8080))), inside, down)
	c.Networks = []zone.Network{{Name: "lan", Prefixes: []netip.Prefix{netip.MustParsePrefix("172.18.0.0/16")}}}
	c.Attach = []zone.Attachment{{ID: "asker", Prefixes: []netip.Prefix{netip.MustParsePrefix("172.18.0.9/32")}, Networks: []string{"lan"}}}
	c.Static = statics(t, "db A 10.0.0.7", "*.apps CNAME edge.example.", "_pg._tcp.db SRV 0 0 5432 db").Static
	c.Put = append(c.Put, checked(7))
	c.Put[3].ID, c.Put[3].Service = "shop/a", "shop"
	apply(t, z, c)
	apply(t, z, zone.Change{Source: "health", Verdicts: []zone.Verdict{{Key: zone.Key{Source: "test", ID: "shop/a"}, Revision: 7, State: zone.Up}}})
	other := put(up("elsewhere", "x", at("10.9.9.9")))
	other.Source = "other"
	apply(t, z, other)

	next := newZone(t)
	changes := z.Reported("test", 2)
	if len(changes) != 4 {
		t.Errorf("%d changes, want 7 objects in 4 of 2", len(changes))
	}
	for _, c := range changes {
		text, err := json.Marshal(c) // it goes to another process
		if err != nil {
			t.Fatal(err)
		}
		var read zone.Change
		if err := json.Unmarshal(text, &read); err != nil {
			t.Fatal(err)
		}
		apply(t, next, read)
	}
	apply(t, next, other)
	if got, want := withoutSOA(zoneText(t, next)), withoutSOA(zoneText(t, z)); got != want {
		t.Errorf("the other zone has\n%swant\n%s", got, want)
	}
	for _, q := range []string{"web.svc.test SRV from 172.18.0.9", "web.svc.test SRV from 8.8.8.8", "x.apps.svc.test A", "shop.svc.test A"} {
		if got, want := zonetest.Ask(t, next, q), zonetest.Ask(t, z, q); got != want {
			t.Errorf("%s: got %s, want %s", q, got, want)
		}
	}
	got, _ := next.Snapshot().Instance(zone.Key{Source: "test", ID: "web/c"})
	if got == nil || got.State != zone.Down || got.Reason != down.Reason {
		t.Errorf("what is not answered is %+v", got)
	}
	// Its source then says what there is.
	apply(t, next, zone.Change{Kind: zone.SyncEnd, Run: 1, Put: []zone.Instance{inside}})
	if n := next.Snapshot().Len(); n != 2 {
		t.Errorf("%d instances are left after a complete set, want 2", n)
	}
	if z.Reported("nobody", 1) != nil {
		t.Error("an unknown source has reported something")
	}
}

// withoutSOA leaves out the record that has the serial.
func withoutSOA(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if !strings.Contains(line, " SOA ") {
			b.WriteString(line)
		}
	}
	return b.String()
}
