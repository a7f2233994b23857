package health

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall-dns/rollcall/sources"
	"github.com/rollcall-dns/rollcall/zone"
)

func TestStatsCountProbesByWhatCameOfThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z, w := newZone(t), newWorld()
		g := w.gate(t, sources.Into(z), 8)
		w.set("/bad", "refused")
		send(t, g, zone.Change{Put: []zone.Instance{checked("a", path("/good")), checked("b", path("/bad")), checked("c")}})
		time.Sleep(time.Minute)
		synctest.Wait()
		st := g.Stats()
		good, bad := uint64(len(w.asks("/good"))), uint64(len(w.asks("/bad")))
		if want := (Stats{Checked: 2, Passed: good, Failed: bad}); good == 0 || bad == 0 || st != want {
			t.Errorf("got %+v, want %+v", st, want)
		}
	})
}

func TestStatsTellOfProbesThatComeLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z, w := newZone(t), newWorld()
		g := w.gate(t, sources.Into(z), 1)
		w.takes["/slow"] = 900 * time.Millisecond
		slow := func(id string) zone.Instance {
			return checked(id, path("/slow", func(c *zone.Check) { c.Interval = time.Second }))
		}
		send(t, g, zone.Change{Put: []zone.Instance{slow("a"), slow("b"), slow("c")}})
		time.Sleep(30*time.Second + time.Millisecond)
		if st := g.Stats(); st.Late < 10 || st.UnderWay != 1 {
			t.Errorf("three probes each second, of which one takes 0.9 s and one is made at a time: %+v", st)
		}
	})
}
