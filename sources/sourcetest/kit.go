package sourcetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/rollcall-dns/rollcall/sources"
)

// limit is how long the kit waits for what has to come: long enough for a slow
// machine. In a synctest bubble it costs nothing.
const limit = 10 * time.Second

// Origin is what a source reports on, with the hands that a test has in it. The
// kit calls the functions from one goroutine, also while Run is under way.
type Origin struct {
	// Source is the one under test. The kit calls Run several times, one after
	// another.
	Source sources.Source
	// Add makes an instance or a static record appear at the origin, and gives the ID under which the
	// source is to report it. The name is a short word, another for each call.
	Add func(name string) (id string)
	// Remove makes that instance disappear from the origin.
	Remove func(id string)

	// Break makes the origin fail until Mend: a Run under way is to return an
	// error, and so is one that begins. Nil, like Mend, for an origin that cannot
	// fail.
	Break func()
	// Cut makes listings end in an error, until Mend, after some of the instances
	// were read. Nil for an origin whose listing cannot.
	Cut  func()
	Mend func()
}

// TestSource executes the contract of sources.Source. It opens an empty origin
// for each part of it. Origins clean up after themselves with t.Cleanup.
func TestSource(t *testing.T, open func(t *testing.T) *Origin) {
	t.Helper()
	var like *Origin // the first, which has what the others have
	for _, c := range checks {
		if c.needs != nil && !c.needs(like) {
			continue // there is nothing to break
		}
		t.Run(c.name, func(t *testing.T) {
			o := open(t)
			like = o
			if err := c.run(&probe{Origin: o, rec: new(Recorder)}); err != nil {
				t.Error(err)
			}
		})
	}
}

// probe is an origin in the hands of one check.
type probe struct {
	*Origin
	rec *Recorder // of all Runs
}

// run is a Run under way.
type run struct {
	*watch
	cancel context.CancelCauseFunc
	done   chan error
	label  string
}

var errStop = errors.New("sourcetest: the test ends this Run")

// start begins a Run, with a sink that edit may change.
func (p *probe) start(edit func(*watch)) *run {
	ctx, cancel := context.WithCancelCause(context.Background())
	r := &run{watch: newWatch(p.rec), cancel: cancel, done: make(chan error, 1), label: newLabel()}
	if edit != nil {
		edit(r.watch)
	}
	go func() {
		var err error
		labelled(ctx, r.label, func(ctx context.Context) { err = p.Source.Run(ctx, r) })
		r.returned.Store(true)
		r.done <- err
	}()
	return r
}

// stop ends a Run and tells what was wrong with it.
func (r *run) stop() error {
	r.cancel(errStop)
	err, ok := within(r.done)
	switch {
	case !ok:
		return fmt.Errorf("its Run has not returned %v after its context was done", limit)
	case err != nil && !errors.Is(err, errStop) && !errors.Is(err, context.Canceled):
		return fmt.Errorf("its Run returned %v when its context was done, want nil or the cause", err)
	}
	return r.check()
}

// fail waits for a Run to return by itself.
func (r *run) fail() error {
	err, ok := within(r.done)
	r.cancel(errStop)
	switch {
	case !ok:
		return errors.Join(fmt.Errorf("its Run has not returned within %v, although its origin fails", limit), r.stop())
	case err == nil:
		return errors.New("its Run returned nil although its context was not done, want an error")
	}
	return r.check()
}

// check tells what a Run that has returned did wrong.
func (r *run) check() error {
	if stack := leftBehind(r.label); stack != "" {
		return fmt.Errorf("its Run has returned, and left a goroutine behind:\n%s", stack)
	}
	return r.verdict()
}

func within(done chan error) (err error, ok bool) {
	t := time.NewTimer(limit)
	defer t.Stop()
	select {
	case err := <-done:
		return err, true
	case <-t.C:
		return nil, false
	}
}

// await waits until the source has reported exactly these instances, and has
// ended its complete set in this Run.
func (p *probe) await(r *run, what string, ids ...string) error {
	slices.Sort(ids)
	for began := time.Now(); ; time.Sleep(2 * time.Millisecond) {
		got := p.live()
		synced := r.synced.Load()
		if synced && slices.Equal(got, ids) {
			return nil
		}
		select {
		case err := <-r.done:
			r.done <- err
			return fmt.Errorf("%s: Run returned %v", what, err)
		default:
		}
		if time.Since(began) > limit {
			if !synced {
				return errors.Join(fmt.Errorf("%s: no complete set was ended within %v", what, limit), r.stop())
			}
			return errors.Join(fmt.Errorf("%s: reported %q, want %q", what, got, ids), r.stop())
		}
	}
}

// live is what was reported and not removed, by all Runs.
func (p *probe) live() []string { return p.rec.IDs() }
