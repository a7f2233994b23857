package sources

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rollcall-dns/rollcall/zone"
)

// The bounds of the time between two Runs of a source that fails. A Run that was
// well for long enough makes the next wait the shortest again. The longest is less
// than what answers may be wrong for when the origin is back: 5 s.
const (
	minRetry = 100 * time.Millisecond
	maxRetry = 3 * time.Second
	well     = 10 * time.Second
)

// What a source is told that breaks the contract.
var (
	errRunOver  = errors.New("send: the source's Run has returned")
	errTwoSends = errors.New("send: the source has another Send under way")
)

// runner keeps one source running.
type runner struct {
	Entry
	name string
	next Sink
	log  *slog.Logger

	settled  atomic.Bool
	onSettle func() // called once

	mu sync.Mutex // guards health
	health
}

func newRunner(e Entry, next Sink, log *slog.Logger, onSettle func()) *runner {
	return &runner{Entry: e, name: e.Source.Name(), next: next, log: log, onSettle: onSettle}
}

// settle says that readiness need not wait for the source any more.
func (r *runner) settle() {
	if r.settled.CompareAndSwap(false, true) {
		r.onSettle()
	}
}

// run calls Run again and again until ctx is done.
func (r *runner) run(ctx context.Context) {
	wait := minRetry
	for n := uint64(1); ; n++ {
		began := time.Now()
		synced, err := r.once(ctx, n)
		if ctx.Err() != nil {
			if p := new(panicError); errors.As(err, &p) {
				r.log.Error("source panicked while it stopped", "error", p)
			}
			return
		}
		if synced && time.Since(began) >= well {
			wait = minRetry
		}
		pauseFor := r.Retry
		if pauseFor == 0 {
			pauseFor = jittered(wait)
			wait = min(2*wait, maxRetry)
		}
		r.failed(err, pauseFor)
		if pause(ctx, pauseFor) != nil {
			return
		}
	}
}

// once is one Run. Its error is never nil; that of a panic has the stack. A panic
// in a goroutine that the source started cannot be caught here.
func (r *runner) once(ctx context.Context, n uint64) (synced bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	s := &stamp{runner: r, run: n}
	defer func() {
		if p := recover(); p != nil {
			err = &panicError{p, debug.Stack()}
		}
		cancel(errRunOver)
		synced = s.end()
		if err == nil {
			err = errors.New("it returned without an error")
		}
	}()
	r.begin()
	return false, r.Source.Run(ctx, s)
}

// panicError is a panic of a source's Run.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v\n%s", e.value, e.stack) }

// stamp is the sink of one Run.
type stamp struct {
	*runner
	run uint64

	// sending is held over each Send, so that one that outlives its Run is waited
	// for: it must not come between those of the next. It guards the fields below.
	sending sync.Mutex
	over    bool
	synced  bool
}

func (s *stamp) Send(ctx context.Context, c zone.Change) (zone.Result, error) {
	if !s.sending.TryLock() {
		return zone.Result{}, errTwoSends
	}
	defer s.sending.Unlock()
	if s.over {
		return zone.Result{}, errRunOver
	}
	if ctx.Err() != nil {
		return zone.Result{}, context.Cause(ctx)
	}
	c.Source, c.Run = s.name, s.run
	res, err := s.next.Send(ctx, c)
	if err != nil {
		return res, err
	}
	s.sent(&c, &res)
	if c.Kind == zone.SyncEnd {
		s.synced = true
		s.settle()
	}
	return res, nil
}

// end refuses all later Sends, and reports whether there was a complete set.
func (s *stamp) end() bool {
	s.sending.Lock()
	defer s.sending.Unlock()
	s.over = true
	return s.synced
}

// jittered is between half of d and d, so that those who failed together do not
// try again together.
func jittered(d time.Duration) time.Duration { return d/2 + rand.N(d/2+1) }

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
