package zone_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollcall-dns/rollcall/zone"
	"github.com/rollcall-dns/rollcall/zone/zonetest"
)

// What comes in pages is put into the zone together. It is the same as if each instance
// had come by itself, in whatever order, and when some of them change or go meanwhile.
func TestPagesGiveWhatSingleChangesGive(t *testing.T) {
	for seed := range uint64(12) {
		rng := rand.New(rand.NewPCG(seed, 4))
		single, paged := newZone(t), newZone(t)
		for range 4 {
			var page []zone.Instance
			for range rng.IntN(60) {
				in := randomInstance(rng, rng.IntN(250))
				if len(in.Endpoints) > 0 && rng.IntN(3) == 0 { // an address that others have as well
					in.Endpoints[0] = at(fmt.Sprintf("198.51.100.%d", rng.IntN(9)), in.Endpoints[0].Ports...)
				}
				page = append(page, in)
			}
			if rng.IntN(3) > 0 { // as most sources give them
				slices.SortStableFunc(page, func(a, b zone.Instance) int { return strings.Compare(a.ID, b.ID) })
			}
			var also zone.Change
			switch rng.IntN(4) {
			case 0:
				also.Drop = []string{strconv.Itoa(rng.IntN(250))}
			case 1:
				also.Verdicts = []zone.Verdict{{Key: zone.Key{Source: "test", ID: strconv.Itoa(rng.IntN(250))}, State: zone.Up}}
			case 2:
				also = put(randomInstance(rng, 250+rng.IntN(6))) // with names of their own
				also.Source = "other"
			}
			for i := range page {
				apply(t, single, put(page[i]))
			}
			apply(t, single, also)
			c := put(page...)
			c.More = true
			apply(t, paged, c)
			also.More = rng.IntN(3) > 0
			apply(t, paged, also)
		}
		apply(t, paged, zone.Change{})
		but := func(z *zone.Zone) []string { // for the serial
			lines := strings.Split(everything(t, z.Snapshot()), "\n")
			return slices.DeleteFunc(lines, func(l string) bool { return strings.Contains(l, " IN SOA ") })
		}
		if diff := cmp.Diff(but(single), but(paged)); diff != "" {
			t.Fatalf("seed %d: pages give something else (-single +pages):\n%s", seed, diff)
		}
	}
}

func TestWhoComesTogetherCanShareAnAddress(t *testing.T) {
	one, two := at("198.51.100.1", tcp(80)), at("198.51.100.2", tcp(80))
	for _, first := range [][]zone.Endpoint{{one}, {one, two}} {
		for _, second := range [][]zone.Endpoint{{one}, {one, two}} {
			for _, ids := range []string{"ab", "ba"} {
				z := newZone(t)
				a, b := up("web", ids[:1], first...), up("web", ids[1:], second...)
				apply(t, z, put(a, b))
				got := zonetest.Ask(t, z, "1.100.51.198.in-addr.arpa. PTR")
				for _, target := range []string{"a.web.svc.test.", "b.web.svc.test."} {
					if !strings.Contains(got, target) {
						t.Errorf("%s with %d addresses and %s with %d: PTR gives %s", ids[:1], len(first), ids[1:], len(second), got)
					}
				}
			}
		}
	}
}

func TestWhatIsNotPublishedYetIsThereForWhatFollows(t *testing.T) {
	z := newZone(t)
	a, b := up("web", "a", at("10.0.0.1", tcp(80))), up("web", "b", at("172.18.0.2", tcp(80)))
	page := func(run uint64, kind zone.Kind, in ...zone.Instance) zone.Change {
		return zone.Change{Run: run, Kind: kind, More: kind == zone.SyncPart, Put: in}
	}
	apply(t, z, page(1, zone.SyncPart, a))
	apply(t, z, page(2, zone.SyncEnd, b))
	if got, want := zonetest.Ask(t, z, "web.svc.test. A"), "web.svc.test. 5 IN A 172.18.0.2"; got != want {
		t.Errorf("after a sync without a: %s, want %s", got, want)
	}

	z = newZone(t)
	c := put(a, b)
	c.More = true
	apply(t, z, c)
	apply(t, z, zone.Change{Networks: []zone.Network{{Name: "red", Prefixes: prefixes("172.18.0.0/16")}}})
	if got, want := zonetest.Ask(t, z, "web.svc.test. A from 203.0.113.9"), "web.svc.test. 5 IN A 10.0.0.1"; got != want {
		t.Errorf("with b on a network: %s, want %s", got, want)
	}
}
