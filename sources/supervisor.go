package sources

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rollcall-dns/rollcall/zone"
)

// NoGrace is the Grace of a source that nobody waits for, because its origin may
// not exist at all.
const NoGrace time.Duration = -1

// UntilSynced is the Grace of a source that has its set at hand, such as on disk: to
// read a large one takes long, and until then what it holds would be denied.
const UntilSynced time.Duration = math.MaxInt64

const defaultGrace = 10 * time.Second

// Entry is a source with what the Supervisor has to know of it.
type Entry struct {
	Source Source
	// Grace is how long readiness waits for the source's first complete set.
	// Zero means 10 s; NoGrace does not wait, and UntilSynced as long as it takes.
	Grace time.Duration
	// Stale says that the zone holds what the source has reported to another process.
	Stale bool
	// Retry is the time between the end of a failed Run and the next. Zero means
	// 0.1 s at first, growing with each failure to 10 s, with jitter.
	Retry time.Duration
}

// Options configure a Supervisor.
type Options struct {
	Zone *zone.Zone // that the sources report to
	// Sink takes the changes when they are stamped, and passes them on to the
	// zone. Nil means the zone itself.
	Sink    Sink
	Sources []Entry
	// Logger is told when a source begins to fail and when it is well again. Nil
	// means slog.Default.
	Logger *slog.Logger
}

// Supervisor keeps sources running: it stamps what they report, starts those
// again that have failed, and knows how each is doing. Make it with
// NewSupervisor. Its methods are safe for concurrent use.
type Supervisor struct {
	zone    *zone.Zone
	runners []*runner

	unsettled atomic.Int32  // runners that readiness still waits for
	ready     chan struct{} // closed when there are none
}

// NewSupervisor prepares to run sources. It panics when two of them have one
// name: that is a mistake of the program, not of its user.
func NewSupervisor(o Options) *Supervisor {
	if o.Sink == nil {
		o.Sink = Into(o.Zone)
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	s := &Supervisor{zone: o.Zone, ready: make(chan struct{})}
	names := map[string]bool{}
	for _, e := range o.Sources {
		name := e.Source.Name()
		if names[name] {
			panic(fmt.Sprintf("sources: two sources have the name %q", name))
		}
		names[name] = true
		if e.Grace == 0 {
			e.Grace = defaultGrace
		}
		s.runners = append(s.runners, newRunner(e, o.Sink, o.Logger.With("source", name), s.settle))
	}
	s.unsettled.Store(int32(len(s.runners)) + 1) // one for Run itself
	return s
}

// Run runs all sources until ctx is done and each has stopped. It returns nil.
// Nothing is removed from the zone. It may be called once.
func (s *Supervisor) Run(ctx context.Context) error {
	var all sync.WaitGroup
	for _, r := range s.runners {
		if r.Grace <= 0 {
			r.settle()
		} else {
			defer time.AfterFunc(r.Grace, r.settle).Stop()
		}
		all.Go(func() { r.run(ctx) })
	}
	s.settle()
	all.Wait()
	return nil
}

// settle counts down to readiness.
func (s *Supervisor) settle() {
	if s.unsettled.Add(-1) == 0 {
		close(s.ready)
	}
}

// Ready reports whether the zone can be answered from: every source has reported
// its complete set once, or its grace has passed. Once true it stays true. It
// costs one atomic load.
func (s *Supervisor) Ready() bool { return s.unsettled.Load() == 0 }

// WhenReady is closed when Ready becomes true.
func (s *Supervisor) WhenReady() <-chan struct{} { return s.ready }

// Waiting names the sources that Ready still waits for, in the order given.
func (s *Supervisor) Waiting() []string {
	var names []string
	for _, r := range s.runners {
		if !r.settled.Load() {
			names = append(names, r.name)
		}
	}
	return names
}

// Status says how each source is doing, in the order given.
func (s *Supervisor) Status() []Status {
	snap := s.zone.Snapshot()
	list := make([]Status, len(s.runners))
	for i, r := range s.runners {
		list[i] = r.status(snap)
	}
	return list
}

// Into is the sink that applies changes to a zone as they are.
func Into(z *zone.Zone) Sink { return zoneSink{z} }

type zoneSink struct{ z *zone.Zone }

func (s zoneSink) Send(ctx context.Context, c zone.Change) (zone.Result, error) {
	if ctx.Err() != nil {
		return zone.Result{}, context.Cause(ctx)
	}
	return s.z.Apply(c), nil
}
