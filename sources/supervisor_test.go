package sources_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall-dns/rollcall/sources"
	"github.com/rollcall-dns/rollcall/zone"
)

func TestChangesAreStamped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := newZone(t)
		supervise(t, z, new(logs), sources.Entry{Source: steady("one", "a")}, sources.Entry{Source: steady("two", "a")})
		synctest.Wait()
		for _, k := range []zone.Key{{Source: "one", ID: "a"}, {Source: "two", ID: "a"}} {
			if _, ok := z.Snapshot().Instance(k); !ok {
				t.Errorf("instance %v is not in the zone", k)
			}
		}
	})
}

func TestReadyWhenEverySourceHasSynced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &scripted{name: "slow", run: func(ctx context.Context, sink sources.Sink, _ int) error {
			sink.Send(ctx, zone.Change{Kind: zone.SyncPart, Put: ups("a")})
			time.Sleep(3 * time.Second)
			sink.Send(ctx, zone.Change{Kind: zone.SyncEnd})
			<-ctx.Done()
			return nil
		}}
		s, _ := supervise(t, newZone(t), new(logs), sources.Entry{Source: steady("fast")}, sources.Entry{Source: slow})
		time.Sleep(2 * time.Second)
		if got := s.Waiting(); s.Ready() || !slices.Equal(got, []string{"slow"}) {
			t.Errorf("after 2 s: ready %v, waiting for %q, want slow alone", s.Ready(), got)
		}
		time.Sleep(2 * time.Second)
		if !s.Ready() || len(s.Waiting()) > 0 {
			t.Errorf("after 4 s: not ready, waiting for %q", s.Waiting())
		}
		<-s.WhenReady()
	})
}

// A set that is at hand is waited for, however long it takes to read.
func TestReadyWhenSynced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &scripted{name: "slow", run: func(ctx context.Context, sink sources.Sink, _ int) error {
			time.Sleep(time.Hour)
			if _, err := sink.Send(ctx, zone.Change{Kind: zone.SyncEnd}); err != nil {
				return err
			}
			<-ctx.Done()
			return nil
		}}
		s, _ := supervise(t, newZone(t), new(logs), sources.Entry{Source: slow, Grace: sources.UntilSynced})
		time.Sleep(time.Hour - time.Second)
		if s.Ready() {
			t.Error("ready before it has synced")
		}
		time.Sleep(2 * time.Second)
		if !s.Ready() {
			t.Error("not ready after it has synced")
		}
	})
}

func TestReadyWhenGraceHasPassed(t *testing.T) {
	never := func() sources.Source {
		return &scripted{name: "never", run: func(ctx context.Context, _ sources.Sink, _ int) error { return errors.New("no engine") }}
	}
	tests := []struct {
		name  string
		grace time.Duration
		after time.Duration
	}{
		{"by default after 10 s", 0, 10 * time.Second},
		{"as given", 2 * time.Second, 2 * time.Second},
		{"at once when nobody waits", sources.NoGrace, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, _ := supervise(t, newZone(t), new(logs), sources.Entry{Source: never(), Grace: tt.grace}, sources.Entry{Source: steady("other")})
				if tt.after > 0 {
					time.Sleep(tt.after - time.Millisecond)
					if s.Ready() {
						t.Errorf("ready before %v", tt.after)
					}
					time.Sleep(2 * time.Millisecond)
				}
				synctest.Wait()
				if !s.Ready() {
					t.Errorf("not ready after %v", tt.after)
				}
			})
		})
	}
}

func TestNotReadyBeforeRun(t *testing.T) {
	if s := sources.NewSupervisor(sources.Options{Zone: newZone(t)}); s.Ready() {
		t.Error("ready before Run")
	}
}

