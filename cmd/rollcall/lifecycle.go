package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// A part of the program runs until its context is done. An earlier return, also
// one without an error, ends the program.
type part struct {
	name   string
	run    func(ctx context.Context) error
	within time.Duration // how long it may take to stop; 0 is stopTime
}

// stopTime is how long a part may take to stop, unless it says otherwise, before the
// next is told to.
const stopTime = 5 * time.Second

// runParts runs all parts until ctx is done or one of them returns. Then it
// stops them one after another in the order given, waits for each, and returns
// the error of the one that returned first.
func runParts(ctx context.Context, log *slog.Logger, parts ...part) error {
	running := make([]running, len(parts))
	first := make(chan error, len(parts))
	for i, p := range parts {
		running[i] = start(ctx, p, first)
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-first:
	}
	for _, r := range running {
		if stopErr := r.stop(log); err == nil {
			err = stopErr
		}
	}
	return err
}

// running is a part that was started.
type running struct {
	part
	cancel context.CancelFunc
	done   chan struct{} // closed when run has returned
	err    *error        // its error; to be read when done is closed
}

func start(ctx context.Context, p part, first chan<- error) running {
	// The parts stop in order: the end of ctx alone stops none.
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r := running{part: p, cancel: cancel, done: make(chan struct{}), err: new(error)}
	go func() {
		defer close(r.done)
		err := p.run(own)
		if errors.Is(err, context.Canceled) && own.Err() != nil {
			err = nil
		}
		if err != nil {
			err = fmt.Errorf("%s: %w", p.name, err)
		} else if own.Err() == nil {
			err = fmt.Errorf("%s: ended by itself", p.name)
		}
		*r.err = err
		if own.Err() == nil {
			first <- err
		}
	}()
	return r
}

func (r running) stop(log *slog.Logger) error {
	began := time.Now()
	r.cancel()
	within := cmp.Or(r.within, stopTime)
	t := time.NewTimer(within)
	defer t.Stop()
	select {
	case <-r.done:
		log.Debug("stopped", "part", r.name, "after", time.Since(began))
		return *r.err
	case <-t.C:
		return fmt.Errorf("%s: did not stop within %v", r.name, within)
	}
}
