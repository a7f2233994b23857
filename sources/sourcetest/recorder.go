package sourcetest

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollcall-dns/rollcall/zone"
)

// Recorder is a sources.Sink that takes changes as a zone does, and writes down
// what happened to each instance and static record:
//
//	+web-1           it is new, or not as it was, and up
//	+web-1 draining  likewise, in another state
//	-web-1           it was dropped, or not listed in a complete set
//
// What changes nothing is not written; what a zone would refuse is rejected. The
// zero value is ready for use. It is safe for concurrent use.
type Recorder struct {
	mu      sync.Mutex // guards the fields below
	lines   []string
	live    map[string]zone.Instance
	static  map[string]zone.Static
	listed  map[string]bool // of the sync under way; nil: there is none
	syncs   int
	changes []zone.Change
}

// Send writes the change down, unless ctx is done.
func (r *Recorder) Send(ctx context.Context, c zone.Change) (zone.Result, error) {
	if ctx.Err() != nil {
		return zone.Result{}, context.Cause(ctx)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	kept := c
	kept.Put = slices.Clone(c.Put)
	r.changes = append(r.changes, kept)
	if c.Kind != zone.Delta && r.listed == nil {
		r.listed = map[string]bool{}
	}
	before := len(r.lines)
	var res zone.Result
	for _, in := range c.Put {
		if err := in.Validate(); err != nil {
			res.Rejected = append(res.Rejected, zone.Rejection{ID: in.ID, Err: err})
			r.drop(in.ID)
			continue
		}
		r.put(in)
	}
	for _, st := range c.Static {
		if err := st.Validate(); err != nil {
			res.Rejected = append(res.Rejected, zone.Rejection{ID: st.ID, Err: err})
			r.drop(st.ID)
			continue
		}
		r.putStatic(st)
	}
	for _, id := range c.Drop {
		r.drop(id)
	}
	if c.Kind == zone.SyncEnd {
		r.endSync()
	}
	res.Changed = len(r.lines) > before
	return res, nil
}

func (r *Recorder) put(in zone.Instance) {
	if r.listed != nil {
		r.listed[in.ID] = true
	}
	if old, known := r.live[in.ID]; known && old.Equal(&in) {
		return
	}
	if r.live == nil {
		r.live = map[string]zone.Instance{}
	}
	r.live[in.ID] = in
	line := "+" + in.ID
	if in.State != zone.Up {
		line += " " + in.State.String()
	}
	r.lines = append(r.lines, line)
}

func (r *Recorder) putStatic(st zone.Static) {
	if r.listed != nil {
		r.listed[st.ID] = true
	}
	if old, known := r.static[st.ID]; known && old.Equal(&st) {
		return
	}
	if r.static == nil {
		r.static = map[string]zone.Static{}
	}
	r.static[st.ID] = st
	r.lines = append(r.lines, "+"+st.ID)
}

func (r *Recorder) drop(id string) {
	_, live := r.live[id]
	if _, static := r.static[id]; live || static {
		delete(r.live, id)
		delete(r.static, id)
		r.lines = append(r.lines, "-"+id)
	}
}

func (r *Recorder) endSync() {
	for _, id := range r.ids() {
		if !r.listed[id] {
			r.drop(id)
		}
	}
	r.listed = nil
	r.syncs++
}

// Lines gives all that was written since the beginning.
func (r *Recorder) Lines() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.lines)
}

// Want fails the test unless exactly these lines were written since the beginning.
func (r *Recorder) Want(t testing.TB, lines ...string) {
	t.Helper()
	if diff := cmp.Diff(strings.Join(lines, "\n"), strings.Join(r.Lines(), "\n")); diff != "" {
		t.Errorf("reported (-want +got):\n%s", diff)
	}
}

// Await waits, up to 10 s, until exactly these lines were written since the
// beginning. It fails the test when they are not.
func (r *Recorder) Await(t testing.TB, lines ...string) {
	t.Helper()
	for range 2000 {
		if slices.Equal(r.Lines(), lines) {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	r.Want(t, lines...)
}

// ids are those of all that is there now, in order.
func (r *Recorder) ids() []string {
	return slices.Sorted(func(yield func(string) bool) {
		for id := range r.live {
			if !yield(id) {
				return
			}
		}
		for id := range r.static {
			if !yield(id) {
				return
			}
		}
	})
}

// IDs gives those of the instances and static records that are there now, in order.
func (r *Recorder) IDs() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ids()
}

// Live gives the instances that are there now, by ID.
func (r *Recorder) Live() map[string]zone.Instance {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.live)
}

// Syncs counts the complete sets that were ended.
func (r *Recorder) Syncs() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.syncs
}

// Changes gives every change as it was sent.
func (r *Recorder) Changes() []zone.Change {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.changes)
}
