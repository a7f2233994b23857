package sourcetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/rollcall-dns/rollcall/zone"
)

// check is one part of the contract.
type check struct {
	name  string
	needs func(*Origin) bool // nil: nothing
	run   func(*probe) error
}

func canBreak(o *Origin) bool { return o.Break != nil }
func canCut(o *Origin) bool   { return o.Cut != nil }

var checks = []check{
	{"Name is stable", nil, name},
	{"an empty origin is a complete set too", nil, empty},
	{"first the complete set, then changes", nil, changes},
	{"Run again reports the complete set again", nil, again},
	{"a page that was refused is sent again", nil, refusedPages},
	{"a change that was refused is sent again", nil, refusedChanges},
	{"Run returns when its context is done", nil, stops},
	{"nothing is removed while the origin fails", canBreak, broken},
	{"a set that was not read in full is not ended", canCut, partial},
}

func name(p *probe) error {
	first := p.Source.Name()
	for _, c := range first {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return fmt.Errorf("its Name is %q, want lower-case letters, digits and hyphens", first)
		}
	}
	if first == "" || len(first) > 32 {
		return fmt.Errorf("its Name is %q, want 1 to 32 characters", first)
	}
	r := p.start(nil)
	if err := p.await(r, "empty origin"); err != nil {
		return err
	}
	during := p.Source.Name()
	err := r.stop()
	if after := p.Source.Name(); during != first || after != first {
		return errors.Join(err, fmt.Errorf("its Name is %q, then %q, then %q", first, during, after))
	}
	return err
}

func empty(p *probe) error {
	r := p.start(nil)
	if err := p.await(r, "empty origin"); err != nil {
		return err
	}
	return r.stop()
}

func changes(p *probe) error {
	a, b := p.Add("a"), p.Add("b")
	r := p.start(nil)
	if err := p.await(r, "at the start", a, b); err != nil {
		return err
	}
	c := p.Add("c")
	if err := p.await(r, "after one was added", a, b, c); err != nil {
		return err
	}
	p.Remove(a)
	if err := p.await(r, "after one was removed", b, c); err != nil {
		return err
	}
	return r.stop()
}

func again(p *probe) error {
	a, b := p.Add("a"), p.Add("b")
	r := p.start(nil)
	if err := p.await(r, "in the first Run", a, b); err != nil {
		return err
	}
	if err := r.stop(); err != nil {
		return err
	}
	if got := p.live(); !slices.Equal(got, sorted(a, b)) {
		return fmt.Errorf("when Run stopped it removed something: %q is left of %q", got, sorted(a, b))
	}
	p.rec = new(Recorder) // so that nothing is there but what this Run reports
	r = p.start(nil)
	if err := p.await(r, "in the second Run", a, b); err != nil {
		return err
	}
	return r.stop()
}

// refusedPages lets the sink refuse the first Send of a complete set, then the
// second of another, and so on through all of them.
func refusedPages(p *probe) error {
	a, b := p.Add("a"), p.Add("b")
	for n := 1; ; n++ {
		p.rec = new(Recorder)
		nth := &refusal{of: func(w *watch, sent int, _ *zone.Change) bool { return sent == n && !w.synced.Load() }}
		nth.armed.Store(true)
		r, err := p.until(p.start(nth.edit), nth, fmt.Sprintf("after Send %d was refused", n), a, b)
		if err != nil {
			return err
		}
		if err := r.stop(); err != nil || nth.armed.Load() {
			return err // the set has fewer Sends
		}
	}
}

// refusedChanges lets it refuse what adds, and then what removes.
func refusedChanges(p *probe) error {
	a := p.Add("a")
	adds := &refusal{of: func(w *watch, _ int, c *zone.Change) bool { return w.synced.Load() && len(c.Put)+len(c.Static) > 0 }}
	r := p.start(adds.edit)
	if err := p.await(r, "before a change is refused", a); err != nil {
		return err
	}
	adds.armed.Store(true)
	b := p.Add("b")
	r, err := p.until(r, adds, "after a change was refused", a, b)
	if err != nil {
		return err
	}
	if err := r.stop(); err != nil {
		return err
	}
	drops := &refusal{of: func(w *watch, _ int, c *zone.Change) bool { return w.synced.Load() && len(c.Drop) > 0 }}
	r = p.start(drops.edit)
	if err := p.await(r, "before a removal is refused", a, b); err != nil {
		return err
	}
	drops.armed.Store(true)
	p.Remove(a)
	if r, err = p.until(r, drops, "after a removal was refused", b); err != nil {
		return err
	}
	return r.stop()
}

