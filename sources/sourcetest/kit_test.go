package sourcetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/rollcall-dns/rollcall/sources"
	"github.com/rollcall-dns/rollcall/zone"
)

// shelf is an origin for tests: a set of names that somebody changes, and a
// source that looks at it, with at most one bug.
type shelf struct {
	bug string

	mu          sync.Mutex // guards the fields below
	ids         map[string]bool
	broken, cut bool
	changed     chan struct{} // closed at the next change
	names       int
	runs        int
	over        chan struct{} // closed when the test is over
}

func newShelf(bug string) *shelf {
	return &shelf{bug: bug, ids: map[string]bool{}, changed: make(chan struct{}), over: make(chan struct{})}
}

func (s *shelf) origin() *Origin {
	return &Origin{
		Source: s,
		Add:    func(name string) string { s.edit(func() { s.ids["id-"+name] = true }); return "id-" + name },
		Remove: func(id string) { s.edit(func() { delete(s.ids, id) }) },
		Break:  func() { s.edit(func() { s.broken = true }) },
		Cut:    func() { s.edit(func() { s.cut = true }) },
		Mend:   func() { s.edit(func() { s.broken, s.cut = false, false }) },
	}
}

func (s *shelf) edit(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	close(s.changed)
	s.changed = make(chan struct{})
}

// list reads the shelf, perhaps in part; changed is closed when it is out of date.
func (s *shelf) list() (ids []string, changed chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids = slices.Sorted(maps.Keys(s.ids))
	switch {
	case s.broken:
		return nil, s.changed, errors.New("the shelf is broken")
	case s.cut:
		return ids[:len(ids)/2], s.changed, errors.New("the light went out")
	}
	return ids, s.changed, nil
}

func (s *shelf) Name() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.names++
	switch s.bug {
	case "name changes":
		return fmt.Sprint("shelf-", s.names)
	case "name has capitals":
		return "Shelf"
	case "no name":
		return ""
	}
	return "shelf"
}

func (s *shelf) instances(ids []string) []zone.Instance {
	var list []zone.Instance
	for _, id := range ids {
		list = append(list, zone.Instance{ID: id, Service: "book", State: zone.Up, Tags: []string{"red"},
			Endpoints: []zone.Endpoint{{Addr: netip.MustParseAddr("10.0.0.1")}}})
	}
	return list
}

func (s *shelf) Run(ctx context.Context, sink sources.Sink) error {
	s.runs++
	if s.bug == "leaves a goroutine" {
		go func() { <-s.over }()
	}
	if s.bug == "sends after it has returned" {
		defer func() { go sink.Send(context.Background(), zone.Change{Kind: zone.SyncPart}) }()
	}
	err := s.report(ctx, sink)
	switch {
	case s.bug == "ignores its context" && ctx.Err() != nil:
		<-s.over
	case s.bug == "returns another error when stopped" && ctx.Err() != nil:
		return errors.New("interrupted")
	case ctx.Err() != nil:
		return nil
	case s.bug == "returns nil when it fails", s.bug == "returns nil when it is refused" && errors.Is(err, errRefused):
		return nil
	}
	return err
}

