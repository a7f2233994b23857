package main

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rollcall-dns/rollcall/bench/internal/ask"
	"github.com/rollcall-dns/rollcall/bench/internal/web"
)

// changes are those of instances, over HTTP, while a server is asked.
type changes struct {
	Rate float64 `json:"rate"`   // made a second
	CPU  float64 `json:"cpu_us"` // microseconds of the server for each, while nothing else is asked
}

// changers are the connections over which changes are made: as many as wait while the
// server is busy with questions.
const changers = 64

// changing measures what changes take by themselves; nil where none are made.
func (s *server) changing(ctx context.Context, d time.Duration) (*changes, error) {
	if s.changes == 0 {
		return nil, nil
	}
	used, made, err := s.during(ctx, func() error {
		time.Sleep(d)
		return ctx.Err()
	})
	if err != nil {
		return nil, err
	}
	return &changes{CPU: float64(used.Microseconds()) / float64(max(1, made))}, nil
}

// change makes changes until stop is called, which gives how many were made, and the
// error that it was called with before one of its own.
func (s *server) change(ctx context.Context) (stop func(error) (int, error)) {
	if s.changes == 0 {
		return func(err error) (int, error) { return 0, err }
	}
	ctx, cancel := context.WithCancel(ctx)
	due := make(chan int, changers)
	var made atomic.Int64
	var all sync.WaitGroup
	failed := make(chan error, changers)
	for range changers {
		all.Go(func() {
			if err := s.changer(due, &made); err != nil {
				failed <- err
				cancel()
			}
		})
	}
	all.Go(func() {
		defer close(due)
		ask.Pace(ctx, s.changes, func(n int) {
			select {
			case due <- n:
			default: // the server is behind
			}
		})
	})
	return func(err error) (int, error) {
		cancel()
		all.Wait()
		close(failed)
		if late := <-failed; err == nil {
			err = late
		}
		return int(made.Load()), err
	}
}

// changer changes the weight of one instance after the other.
func (s *server) changer(due <-chan int, made *atomic.Int64) error {
	c, err := web.Dial(s.http())
	if err != nil {
		return err
	}
	defer c.Close()
	var b []byte
	for n := range due {
		const stride = 7919 // a prime: all instances have their turn
		b = s.world.AppendPut(b[:0], n*stride%s.world.Len(), 1+int(time.Now().UnixNano()>>20&0x3fff))
		if err := c.Put(b); err != nil {
			return err
		}
		made.Add(1)
	}
	return nil
}