func TestFailedSourceRunsAgain(t *testing.T) {
	tests := []struct {
		name     string
		retry    time.Duration
		within   time.Duration
		min, max int
	}{
		{"with growing waits", 0, 3 * time.Second, 6, 10}, // 0.1, 0.2, … 1.6 s; with jitter half of each
		{"with waits of at most 3 s", 0, 10 * time.Minute, 200, 410},
		{"after a fixed time", 5 * time.Second, 21 * time.Second, 5, 5},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				bad := &scripted{name: "bad", run: func(context.Context, sources.Sink, int) error { return errors.New("broken") }}
				s, stop := supervise(t, newZone(t), new(logs), sources.Entry{Source: bad, Retry: tt.retry})
				time.Sleep(tt.within)
				stop()
				if runs := s.Status()[0].Runs; runs < uint64(tt.min) || runs > uint64(tt.max) {
					t.Errorf("ran %d times in %v, want %d to %d", runs, tt.within, tt.min, tt.max)
				}
			})
		})
	}
}

func TestWaitsAreShortAgainAfterARunThatWasWell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ends, begins []time.Time
		src := &scripted{name: "src", run: func(ctx context.Context, sink sources.Sink, n int) error {
			begins = append(begins, time.Now())
			defer func() { ends = append(ends, time.Now()) }()
			if n == 8 {
				sink.Send(ctx, zone.Change{Kind: zone.SyncEnd})
				time.Sleep(time.Minute)
			}
			return errors.New("broken")
		}}
		_, stop := supervise(t, newZone(t), new(logs), sources.Entry{Source: src})
		time.Sleep(2 * time.Minute)
		stop()
		if before := begins[7].Sub(ends[6]); before < time.Second {
			t.Errorf("wait before the good run is %v, want seconds", before)
		}
		if after := begins[8].Sub(ends[7]); after > 100*time.Millisecond {
			t.Errorf("wait after the good run is %v, want at most 100 ms", after)
		}
	})
}

func TestWhatWasPublishedStaysWhileASourceFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := newZone(t)
		src := &scripted{name: "src", run: func(ctx context.Context, sink sources.Sink, n int) error {
			switch {
			case n == 1:
				sink.Send(ctx, zone.Change{Kind: zone.SyncEnd, Put: ups("a", "b")})
			case n < 4:
				sink.Send(ctx, zone.Change{Kind: zone.SyncPart, Put: ups("c")}) // a broken listing
			default:
				sink.Send(ctx, zone.Change{Kind: zone.SyncEnd, Put: ups("b")})
				<-ctx.Done()
				return nil
			}
			return errors.New("broken")
		}}
		s, _ := supervise(t, z, new(logs), sources.Entry{Source: src})
		time.Sleep(260 * time.Millisecond)
		if n := z.Snapshot().Len(); n != 3 {
			t.Errorf("%d instances while failing, want 3", n)
		}
		if st := s.Status()[0]; st.Err == nil || !st.Synced || st.Instances != 3 {
			t.Errorf("status while failing: %+v", st)
		}
		time.Sleep(time.Minute)
		if st := s.Status()[0]; st.Err != nil || st.Instances != 1 || time.Since(st.Success) > time.Minute {
			t.Errorf("status after recovery: %+v", st)
		}
	})
}

func TestPanicIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z, l := newZone(t), new(logs)
		src := &scripted{name: "src", run: func(ctx context.Context, sink sources.Sink, n int) error {
			if n == 1 {
				panic("oh no")
			}
			sink.Send(ctx, zone.Change{Kind: zone.SyncEnd, Put: ups("a")})
			<-ctx.Done()
			if n == 2 {
				panic("on the way out")
			}
			return nil
		}}
		_, stop := supervise(t, z, l, sources.Entry{Source: src})
		time.Sleep(time.Second)
		if z.Snapshot().Len() != 1 {
			t.Error("the source did not run again after its panic")
		}
		stop()
		text := strings.Join(l.lines(), "\n")
		for _, part := range []string{"panic: oh no", "supervisor_test.go", "panicked while it stopped", "panic: on the way out"} {
			if !strings.Contains(text, part) {
				t.Errorf("log lacks %q:\n%s", part, text)
			}
		}
	})
}

func TestSinkRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := newZone(t)
		cause := errors.New("had enough")
		var old sources.Sink
		got := map[string]error{}
		src := &scripted{name: "src", run: func(ctx context.Context, sink sources.Sink, n int) error {
			if n == 1 {
				old = sink
				return errors.New("broken")
			}
			_, got["after Run"] = old.Send(ctx, zone.Change{Put: ups("late")})
			done, cancel := context.WithCancelCause(ctx)
			cancel(cause)
			_, got["when ctx is done"] = sink.Send(done, zone.Change{Put: ups("cancelled")})
			<-ctx.Done()
			return nil
		}}
		_, stop := supervise(t, z, new(logs), sources.Entry{Source: src})
		time.Sleep(time.Second)
		stop()
		if err := got["after Run"]; err == nil || !strings.Contains(err.Error(), "Run has returned") {
			t.Errorf("Send after Run: %v", err)
		}
		if err := got["when ctx is done"]; err != cause {
			t.Errorf("Send when ctx is done: %v, want its cause", err)
		}
		if z.Snapshot().Len() != 0 {
			t.Error("a change was applied that was refused")
		}
	})
}

// blocking is a sink that takes a change when it is told to.
type blocking struct{ free chan struct{} }

func (b blocking) Send(ctx context.Context, c zone.Change) (zone.Result, error) {
	select {
	case <-b.free:
		return zone.Result{}, nil
	case <-ctx.Done():
		return zone.Result{}, context.Cause(ctx)
	}
}

func TestSinkRefusesASecondSendUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		second := make(chan error, 1)
		src := &scripted{name: "src", run: func(ctx context.Context, sink sources.Sink, _ int) error {
			go sink.Send(ctx, zone.Change{})
			synctest.Wait()
			_, err := sink.Send(ctx, zone.Change{})
			second <- err
			<-ctx.Done()
			return nil
		}}
		s := sources.NewSupervisor(sources.Options{Zone: newZone(t), Sink: blocking{make(chan struct{})}, Sources: []sources.Entry{{Source: src}}})
		ctx, cancel := context.WithCancel(t.Context())
		go s.Run(ctx)
		if err := <-second; err == nil || !strings.Contains(err.Error(), "another Send") {
			t.Errorf("second Send: %v, want a refusal", err)
		}
		cancel()
		synctest.Wait()
	})
}

func TestStateChangesAreLoggedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := new(logs)
		began := time.Now()
		src := &scripted{name: "src", run: func(ctx context.Context, sink sources.Sink, n int) error {
			if d := time.Since(began); d > time.Minute && d < 3*time.Minute {
				return fmt.Errorf("broken for the %d. time", n)
			}
			put := ups("a", "b")
			put[1].Service = "not a name"
			sink.Send(ctx, zone.Change{Kind: zone.SyncEnd, Put: put})
			time.Sleep(time.Minute)
			return errors.New("lost it")
		}}
		_, stop := supervise(t, newZone(t), l, sources.Entry{Source: src, Retry: time.Second})
		time.Sleep(3*time.Minute + 30*time.Second)
		stop()
		want := []string{
			`level=INFO msg="source synced" source=src objects=1 rejected=1`,
			`level=WARN msg="source failing; what it reported stays" source=src error="lost it" retry=1s`,
			`level=WARN msg="source failing; what it reported stays" source=src error="broken for the 61. time" retry=1s`,
			`level=INFO msg="source recovered" source=src objects=1 rejected=1`,
		}
		if got := l.lines(); !slices.Equal(got, want) {
			t.Errorf("logged\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

func TestTwoSourcesOfOneNamePanic(t *testing.T) {
	defer func() {
		if p := recover(); p == nil || !strings.Contains(fmt.Sprint(p), `"twin"`) {
			t.Errorf("recovered %v, want a panic that names the twin", p)
		}
	}()
	sources.NewSupervisor(sources.Options{Zone: newZone(t), Sources: []sources.Entry{{Source: steady("twin")}, {Source: steady("twin")}}})
}
