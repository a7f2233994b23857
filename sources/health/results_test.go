package health

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall-dns/rollcall/sources"
	"github.com/rollcall-dns/rollcall/zone"
)

func TestResultsTellOfTheLastProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		g := w.gate(t, sources.Into(newZone(t)), 8)
		key := zone.Key{Source: "test", ID: "a"}
		if got := g.Results(key); got != nil {
			t.Errorf("of an unknown instance: %+v, want nothing", got)
		}
		w.takes["/"] = 300 * time.Millisecond
		send(t, g, zone.Change{Put: []zone.Instance{checked("a", path("/"), path("/two"))}})
		if got := g.Results(key); len(got) != 2 || got[0] != (sources.CheckResult{}) {
			t.Errorf("before the first probe: %+v, want two that are zero", got)
		}
		want := func(probes int, reason string, inARow int) {
			t.Helper()
			for len(w.asks("/")) < probes {
				time.Sleep(100 * time.Millisecond)
			}
			time.Sleep(time.Second)
			synctest.Wait()
			asks := w.asks("/")
			got, want := g.Results(key)[0], sources.CheckResult{At: asks[len(asks)-1], Took: 300 * time.Millisecond, Reason: reason, InARow: inARow}
			if got != want {
				t.Errorf("after %d probes: %+v, want %+v", probes, got, want)
			}
		}
		want(3, "", 3)
		w.set("/", "refused")
		want(4, "refused", 1)
		w.set("/", "500")
		want(5, "500", 2)
		w.set("/", "")
		want(6, "", 1)
		send(t, g, zone.Change{Drop: []string{"a"}})
		if got := g.Results(key); got != nil {
			t.Errorf("after it has left: %+v, want nothing", got)
		}
	})
}
