package lease

import (
	"context"
	"log/slog"
	"math"
	"sync/atomic"
	"time"
)

const (
	clockTick = 100 * time.Millisecond
	// patience is how long the process may not get to run before the clock stands
	// still: shorter pauses are those of a busy machine, and cost nobody a lease.
	patience = 500 * time.Millisecond
)

// Clock is monotonic time, but for that in which this process stood still: it was
// suspended, or the machine was too busy to run it. Whoever could not be heard then
// is not taken for dead. Leases and lookups run on it. Make it with NewClock; its
// methods are safe for concurrent use.
type Clock struct {
	real func() int64
	now  atomic.Pointer[clockState]
}

// clockState is when the process was last known to run, and what the clock is behind.
type clockState struct{ seen, lost int64 }

// NewClock gives a clock that begins at 0. Until it is run it never stands still.
func NewClock() *Clock {
	began := time.Now()
	return newClock(func() int64 { return int64(time.Since(began)) })
}

func newClock(real func() int64) *Clock {
	c := &Clock{real: real}
	c.now.Store(&clockState{seen: math.MaxInt64 / 2})
	return c
}

// Now is the time in nanoseconds. It never goes back by more than the machine takes
// to run one goroutine after another.
func (c *Clock) Now() int64 {
	s := c.now.Load()
	return min(c.real(), s.seen+int64(patience)) - s.lost
}

// Run notices when the process stands still, and logs it, until ctx is done. From then
// on the clock stands still: nobody is heard any more, and answers are still given. It
// may be called once.
func (c *Clock) Run(ctx context.Context, log *slog.Logger) {
	c.now.Store(&clockState{c.real(), c.now.Load().lost})
	t := time.NewTicker(clockTick)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			if lost := c.tick(); lost > 0 {
				log.Warn("this process stood still: leases last longer by as much", "for", lost.Round(time.Millisecond))
			}
		case <-ctx.Done():
			c.tick()
			s := c.now.Load()
			c.now.Store(&clockState{s.seen - int64(patience), s.lost})
			return
		}
	}
}

// tick notes that the process runs, and gives the time in which it has not.
func (c *Clock) tick() time.Duration {
	s, r := c.now.Load(), c.real()
	lost := max(0, r-s.seen-int64(patience))
	c.now.Store(&clockState{r, s.lost + lost})
	return time.Duration(lost)
}