var errRefused = errors.New("sourcetest: this Send is refused")

// refusal lets a sink refuse the next Send of a kind, once it is armed.
type refusal struct {
	of    func(w *watch, n int, c *zone.Change) bool
	armed atomic.Bool
}

func (f *refusal) edit(w *watch) {
	w.before = func(_ context.Context, n int, c *zone.Change) error {
		if f.of(w, n, c) && f.armed.CompareAndSwap(true, false) {
			return errRefused
		}
		return nil
	}
}

// until is await over several Runs, of which some may fail: it starts them again
// as a supervisor does.
func (p *probe) until(r *run, f *refusal, what string, ids ...string) (*run, error) {
	var err error
	for range 5 {
		if err = p.await(r, what, ids...); err == nil {
			return r, nil
		}
		select {
		case err := <-r.done:
			if err == nil {
				return r, fmt.Errorf("%s: its Run returned nil although its context was not done, want an error", what)
			}
		default:
			return r, err // it goes on, but not with what is to come
		}
		if err := r.check(); err != nil {
			return r, err
		}
		r = p.start(f.edit)
	}
	return r, err
}

// stops ends Runs that have not begun, that wait, and that are in a Send.
func stops(p *probe) error {
	p.Add("a")
	r := p.start(nil)
	if err := r.stop(); err != nil {
		return fmt.Errorf("stopped at once: %w", err)
	}
	in, free := make(chan struct{}, 1), make(chan struct{})
	defer close(free) // also for a source that sends with a context of its own
	r = p.start(func(w *watch) {
		w.before = func(ctx context.Context, _ int, _ *zone.Change) error {
			select {
			case in <- struct{}{}:
			default:
			}
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-free:
				return errStop
			}
		}
	})
	select {
	case <-in:
	case err := <-r.done:
		return fmt.Errorf("its Run returned %v before its first Send", err)
	case <-time.After(limit):
		return errors.Join(fmt.Errorf("nothing was sent within %v", limit), r.stop())
	}
	if err := r.stop(); err != nil {
		return fmt.Errorf("stopped in a Send: %w", err)
	}
	return nil
}

func broken(p *probe) error {
	a, b := p.Add("a"), p.Add("b")
	r := p.start(nil)
	if err := p.await(r, "before the origin fails", a, b); err != nil {
		return err
	}
	p.Break()
	if err := r.fail(); err != nil {
		return err
	}
	if err := p.start(nil).fail(); err != nil {
		return fmt.Errorf("begun while the origin fails: %w", err)
	}
	if got := p.live(); !slices.Equal(got, sorted(a, b)) {
		return fmt.Errorf("while the origin failed, %q was left of %q", got, sorted(a, b))
	}
	p.Mend()
	p.Remove(a)
	c := p.Add("c")
	r = p.start(nil)
	if err := p.await(r, "when the origin is well again", b, c); err != nil {
		return err
	}
	return r.stop()
}

func partial(p *probe) error {
	a, b, c := p.Add("a"), p.Add("b"), p.Add("c")
	r := p.start(nil)
	if err := p.await(r, "before listings are cut", a, b, c); err != nil {
		return err
	}
	if err := r.stop(); err != nil {
		return err
	}
	p.Cut()
	r = p.start(nil)
	if err := r.fail(); err != nil {
		return err
	}
	if r.synced.Load() {
		return errors.New("it ended a set that it could not read in full")
	}
	if got := p.live(); !slices.Equal(got, sorted(a, b, c)) {
		return fmt.Errorf("a listing that was cut removed something: %q is left of %q", got, sorted(a, b, c))
	}
	p.Mend()
	r = p.start(nil)
	if err := p.await(r, "when listings are whole again", a, b, c); err != nil {
		return err
	}
	return r.stop()
}

func sorted(ids ...string) []string {
	slices.Sort(ids)
	return ids
}
