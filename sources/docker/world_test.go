package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rollcall-dns/rollcall/zone"
)

// world is a zone with one source, and what was sent to it. It is the Sink.
type world struct {
	t      *testing.T
	source *Source
	zone   *zone.Zone

	mu   sync.Mutex // guards the fields below
	runs uint64
	sent []zone.Change
	at   []time.Time // when each was applied
}

func newWorld(t *testing.T, o Options) *world {
	t.Helper()
	z, err := zone.New(zone.Options{Domains: []zone.Name{zone.MustParseName("svc.test")}})
	if err != nil {
		t.Fatal(err)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if o.Advertise == nil {
		o.Advertise = []netip.Addr{netip.MustParseAddr("192.0.2.10")}
	}
	if o.HostAddrs == nil {
		o.HostAddrs = func() ([]netip.Addr, error) { return []netip.Addr{netip.MustParseAddr("192.0.2.10")}, nil }
	}
	return &world{t: t, source: New(o), zone: z}
}

func (w *world) Send(ctx context.Context, c zone.Change) (zone.Result, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return zone.Result{}, err
	}
	c.Source, c.Run = "docker", w.runs
	w.sent = append(w.sent, c)
	res := w.zone.Apply(c)
	w.at = append(w.at, time.Now())
	if len(res.Rejected) > 0 {
		w.t.Errorf("the zone rejects %v", res.Rejected)
	}
	return res, nil
}

// start runs the source; the result gives what Run returned, and stop ends it.
func (w *world) start() (result <-chan error, stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	w.mu.Lock()
	w.runs++
	w.mu.Unlock()
	done, over := make(chan error, 1), make(chan struct{})
	go func() {
		done <- w.source.Run(ctx, w)
		close(over)
	}()
	stop = func() { cancel(); <-over }
	w.t.Cleanup(stop)
	return done, stop
}

// follow starts the source and waits until it has synced.
func (w *world) follow() (result <-chan error, stop func()) {
	w.t.Helper()
	before := w.ends()
	result, stop = w.start()
	w.until("it has synced", func() bool { return w.ends() > before })
	return result, stop
}

// ends counts the sets that were ended.
func (w *world) ends() (n int) {
	for _, c := range w.changes() {
		if c.Kind == zone.SyncEnd {
			n++
		}
	}
	return n
}

func (w *world) changes() []zone.Change {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.sent)
}

// appliedAt says when what was last put or dropped was so, by "+ID" and "-ID".
func (w *world) appliedAt() map[string]time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	m := map[string]time.Time{}
	for i, c := range w.sent {
		for _, in := range c.Put {
			m["+"+in.ID] = w.at[i]
		}
		for _, id := range c.Drop {
			m["-"+id] = w.at[i]
		}
	}
	return m
}

// names are the instances as "service state", in order, with one space between.
func (w *world) names() string {
	var list []string
	for _, in := range w.zone.Snapshot().Instances() {
		list = append(list, fmt.Sprintf("%s:%s", in.Service, in.State))
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

// want waits until the zone has exactly these instances.
func (w *world) want(names string) {
	w.t.Helper()
	w.until("the zone has "+names, func() bool { return w.names() == names })
}

// keeps checks that the zone has these instances, and still has them after d.
func (w *world) keeps(names string, d time.Duration) {
	w.t.Helper()
	time.Sleep(d)
	if got := w.names(); got != names {
		w.t.Errorf("the zone has %s, want %s", got, names)
	}
}

// patience is how long something may take that is bound to happen: the race
// detector on a busy machine makes everything slow.
const patience = time.Minute

func (w *world) until(what string, ok func() bool) {
	w.t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			names := w.names()
			w.t.Fatalf("not within %s: %s; the zone has %.1000s; rejected: %.1000v", patience, what, names, w.source.Rejections())
		}
	}
}

// find gives an instance by its service.
func (w *world) find(service string) *zone.Instance {
	for _, in := range w.zone.Snapshot().Instances() {
		if in.Service == service {
			return in
		}
	}
	return nil
}

// failed waits for Run to return an error.
func failed(t *testing.T, result <-chan error) error {
	t.Helper()
	select {
	case err := <-result:
		if err == nil {
			t.Fatal("Run returned nil")
		}
		return err
	case <-time.After(20 * time.Second):
		t.Fatal("Run still runs")
	}
	return errors.New("unreachable")
}
