package health

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall-dns/rollcall/sources"
	"github.com/rollcall-dns/rollcall/zone"
)

func TestThresholdsDecide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z, w := newZone(t), newWorld()
		g := w.gate(t, sources.Into(z), 8)
		w.set("/", "refused")
		send(t, g, zone.Change{Put: []zone.Instance{checked("a", path("/", func(c *zone.Check) { c.Rise, c.Fall = 2, 3 }))}})
		want := func(probes int, state string) {
			t.Helper()
			for len(w.asks("/")) < probes {
				time.Sleep(100 * time.Millisecond)
			}
			synctest.Wait()
			if got := shown(z, "a"); got != state {
				t.Errorf("after %d probes: %q, want %q", probes, got, state)
			}
		}
		want(0, "starting its check has not passed yet")
		want(1, "starting its check has not passed yet: refused")
		want(2, "starting its check has not passed yet: refused")
		want(3, "down refused")
		w.set("/", "500")
		want(4, "down 500")
		w.set("/", "")
		want(5, "down 500")
		want(6, "up")
		w.set("/", "refused")
		want(8, "up")
		w.set("/", "")
		want(9, "up")
		w.set("/", "refused")
		want(11, "up")
		want(12, "down refused")
	})
}

func TestChangeOfVerdictIsToldAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z, w := newZone(t), newWorld()
		g := w.gate(t, sources.Into(z), 8)
		w.takes["/"] = 700 * time.Millisecond
		send(t, g, zone.Change{Put: []zone.Instance{checked("a", path("/"))}})
		for shown(z, "a") != "up" {
			time.Sleep(time.Millisecond)
		}
		if took := time.Since(w.asks("/")[0]); took > 701*time.Millisecond {
			t.Errorf("up %v after a probe of 700ms began, want at once", took)
		}
		if took := time.Until(w.asks("/")[0].Add(701 * time.Millisecond)); took > time.Second {
			t.Errorf("the first probe began after %v, want within a second", took)
		}
	})
}

func TestEveryCheckHasToPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z, w := newZone(t), newWorld()
		g := w.gate(t, sources.Into(z), 8)
		w.set("/b", "500")
		once := func(c *zone.Check) { c.Fall = 1 }
		send(t, g, zone.Change{Put: []zone.Instance{checked("a", path("/a", once), path("/b", once))}})
		time.Sleep(20 * time.Second)
		if got := shown(z, "a"); got != "down 500" {
			t.Errorf("one of two passes: %q, want down 500", got)
		}
		w.set("/b", "")
		time.Sleep(20 * time.Second)
		if got := shown(z, "a"); got != "up" {
			t.Errorf("both pass: %q, want up", got)
		}
	})
}

func TestProbesKeepTheirIntervalWithJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z, w := newZone(t), newWorld()
		g := w.gate(t, sources.Into(z), 100)
		var c zone.Change
		for i := range 100 {
			c.Put = append(c.Put, checked(fmt.Sprint(i), path(fmt.Sprintf("/%d", i))))
		}
		send(t, g, c)
		began := time.Now()
		time.Sleep(101 * time.Second)
		phases := map[int]int{}
		for i := range 100 {
			asks := w.asks(fmt.Sprintf("/%d", i))
			if first := asks[0].Sub(began); first > time.Second {
				t.Errorf("probed first after %v, want within a second", first)
			}
			for j := 2; j < len(asks); j++ {
				if d := asks[j].Sub(asks[j-1]); d < 9*time.Second || d > 11*time.Second+time.Millisecond {
					t.Errorf("probed after %v, want 10 s within a tenth", d)
				}
			}
			phases[int(asks[len(asks)-1].Sub(began).Seconds())%10]++
		}
		for second, n := range phases {
			if n > 30 {
				t.Errorf("%d of 100 probes come in second %d of the interval: they are not spread", n, second)
			}
		}
	})
}

func TestHangingInstancesKeepNoOtherWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z, w := newZone(t), newWorld()
		g := w.gate(t, sources.Into(z), 8)
		var c zone.Change
		for i := range 100 {
			target := fmt.Sprintf("/hang/%d", i)
			w.takes[target] = time.Hour
			c.Put = append(c.Put, checked(target, path(target, func(c *zone.Check) { c.Timeout = 10 * time.Second })))
		}
		send(t, g, c)
		time.Sleep(5 * time.Minute)
		send(t, g, zone.Change{Put: []zone.Instance{checked("a", path("/a"))}})
		time.Sleep(time.Minute)
		asks := w.asks("/a")
		for i := 2; i < len(asks); i++ {
			if d := asks[i].Sub(asks[i-1]); d > 12*time.Second {
				t.Errorf("probed after %v, want about 10 s", d)
			}
		}
		if len(asks) < 5 || shown(z, "a") != "up" {
			t.Errorf("%d probes in a minute, %q; want 5 and up", len(asks), shown(z, "a"))
		}
		if w.most > 8 {
			t.Errorf("%d probes at the same time, want at most 8", w.most)
		}
	})
}

func TestVerdictSurvivesWhatIsNotChecked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z, w := newZone(t), newWorld()
		g := w.gate(t, sources.Into(z), 8)
		in := checked("a", path("/"))
		send(t, g, zone.Change{Put: []zone.Instance{in}})
		time.Sleep(2 * time.Second)
		probes := len(w.asks("/"))
		in.Tags = []string{"eu"}
		send(t, g, zone.Change{Kind: zone.SyncEnd, Put: []zone.Instance{in}})
		if got := shown(z, "a"); got != "up" {
			t.Errorf("with another tag: %q, want up", got)
		}
		time.Sleep(time.Second)
		if n := len(w.asks("/")); n > probes+1 {
			t.Errorf("%d probes, then %d: another tag must not begin it anew", probes, n)
		}
		in.Endpoints = slices.Clone(in.Endpoints)
		in.Endpoints[0].Addr = netip.MustParseAddr("10.0.0.2")
		w.set("/", "refused")
		send(t, g, zone.Change{Put: []zone.Instance{in}})
		if got := shown(z, "a"); !strings.HasPrefix(got, "starting") {
			t.Errorf("at another address: %q, want starting", got)
		}
		send(t, g, zone.Change{Drop: []string{"a"}})
		send(t, g, zone.Change{Put: []zone.Instance{in}})
		if got := shown(z, "a"); !strings.HasPrefix(got, "starting") {
			t.Errorf("dropped and put: %q, want starting", got)
		}
	})
}

func TestRemovedInstanceIsNotProbedAnyMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		g := w.gate(t, sources.Into(newZone(t)), 8)
		w.takes["/"] = 500 * time.Millisecond
		send(t, g, zone.Change{Put: []zone.Instance{checked("a", path("/"))}})
		for len(w.asks("/")) == 0 {
			time.Sleep(time.Millisecond)
		}
		send(t, g, zone.Change{Drop: []string{"a"}}) // while its probe is under way
		time.Sleep(time.Hour)
		if n := len(w.asks("/")); n != 1 {
			t.Errorf("%d probes, want the one from before", n)
		}
	})
}

// refusing is a sink that takes no verdicts at first.
type refusing struct {
	sources.Sink
	left int
}

func (r *refusing) Send(ctx context.Context, c zone.Change) (zone.Result, error) {
	if len(c.Verdicts) > 0 && r.left > 0 {
		r.left--
		return zone.Result{}, errors.New("not now")
	}
	return r.Sink.Send(ctx, c)
}

func TestVerdictThatWasNotTakenIsToldAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z, w := newZone(t), newWorld()
		g := w.gate(t, &refusing{sources.Into(z), 3}, 8)
		send(t, g, zone.Change{Put: []zone.Instance{checked("a", path("/"))}})
		time.Sleep(5 * time.Second)
		if got := shown(z, "a"); got != "up" {
			t.Errorf("%q, want up", got)
		}
	})
}

func TestGateDelaysNoChange(t *testing.T) {
	z, w := newZone(t), newWorld()
	w.takes["/"] = time.Hour
	g := w.gate(t, sources.Into(z), 1)
	hang := path("/", func(c *zone.Check) { c.Interval, c.Timeout = time.Hour, time.Hour })
	send(t, g, zone.Change{Put: []zone.Instance{checked("a", hang)}})
	for len(w.asks("/")) == 0 {
		time.Sleep(time.Millisecond)
	}
	for i := range 100 {
		send(t, g, zone.Change{Put: []zone.Instance{checked(fmt.Sprint(i), path("/b"))}})
	}
	if n := z.Snapshot().Len(); n != 101 {
		t.Errorf("%d instances in the zone, want 101", n)
	}
}
