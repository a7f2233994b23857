package health

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall-dns/rollcall/sources"
	"github.com/rollcall-dns/rollcall/zone"
)

// TestWhatIsProbedIsWhatIsInTheZone makes random changes of all kinds, some of which
// the zone refuses, and compares the two.
func TestWhatIsProbedIsWhatIsInTheZone(t *testing.T) {
	for seed := range uint64(30) {
		z := newZone(t)
		g := New(Options{Sink: sources.Into(z), Logger: quiet})
		rng := rand.New(rand.NewPCG(seed, 2))
		for step := range 300 {
			send(t, g, randomChange(rng))
			if got, want := probed(g), inZone(z); !maps.Equal(got, want) {
				t.Fatalf("seed %d, step %d: probed %v, in the zone %v", seed, step, got, want)
			}
		}
	}
}

func randomChange(rng *rand.Rand) zone.Change {
	c := zone.Change{Source: "test", Kind: []zone.Kind{zone.Delta, zone.Delta, zone.SyncPart, zone.SyncEnd}[rng.IntN(4)], Run: uint64(rng.IntN(20) / 19)}
	for _, id := range rng.Perm(12)[:rng.IntN(6)] {
		in := checked(fmt.Sprint(id))
		switch rng.IntN(5) {
		case 0:
		case 1:
			in.Checks = []zone.Check{{Kind: 99}}
		default:
			in.Checks = []zone.Check{*path(fmt.Sprintf("/%d", rng.IntN(2)))}
		}
		if rng.IntN(6) == 0 {
			c.Static = append(c.Static, zone.Static{ID: in.ID, Owner: "x" + in.ID, Type: zone.TypeA, Data: []byte{10, 0, 0, 9}})
		} else {
			c.Put = append(c.Put, in)
		}
	}
	if rng.IntN(3) == 0 {
		c.Drop = []string{fmt.Sprint(rng.IntN(12))}
	}
	return c
}

func probed(g *Gate) map[string]uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	m := map[string]uint64{}
	n := 0
	for id, t := range g.wards["test"].targets {
		m[id] = t.revision
		n += len(t.probes)
	}
	if queued := len(g.agenda.prompt) + len(g.agenda.hung); queued != n {
		m[fmt.Sprintf("%d probes are queued, not %d", queued, n)] = 0
	}
	return m
}

func inZone(z *zone.Zone) map[string]uint64 {
	m := map[string]uint64{}
	for k, in := range z.Snapshot().Instances() {
		if len(in.Checks) > 0 {
			m[k.ID] = in.Revision
		}
	}
	return m
}

func TestVerdictsGoOverToAnotherProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, next, w := newZone(t), newZone(t), newWorld()
		g := w.gate(t, sources.Into(old), 8)
		w.set("/b", "refused")
		var c zone.Change
		for _, id := range []string{"d", "c", "b", "a"} {
			c.Put = append(c.Put, checked(id, path("/"+id)))
		}
		send(t, g, c)
		time.Sleep(time.Minute)
		w2 := newWorld()
		g2 := w2.gate(t, sources.Into(next), 8)
		w2.set("/a", "refused")
		send(t, g2, zone.Change{Put: []zone.Instance{checked("x", path("/x"))}}) // so that its revisions are others
		for _, c := range old.Reported("test", 2) {
			send(t, g2, c)
		}
		send(t, g2, zone.Change{Kind: zone.SyncEnd, Put: c.Put})
		for id, want := range map[string]string{"a": "up", "b": "down refused", "c": "up", "d": "up"} {
			if got := shown(next, id); got != want {
				t.Errorf("%s goes over as %q, want %q", id, got, want)
			}
		}
		time.Sleep(time.Minute)
		for id, want := range map[string]string{"a": "down refused", "b": "up"} {
			if got := shown(next, id); got != want {
				t.Errorf("%s is then found %q, want %q", id, got, want)
			}
		}
	})
}
