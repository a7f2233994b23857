package lease

import (
	"math"
	"sync/atomic"
	"time"
)

// What tells that the server is cut off from that all services have died at once.
const (
	enough       = 5                             // instances that were heard in the last period before the silence, from two addresses
	holdPeriods  = 2                             // for so many a lease is held at most
	holdStep     = int64(900 * time.Millisecond) // less than a second is left of a lease that is held: it is answered with TTL 0
	early        = int64(50 * time.Millisecond)  // a lease is held before anybody can see its end
	leastSilence = int64(500 * time.Millisecond)
)

// guard holds leases while nobody is heard, although enough were just before. The
// owner of the table uses it, but for held.
type guard struct {
	since int64 // when somebody was heard last before the silence
	again int64 // when somebody was heard first after it; 0: not yet
	held  atomic.Int64
	times atomic.Uint64 // that leases began to be held
	began atomic.Int64  // when they did last, in nanoseconds of Unix time

	judged bool  // spoke is that of this silence
	spoke  int64 // the latest time from which on enough were heard
}

// Held counts the leases that have ended and are held, because the server seems to be
// cut off from all whom it heard. It is safe for concurrent use.
func (t *Table) Held() int { return int(t.guard.held.Load()) }

// count counts a lease that begins to be held.
func (g *guard) count() {
	if g.held.Add(1) == 1 {
		g.times.Add(1)
		g.began.Store(time.Now().UnixNano())
	}
}

// lastHeard is when any lease was granted to somebody who asked, or renewed.
func (t *Table) lastHeard() (at int64) {
	for i := range t.shards {
		at = max(at, t.shards[i].heard.Load())
	}
	return at
}

// term is how long a lease lasts, and what it would be without the guard.
type term struct {
	ended  int64 // the deadline that it had when it was renewed last
	period int64
	held   bool
	from   uint32
}

// term is that of an entry whose shard is locked.
func (e *entry) term() term {
	if e.held != 0 {
		return term{e.held, int64(e.period), true, e.from}
	}
	return term{e.lease.Deadline(), int64(e.period), false, e.from}
}

// holds decides whether a lease that is about to end is held instead, and until when.
// Silence of one among others who speak is death.
func (t *Table) holds(e *entry, now int64) (until int64, ok bool) {
	s := t.shard(e.id())
	s.mu.Lock()
	l := e.term()
	s.mu.Unlock()
	g, heard := &t.guard, t.lastHeard()
	limit := l.ended + holdPeriods*l.period
	if !l.held { // it would end now
		if g.held.Load() == 0 && heard != g.since {
			g.since, g.again, g.judged = heard, 0, false
		}
		ok = l.from != 0 && heard == g.since && now-heard >= l.period/2 && t.enoughHeard(l.period)
		return min(now+holdStep, limit), ok
	}
	if heard > g.since { // the silence is over: whoever lives says so within its period
		if g.again == 0 {
			g.again = heard
		}
		limit = min(limit, g.again+l.period)
	}
	return min(now+holdStep, limit), limit > now+early
}

// enoughHeard reports whether enough instances were heard in the period before the
// silence.
func (t *Table) enoughHeard(period int64) bool {
	g := &t.guard
	if !g.judged {
		g.judged, g.spoke = true, t.enoughSpoke()
	}
	return g.spoke > g.since-period
}

// enoughSpoke looks at all leases, and so is asked once for each silence.
func (t *Table) enoughSpoke() int64 {
	var w witnesses
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		for e := range s.index.all() {
			if l := e.term(); l.from != 0 {
				w.add(l.ended-l.period, l.from)
			}
		}
		s.mu.Unlock()
	}
	return w.enough()
}

// witnesses are instances with the time at which each was heard last.
type witnesses struct {
	n       int
	last    [enough]int64 // the latest of these times, in order
	newest  int64         // the latest of them
	address uint32        // from which
	other   int64         // the latest from another address
	several bool          // there is one
}

func (w *witnesses) add(at int64, from uint32) {
	switch {
	case w.n == 0:
		w.newest, w.address = at, from
	case from == w.address:
		w.newest = max(w.newest, at)
	case at > w.newest:
		w.newest, w.address, w.other, w.several = at, from, w.newest, true
	case !w.several || at > w.other:
		w.other, w.several = at, true
	}
	for i := range w.last {
		if i >= w.n {
			w.last[i] = at
			break
		}
		if at > w.last[i] {
			at, w.last[i] = w.last[i], at
		}
	}
	w.n++
}

// enough is the latest time from which on enough were heard, from two addresses.
func (w *witnesses) enough() int64 {
	if w.n < enough || !w.several {
		return math.MinInt64
	}
	return min(w.last[enough-1], w.other)
}
