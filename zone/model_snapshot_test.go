package zone_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/rollcall-dns/rollcall/zone"
	"github.com/rollcall-dns/rollcall/zone/zonetest"
)

// Writers change in place what a batch has made itself: never what somebody may be reading.
func TestSnapshotsNeverChange(t *testing.T) {
	for seed := range uint64(3) {
		rng := rand.New(rand.NewPCG(seed, 3))
		z := newZone(t)
		m := newModel()
		nets := map[string]netip.Prefix{"red": netip.MustParsePrefix("172.18.0.0/16"), "blue": netip.MustParsePrefix("172.19.0.0/16")}
		type kept struct {
			s    *zone.Snapshot
			text string
		}
		var all []kept
		for step := range 600 {
			m.more = rng.IntN(3) == 0
			m.change(t, z, rng, nets, 4+100*int(seed))
			if step%20 == 0 {
				all = append(all, kept{z.Snapshot(), everything(t, z.Snapshot())})
			}
		}
		for i, k := range all {
			if got := everything(t, k.s); got != k.text {
				t.Fatalf("seed %d: snapshot %d of %d has become\n%swas\n%s", seed, i, len(all), got, k.text)
			}
		}
	}
}

// everything is what a snapshot lists, and what it answers.
func everything(t *testing.T, s *zone.Snapshot) string {
	var lines []string
	for k, in := range s.Instances() {
		lines = append(lines, fmt.Sprint(k, *in, s.Names(k)))
	}
	slices.Sort(lines)
	answer := func(name zone.Name, typ uint16) {
		for _, from := range modelAskers {
			var a zone.Answer
			s.Lookup(&zone.Question{Name: []byte(name), Type: typ, View: s.View(netip.MustParseAddr(from))}, &a)
			line := fmt.Sprintf("%s %d from %s: %d", name, typ, from, a.Code)
			for _, r := range append(a.Answer, a.Additional...) {
				line += " " + zonetest.Line(t, []byte(name), &r)
			}
			lines = append(lines, line)
		}
	}
	for l := range s.Records() {
		lines = append(lines, zonetest.Line(t, []byte(l.Owner), &l.Record))
		if l.Type == zone.TypePTR {
			answer(l.Owner, l.Type)
		}
	}
	for _, service := range modelServices {
		for _, under := range modelUnder {
			name := zone.MustParseName(strings.TrimPrefix(under+"."+service, ".") + ".svc.test")
			answer(name, zone.TypeA)
			answer(name, zone.TypeSRV)
		}
	}
	return strings.Join(lines, "\n") + "\n"
}
