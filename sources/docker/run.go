package docker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rollcall-dns/rollcall/sources"
	"github.com/rollcall-dns/rollcall/zone"
)

const (
	inspectors = 16  // inspections at the same time
	pageSize   = 500 // containers in one page of a sync
)

// run is one Run of a source. All but the goroutines of inspectors and of the
// event stream happens in one goroutine, which owns the fields.
type run struct {
	*Source
	engine engine
	sink   sources.Sink
	hints  *hints
	agenda *agenda

	tasks   chan task
	results chan func() error

	gone   map[string]time.Time // when they died, by an event that no inspection has confirmed
	unread map[string]struct{}  // those whose inspection failed
	drain  map[string]drain
	out    zone.Change // to be sent
	hurry  bool        // an event is behind some of it

	scene    scene
	networks []zone.Network
	host     zone.Attachment

	sync   *survey     // under way, or nil
	next   *time.Timer // for the next one
	synced bool        // this run has ended a set
	failed int         // surveys in a row that could not read everything
}

// A task is done by an inspector; what it returns is called by the run.
type task func(context.Context) (apply func() error)

// Run implements sources.Source.
func (s *Source) Run(ctx context.Context, sink sources.Sink) error {
	err := s.run(ctx, sink)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (s *Source) run(ctx context.Context, sink sources.Sink) error {
	eng, err := s.open(ctx)
	if err != nil {
		return err
	}
	defer eng.close()
	r := &run{
		Source: s, engine: eng, sink: sink, hints: newHints(), agenda: newAgenda(),
		tasks: make(chan task), results: make(chan func() error),
		gone: map[string]time.Time{}, drain: map[string]drain{}, unread: map[string]struct{}{},
		next: time.NewTimer(time.Hour),
	}
	defer r.next.Stop()

	var wg sync.WaitGroup
	defer wg.Wait()
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	broken, err := r.subscribe(inner, &wg)
	if err != nil {
		return err
	}
	for range inspectors {
		wg.Go(func() { r.inspector(inner) })
	}
	return r.follow(ctx, broken)
}

// subscribe starts to read events. When it has returned nil, no event that
// happens from then on is missed, until broken has a value.
func (r *run) subscribe(ctx context.Context, wg *sync.WaitGroup) (<-chan error, error) {
	broken, subscribed := make(chan error, 1), make(chan struct{})
	wg.Go(func() {
		broken <- r.engine.watch(ctx, func() { close(subscribed) }, r.hints.add)
	})
	timeout := time.NewTimer(r.opt.Timeout)
	defer timeout.Stop()
	select {
	case <-subscribed:
		return broken, nil
	case err := <-broken:
		return nil, err
	case <-timeout.C:
		return nil, fmt.Errorf("docker events: the engine has not answered within %s", r.opt.Timeout)
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (r *run) inspector(ctx context.Context) {
	for {
		select {
		case t := <-r.tasks:
			select {
			case r.results <- t(ctx):
			case <-ctx.Done():
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// follow is the loop in which everything is put in order.
func (r *run) follow(ctx context.Context, broken <-chan error) error {
	if err := r.begin(ctx); err != nil {
		return err
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		tasks, next, key := r.nextTask()
		var err error
		select {
		case tasks <- next:
			r.agenda.begin(key)
		case apply := <-r.results:
			err = r.collect(ctx, apply)
		case <-r.hints.wake:
			err = r.heed(ctx)
		case <-r.next.C:
			r.agenda.add(keyList, urgent)
		case now := <-tick.C:
			r.endDrains(now)
			r.readAgain()
		case err = <-broken:
			return errors.Join(err, r.lastWords(ctx))
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if err != nil {
			return err
		}
	}
}

// The keys in the agenda that are no container's ID.
const (
	keyList     = "list"
	keyNetworks = "networks"
)

// nextTask gives what an idle inspector is to do; without any the channel is nil.
func (r *run) nextTask() (chan<- task, task, string) {
	key, as, ok := r.agenda.peek()
	if !ok {
		return nil, nil, ""
	}
	return r.tasks, func(ctx context.Context) func() error {
		switch key {
		case keyList:
			ids, err := r.engine.list(ctx)
			return func() error { return r.listed(ids, err) }
		case keyNetworks:
			nets, err := r.engine.networks(ctx)
			return func() error { return r.setNetworks(nets, err) }
		}
		c, err := inspect(ctx, r.engine, key)
		return func() error {
			r.hurry = r.hurry || as == urgent
			return r.inspected(key, c, err)
		}
	}, key
}

// collect applies a result, and those that are there by now, and sends them as
// one change: nothing waits, but a burst is published once.
func (r *run) collect(ctx context.Context, apply func() error) error {
	for {
		if err := apply(); err != nil {
			return err
		}
		select {
		case apply = <-r.results:
			continue
		default:
		}
		return r.flush(ctx)
	}
}
