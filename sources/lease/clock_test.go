package lease

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestClockStandsStillWithTheProcess(t *testing.T) {
	var real time.Duration
	c := newClock(func() int64 { return int64(real) })
	want := func(after, now time.Duration) {
		t.Helper()
		real += after
		if got := time.Duration(c.Now()); got != now {
			t.Errorf("at %s the clock says %s, want %s", real, got, now)
		}
	}
	want(time.Hour, time.Hour) // nobody runs it
	c.now.Store(&clockState{seen: int64(real)})
	want(100*time.Millisecond, time.Hour+100*time.Millisecond)
	c.tick()
	want(patience, time.Hour+100*time.Millisecond+patience)
	want(time.Minute, time.Hour+100*time.Millisecond+patience) // it is not run any more
	if lost := c.tick(); lost != time.Minute {
		t.Errorf("%s were lost, want a minute", lost)
	}
	want(0, time.Hour+100*time.Millisecond+patience) // no jump
	want(time.Millisecond, time.Hour+101*time.Millisecond+patience)
}

func TestClockRunsOnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		c := NewClock()
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { c.Run(ctx, slog.New(slog.NewTextHandler(&log, nil))) })
		time.Sleep(time.Hour)
		if got := time.Duration(c.Now()); got != time.Hour {
			t.Errorf("after an hour it says %s", got)
		}
		cancel()
		running.Wait()
		time.Sleep(time.Hour) // nobody can be heard any more
		if got := time.Duration(c.Now()); got != time.Hour {
			t.Errorf("an hour after its end it says %s", got)
		}
		if log.Len() > 0 {
			t.Errorf("logged %s", &log)
		}
	})
}
