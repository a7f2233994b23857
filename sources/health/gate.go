package health

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rollcall-dns/rollcall/sources"
	"github.com/rollcall-dns/rollcall/zone"
)

// Options configure a Gate.
type Options struct {
	Sink sources.Sink // that takes the changes, and the verdicts
	// Concurrency bounds the probes under way. Zero means 1,024.
	Concurrency int
	// Logger is told what begins to fail, and what passes again. Nil means
	// slog.Default.
	Logger *slog.Logger
}

const defaultConcurrency = 1024

// Gate is a sources.Sink that passes changes on, and probes the instances in them
// that have checks. Make it with New. It is safe for concurrent use.
type Gate struct {
	next sources.Sink
	log  *slog.Logger
	made time.Time
	max  int
	wake chan struct{} // has a value when the agenda has changed
	ask  func(*worker, context.Context, *zone.Check, []zone.Spot, int) (int, error)

	mu       sync.Mutex // guards the fields below, and those of targets
	wards    map[string]*ward
	revision uint64 // the last one given
	agenda   agenda
	stats    Stats // but for Checked
}

// New gives a gate. It passes changes on from the beginning, and probes while Run
// runs.
func New(o Options) *Gate {
	g := &Gate{
		next: o.Sink, log: o.Logger, made: time.Now(), max: cmp.Or(o.Concurrency, defaultConcurrency),
		ask: (*worker).probe, wake: make(chan struct{}, 1), wards: map[string]*ward{},
	}
	if g.log == nil {
		g.log = slog.Default()
	}
	return g
}

// clock gives the time as verdicts have it. It goes on in the process that takes over,
// and does not jump when the wall clock is set.
func (g *Gate) clock(now time.Time) int64 { return g.made.UnixNano() + int64(now.Sub(g.made)) }

// Send passes a change on, with revisions given to instances that have checks. One
// from another process may bring verdicts on what it puts, by the revisions with
// which that comes, in the order of IDs: they hold until there are newer ones.
func (g *Gate) Send(ctx context.Context, c zone.Change) (zone.Result, error) {
	checked := anyChecked(c.Put)
	if checked {
		g.stamp(&c)
	}
	res, err := g.next.Send(ctx, c)
	if err == nil && g.learn(&c, &res, checked) {
		select {
		case g.wake <- struct{}{}:
		default:
		}
	}
	return res, err
}

// anyChecked reports whether an instance has checks. Most changes have none such, and
// then cost no more than this.
func anyChecked(list []zone.Instance) bool {
	for i := range list {
		if len(list[i].Checks) > 0 {
			return true
		}
	}
	return false
}

// stamp gives an instance the revision that it has already, if what is checked is
// the same, else a new one.
func (g *Gate) stamp(c *zone.Change) {
	c.Put, c.Verdicts = slices.Clone(c.Put), slices.Clone(c.Verdicts) // the sender's own stay as they are
	g.mu.Lock()
	defer g.mu.Unlock()
	w := g.wards[c.Source]
	for i := range c.Put {
		in := &c.Put[i]
		if len(in.Checks) == 0 {
			continue
		}
		came := in.Revision
		if t := w.target(in.ID); t != nil && t.checks(in) {
			in.Revision = t.revision
		} else {
			g.revision++
			in.Revision = g.revision
		}
		if v := brought(c, in.ID, came); v != nil {
			v.Revision = in.Revision
		}
	}
}

// brought finds the verdict on an instance that a change brings, or nil. Verdicts are
// in the order of IDs.
func brought(c *zone.Change, id string, revision uint64) *zone.Verdict {
	i, ok := slices.BinarySearchFunc(c.Verdicts, id, func(v zone.Verdict, id string) int { return strings.Compare(v.Key.ID, id) })
	if ok && c.Verdicts[i].Revision == revision {
		return &c.Verdicts[i]
	}
	return nil
}

// learn takes in a change that the zone has taken, in which something is checked or
// not, and reports whether there is something new to probe.
func (g *Gate) learn(c *zone.Change, res *zone.Result, checked bool) (news bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	w := g.wards[c.Source]
	if w == nil {
		w = &ward{targets: map[string]*target{}}
		g.wards[c.Source] = w
	}
	w.begin(c)
	if checked || len(w.targets) > 0 {
		news = g.update(w, c, res)
	}
	if c.Kind == zone.SyncEnd {
		for id := range w.unlisted() {
			g.drop(w, id)
		}
	}
	return news
}

func (g *Gate) update(w *ward, c *zone.Change, res *zone.Result) (news bool) {
	absent := absent(c, res)
	for id := range absent {
		g.drop(w, id)
	}
	for i := range c.Put {
		if in := &c.Put[i]; !absent[in.ID] {
			news = g.put(w, c.Source, in, brought(c, in.ID, in.Revision)) || news
		}
	}
	return news
}

// absent are the IDs of a change that are no instance in the zone: dropped, refused,
// or a static record by now.
func absent(c *zone.Change, res *zone.Result) map[string]bool {
	ids := make(map[string]bool, len(c.Drop)+len(c.Static)+len(res.Rejected))
	for _, id := range c.Drop {
		ids[id] = true
	}
	for i := range c.Static {
		ids[c.Static[i].ID] = true
	}
	for i := range res.Rejected {
		ids[res.Rejected[i].ID] = true
	}
	return ids
}

// put takes in an instance, and reports whether it is new to be probed.
func (g *Gate) put(w *ward, source string, in *zone.Instance, v *zone.Verdict) bool {
	old := w.targets[in.ID]
	if old != nil && old.revision == in.Revision {
		old.listed = w.sync
		return false
	}
	g.drop(w, in.ID)
	if len(in.Checks) == 0 {
		return false
	}
	t := newTarget(source, in)
	if v != nil {
		t.adopt(finding{v.State, v.Reason, v.Failed})
	}
	t.listed = w.sync
	w.targets[in.ID] = t
	now := time.Now()
	for _, p := range t.probes {
		p.due = now.Add(soon(p.Interval))
		g.agenda.add(p)
	}
	return true
}

// drop forgets an instance, if it is known.
func (g *Gate) drop(w *ward, id string) {
	t := w.targets[id]
	if t == nil {
		return
	}
	delete(w.targets, id)
	t.gone = true
	for _, p := range t.probes {
		g.agenda.remove(p)
	}
}
