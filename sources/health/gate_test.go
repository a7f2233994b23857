package health

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall-dns/rollcall/sources"
	"github.com/rollcall-dns/rollcall/zone"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

func newZone(t testing.TB) *zone.Zone {
	t.Helper()
	z, err := zone.New(zone.Options{Domains: []zone.Name{zone.MustParseName("svc.test")}, MaxInstances: 20_000})
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// checked is an instance that is up, with checks.
func checked(id string, checks ...*zone.Check) zone.Instance {
	in := zone.Instance{ID: id, Service: "web", State: zone.Up, Endpoints: []zone.Endpoint{{
		Addr: netip.MustParseAddr("10.0.0.1"), Ports: []zone.Port{{Number: 80}},
	}}}
	for _, c := range checks {
		in.Checks = append(in.Checks, *c)
	}
	return in
}

// world says what probes find, in place of servers: for the Target of a check the
// reason why it does not pass.
type world struct {
	mu    sync.Mutex
	fails map[string]string
	takes map[string]time.Duration // how long a probe takes
	asked map[string][]time.Time
	busy  map[string]int
	most  int // probes at the same time
	now   int
}

func newWorld() *world {
	return &world{fails: map[string]string{}, takes: map[string]time.Duration{}, asked: map[string][]time.Time{}, busy: map[string]int{}}
}

func (w *world) set(target, fails string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fails[target] = fails
}

func (w *world) asks(target string) []time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.asked[target])
}

func (w *world) probe(_ *worker, ctx context.Context, c *zone.Check, _ []zone.Spot, _ int) (int, error) {
	w.mu.Lock()
	w.asked[c.Target] = append(w.asked[c.Target], time.Now())
	w.now++
	w.busy[c.Target]++
	w.most = max(w.most, w.now)
	if w.busy[c.Target] > 1 {
		panic("two probes of " + c.Target + " at the same time")
	}
	takes := w.takes[c.Target]
	w.mu.Unlock()
	wait := time.NewTimer(min(takes, c.Timeout))
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now--
	w.busy[c.Target]--
	switch {
	case takes > c.Timeout:
		return 0, errors.New("no answer")
	case w.fails[c.Target] != "":
		return 0, errors.New(w.fails[c.Target])
	}
	return 0, nil
}

// gate is one that probes a world, until the test ends.
func (w *world) gate(t *testing.T, sink sources.Sink, concurrency int) *Gate {
	g := New(Options{Sink: sink, Concurrency: concurrency, Logger: quiet})
	g.ask = w.probe
	start(t, g)
	return g
}

func start(t testing.TB, g *Gate) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v, want nil", err)
		}
	})
}

func send(t testing.TB, s sources.Sink, c zone.Change) {
	t.Helper()
	if c.Source == "" {
		c.Source = "test"
	}
	if _, err := s.Send(t.Context(), c); err != nil {
		t.Fatal(err)
	}
}

// shown is the state of an instance in the zone, with the reason.
func shown(z *zone.Zone, id string) string {
	in, ok := z.Snapshot().Instance(zone.Key{Source: "test", ID: id})
	if !ok {
		return "none"
	}
	return strings.TrimSpace(in.State.String() + " " + in.Reason)
}

func path(target string, edit ...func(*zone.Check)) *zone.Check {
	return httpCheck(append([]func(*zone.Check){func(c *zone.Check) { c.Target, c.Timeout = target, time.Second }}, edit...)...)
}

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

func TestFailureWhileWeWereBlindIsExcused(t *testing.T) {
	began := time.Now()
	at := func(d time.Duration) time.Time { return began.Add(d) }
	var p pulse
	p.woke(at(0))
	p.rests(at(0), 100*time.Millisecond)
	p.woke(at(200 * time.Millisecond)) // a little late
	if p.excuses(at(0)) {
		t.Error("100 ms late: excused, want it to count")
	}
	p.rests(at(200*time.Millisecond), 100*time.Millisecond)
	p.woke(at(3 * time.Second)) // suspended
	if !p.excuses(at(time.Second)) || !p.excuses(at(0)) {
		t.Error("2.7 s late: a failure that began before counts, want it excused")
	}
	if p.excuses(at(3*time.Second + 1)) {
		t.Error("what began afterwards is excused, want it to count")
	}
}

func TestExcusesAreBounded(t *testing.T) {
	r := &run{Gate: New(Options{Logger: quiet}), untold: map[*target]struct{}{}}
	in := checked("a", path("/", func(c *zone.Check) { c.Initial, c.Fall = zone.Up, 1 }))
	tgt := newTarget("test", &in)
	p := tgt.probes[0]
	for n := 1; n <= maxExcused+1; n++ {
		now := time.Now()
		r.pulse.saw = now.Add(time.Hour) // always late
		r.busy++
		r.note(now, &result{probe: p, began: now, err: errors.New("no answer")})
		r.agenda.remove(p)
		want := zone.Up
		if n > maxExcused {
			want = zone.Down
		}
		if got := tgt.finding().state; got != want {
			t.Errorf("after %d failures: %v, want %v", n, got, want)
		}
	}
	r.busy++
	r.note(time.Now(), &result{probe: p, began: time.Now()})
	if got := tgt.finding().state; got != zone.Up {
		t.Errorf("a pass while we are late: %v, want up: it is the truth", got)
	}
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