// report sends the set and then changes, until something is wrong.
func (s *shelf) report(ctx context.Context, sink sources.Sink) error {
	known := map[string]bool{}
	for first := true; ; first = false {
		ids, changed, err := s.list()
		if err != nil && s.bug == "goes on when it fails" {
			<-ctx.Done()
			return nil
		}
		if err != nil && s.bug != "ends what it could not read" && s.bug != "forgets what it cannot see" {
			if first && len(ids) > 0 {
				sink.Send(ctx, zone.Change{Kind: zone.SyncPart, Put: s.instances(ids)})
			}
			return err
		}
		if err != nil && s.bug == "ends what it could not read" && ids == nil {
			return err
		}
		if first {
			err = errors.Join(s.all(ctx, sink, ids), err)
		} else {
			err = errors.Join(s.diff(ctx, sink, known, ids), err)
		}
		if err != nil && s.bug != "ignores refusals" {
			return err
		}
		known = map[string]bool{}
		for _, id := range ids {
			known[id] = true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// all sends the complete set in two pages.
func (s *shelf) all(ctx context.Context, sink sources.Sink, ids []string) error {
	send := func(c zone.Change) error {
		if s.bug == "stamps" {
			c.Source = "shelf"
		}
		if s.bug == "sends with a context of its own" {
			ctx = context.Background()
		}
		_, err := sink.Send(ctx, c)
		return err
	}
	switch {
	case s.bug == "begins with a change":
		return errors.Join(send(zone.Change{Put: s.instances(ids)}), send(zone.Change{Kind: zone.SyncEnd, Put: s.instances(ids)}))
	case s.bug == "never ends the set":
		return send(zone.Change{Kind: zone.SyncPart, Put: s.instances(ids)})
	case s.bug == "says nothing of an empty set" && len(ids) == 0:
		return nil
	case s.bug == "reports the set only once" && s.runs > 1:
		return send(zone.Change{Kind: zone.SyncPart})
	case s.bug == "reports an empty set when it runs again" && s.runs > 1:
		return send(zone.Change{Kind: zone.SyncEnd})
	case s.bug == "sends twice at once":
		go send(zone.Change{Kind: zone.SyncPart})
	}
	half := s.instances(ids[:len(ids)/2])
	if err := send(zone.Change{Kind: zone.SyncPart, Put: half}); err != nil && s.bug != "ignores refusals" && s.bug != "ignores the refusal of a page" {
		return err
	}
	if s.bug == "changes what it sent" && len(half) > 0 {
		half[0].Tags[0] = "blue"
	}
	return send(zone.Change{Kind: zone.SyncEnd, Put: s.instances(ids[len(ids)/2:])})
}

// diff sends what has changed.
func (s *shelf) diff(ctx context.Context, sink sources.Sink, known map[string]bool, ids []string) error {
	var c zone.Change
	for _, id := range ids {
		if !known[id] && s.bug != "misses what is new" {
			c.Put = append(c.Put, s.instances([]string{id})...)
		}
	}
	for id := range known {
		if !slices.Contains(ids, id) && s.bug != "misses what is gone" {
			c.Drop = append(c.Drop, id)
		}
	}
	_, err := sink.Send(ctx, c)
	if s.bug == "ignores the refusal of a removal" && len(c.Drop) > 0 {
		return nil
	}
	if s.bug == "tries again" && errors.Is(err, errRefused) {
		_, err = sink.Send(ctx, c)
	}
	return err
}

func TestKitPassesGoodSources(t *testing.T) {
	for _, kind := range []string{"", "tries again"} {
		TestSource(t, func(t *testing.T) *Origin { return newShelf(kind).origin() })
	}
}

// The kit is of use only when it fails each of these.
func TestKitFailsBadSources(t *testing.T) {
	tests := []struct{ bug, fault string }{
		{"name changes", "its Name is"},
		{"name has capitals", "lower-case"},
		{"no name", "1 to 32 characters"},
		{"leaves a goroutine", "left a goroutine behind"},
		{"sends after it has returned", "after its Run has returned"},
		{"ignores its context", "has not returned"},
		{"returns another error when stopped", "interrupted"},
		{"returns nil when it fails", "returned nil although"},
		{"returns nil when it is refused", "after a change was refused: its Run returned nil although"},
		{"goes on when it fails", "although its origin fails"},
		{"ends what it could not read", "could not read in full"},
		{"forgets what it cannot see", "was left of"},
		{"ignores refusals", "after a change was refused: reported"},
		{"ignores the refusal of a page", "after Send 1 was refused: reported"},
		{"ignores the refusal of a removal", "after a removal was refused: reported"},
		{"stamps", "supervisor's to do"},
		{"sends with a context of its own", "has not returned"},
		{"begins with a change", "before it has ended"},
		{"never ends the set", "no complete set"},
		{"says nothing of an empty set", "no complete set"},
		{"reports the set only once", "in the second Run: no complete set"},
		{"reports an empty set when it runs again", "in the second Run: reported []"},
		{"sends twice at once", "two Sends under way"},
		{"changes what it sent", "changed what it sent"},
		{"misses what is new", "after one was added: reported"},
		{"misses what is gone", "after one was removed: reported"},
	}
	for _, tt := range tests {
		t.Run(tt.bug, func(t *testing.T) {
			var faults []string
			for _, c := range checks {
				synctest.Test(t, func(t *testing.T) {
					s := newShelf(tt.bug)
					// Whatever a bad source waits for comes when the test is over.
					p := &probe{Origin: s.origin(), rec: new(Recorder)}
					if err := c.run(p); err != nil {
						faults = append(faults, c.name+": "+err.Error())
					}
					close(s.over)
				})
			}
			if all := strings.Join(faults, "\n"); !strings.Contains(all, tt.fault) {
				t.Errorf("the kit says %q, want a fault with %q", all, tt.fault)
			}
		})
	}
}

func TestKitLeavesOutWhatCannotBeBroken(t *testing.T) {
	opened := 0
	TestSource(t, func(t *testing.T) *Origin {
		opened++
		o := newShelf("").origin()
		o.Break, o.Cut, o.Mend = nil, nil, nil
		return o
	})
	if want := len(checks) - 2; opened != want {
		t.Errorf("%d parts were executed, want %d", opened, want)
	}
}
