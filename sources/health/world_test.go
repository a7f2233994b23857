package health

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
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
