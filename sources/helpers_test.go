package sources_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/rollcall-dns/rollcall/sources"
	"github.com/rollcall-dns/rollcall/zone"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// scripted is a source whose Run is given, with the number of the Run.
type scripted struct {
	name string
	run  func(ctx context.Context, sink sources.Sink, n int) error
	mu   sync.Mutex
	runs int
}

func (s *scripted) Name() string { return s.name }

func (s *scripted) Run(ctx context.Context, sink sources.Sink) error {
	s.mu.Lock()
	s.runs++
	n := s.runs
	s.mu.Unlock()
	return s.run(ctx, sink, n)
}

// steady reports the instances named and then waits.
func steady(name string, ids ...string) *scripted {
	return &scripted{name: name, run: func(ctx context.Context, sink sources.Sink, _ int) error {
		if _, err := sink.Send(ctx, zone.Change{Kind: zone.SyncEnd, Put: ups(ids...)}); err != nil {
			return err
		}
		<-ctx.Done()
		return nil
	}}
}

func ups(ids ...string) []zone.Instance {
	var list []zone.Instance
	for _, id := range ids {
		list = append(list, zone.Instance{ID: id, Service: "web", State: zone.Up,
			Endpoints: []zone.Endpoint{{Addr: netip.MustParseAddr("10.0.0.1")}}})
	}
	return list
}

func newZone(t *testing.T) *zone.Zone {
	t.Helper()
	z, err := zone.New(zone.Options{Domains: []zone.Name{zone.MustParseName("svc.test")}})
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// logs is a logger's text, without times.
type logs struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logs) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	}))
}

func (l *logs) lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Split(strings.TrimSpace(l.buf.String()), "\n")
}

// supervise runs sources until the test ends, or the function returned is called.
func supervise(t *testing.T, z *zone.Zone, l *logs, entries ...sources.Entry) (*sources.Supervisor, func()) {
	t.Helper()
	s := sources.NewSupervisor(sources.Options{Zone: z, Sources: entries, Logger: l.logger()})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v, want nil", err)
		}
	})
	t.Cleanup(stop)
	return s, stop
}
