package main

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// steps notes in which order parts stop.
type steps struct {
	mu   sync.Mutex // guards list
	list []string
}

// part waits for its end, then takes d to stop, and returns err.
func (s *steps) part(name string, d time.Duration, err error) part {
	return part{name: name, run: func(ctx context.Context) error {
		<-ctx.Done()
		time.Sleep(d)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.list = append(s.list, name)
		return err
	}}
}

func (s *steps) want(t *testing.T, names ...string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := cmp.Diff(names, s.list); d != "" {
		t.Errorf("stopped (-want +got):\n%s", d)
	}
}

func TestPartsStopInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		var s steps
		// the first is the slowest, and still stops first
		err := runParts(ctx, slog.New(slog.DiscardHandler),
			s.part("http", 3*time.Second, nil), s.part("sources", time.Second, context.Canceled), s.part("dns", 0, nil))
		if err != nil {
			t.Error(err)
		}
		s.want(t, "http", "sources", "dns")
	})
}

func TestPartThatReturnsEndsTheProgram(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  error
		want string
	}{
		{"with an error", errors.New("socket is gone"), "dns: socket is gone"},
		{"without one", nil, "dns: ended by itself"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var s steps
				dns := part{name: "dns", run: func(context.Context) error { time.Sleep(time.Second); return tt.err }}
				err := runParts(t.Context(), slog.New(slog.DiscardHandler), s.part("http", 0, nil), dns)
				if err == nil || err.Error() != tt.want {
					t.Errorf("got error %v, want %q", err, tt.want)
				}
				s.want(t, "http")
			})
		})
	}
}

func TestPartThatHangsDoesNotHoldTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		var s steps
		err := runParts(ctx, slog.New(slog.DiscardHandler), s.part("http", time.Minute, nil), s.part("dns", 0, nil))
		if err == nil || !strings.Contains(err.Error(), "http: did not stop within 5s") {
			t.Errorf("got error %v", err)
		}
		time.Sleep(2 * time.Minute)
		s.want(t, "dns", "http") // http was left behind
	})
}
