package health

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/rollcall-dns/rollcall/zone"
)

// maxRest is how long the run sleeps at most while probes are under way. Then it
// can tell that the process was suspended, or had no processor.
const maxRest = 100 * time.Millisecond

// maxLogged is how many of the instances that change together are logged one by one.
const maxLogged = 10

// retellAfter is how long it waits when the sink has not taken verdicts.
const retellAfter = time.Second

// run is the one goroutine that hands out probes and takes in their results. It
// owns its fields.
type run struct {
	*Gate
	jobs     chan *probe
	results  chan result
	workers  sync.WaitGroup
	started  int // workers
	hung     int // those of them that hung last time
	pulse    pulse
	untold   map[*target]struct{} // what was found differs from what the zone was told
	retellAt time.Time
	warned   time.Time // when it was last logged that probes cannot be made
}

// result is what has come of a probe.
type result struct {
	*probe
	began time.Time
	took  time.Duration
	spot  int
	err   error
	hung  bool
}

// Run probes until ctx is done, and leaves no probe behind. It returns nil. It may
// be called once.
func (g *Gate) Run(ctx context.Context) error {
	r := &run{Gate: g, jobs: make(chan *probe, g.max), results: make(chan result, g.max), untold: map[*target]struct{}{}}
	defer r.workers.Wait()
	defer close(r.jobs)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		var first *result
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		case <-g.wake:
		case res := <-r.results:
			first = &res
		}
		now := time.Now()
		r.pulse.woke(now)
		r.absorb(now, first)
		r.tell(ctx, now)
		rest := r.start(ctx, now)
		r.pulse.rests(now, rest)
		timer.Reset(rest)
	}
}

// absorb takes in all results that are there.
func (r *run) absorb(now time.Time, first *result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if first != nil {
		r.note(now, first)
	}
	for {
		select {
		case res := <-r.results:
			r.note(now, &res)
		default:
			return
		}
	}
}

func (r *run) note(now time.Time, res *result) {
	p := res.probe
	r.stats.UnderWay--
	if p.hung {
		r.hung--
	}
	if p.target.gone {
		r.stats.Ignored++
		return
	}
	p.due = later(res.began.Add(jittered(p.Interval)), now)
	switch {
	case r.blind(now, res.err):
		r.stats.Ignored++
	case res.err != nil && p.excused < maxExcused && r.pulse.excuses(res.began):
		p.excused++
		r.stats.Ignored++
		p.due = now.Add(soon(p.Interval))
	default:
		if p.streak == 0 {
			// From here on those that came together are spread over the interval.
			p.due = res.began.Add(p.Interval/4 + rand.N(p.Interval))
		}
		p.hung, p.began, p.took = res.hung, res.began, res.took
		if res.err == nil {
			p.best = res.spot
		}
		r.stats.count(res.err)
		p.target.note(p, r.clock(now), res.err)
	}
	if p.target.finding() != p.target.told {
		r.untold[p.target] = struct{}{}
	}
	r.agenda.add(p)
}

// blind reports whether a probe could not be made. That never counts against an
// instance, however long it lasts; so it is logged, once a minute.
func (r *run) blind(now time.Time, err error) bool {
	b, ok := err.(*blindError)
	if ok && now.Sub(r.warned) >= time.Minute {
		r.warned = now
		r.log.Error("checks cannot be made: instances stay as they are", "error", b)
	}
	return ok
}

// tell sends what was found to the zone.
func (r *run) tell(ctx context.Context, now time.Time) {
	if len(r.untold) == 0 || now.Before(r.retellAt) {
		return
	}
	var c zone.Change
	r.mu.Lock()
	for t := range r.untold {
		f := t.finding()
		if t.gone || f == t.told {
			delete(r.untold, t)
			continue
		}
		c.Verdicts = append(c.Verdicts, zone.Verdict{Key: t.key, Revision: t.revision, State: f.state, Reason: f.reason, Failed: f.failed})
	}
	r.mu.Unlock()
	if len(c.Verdicts) == 0 {
		return
	}
	c.Source = "health"
	if _, err := r.next.Send(ctx, c); err != nil {
		if ctx.Err() == nil {
			r.log.Error("what checks have found is not known to the zone; it is told again", "instances", len(c.Verdicts), "error", err)
		}
		r.retellAt = now.Add(retellAfter)
		return
	}
	r.told(c.Verdicts)
}

// told notes, and logs, what the zone was told.
func (r *run) told(verdicts []zone.Verdict) {
	byKey := make(map[zone.Key]*zone.Verdict, len(verdicts))
	for i := range verdicts {
		byKey[verdicts[i].Key] = &verdicts[i]
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	logged := 0
	for t := range r.untold {
		v := byKey[t.key]
		if v == nil || v.Revision != t.revision {
			continue
		}
		was := t.told
		t.told = finding{v.State, v.Reason, v.Failed}
		delete(r.untold, t)
		if was.state == v.State {
			continue
		}
		if logged++; logged <= maxLogged {
			r.log.Info("checks have changed a state", "source", v.Key.Source, "instance", v.Key.ID, "state", v.State, "reason", v.Reason)
		}
	}
	if more := logged - maxLogged; more > 0 {
		r.log.Info("checks have changed more states", "instances", more)
	}
}

// start hands out what is due, and says when to look again.
func (r *run) start(ctx context.Context, now time.Time) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.stats.UnderWay < r.max {
		p := r.agenda.prompt.take(now)
		if p == nil && r.hung < max(1, r.max*3/4) {
			if p = r.agenda.hung.take(now); p != nil {
				r.hung++
			}
		}
		if p == nil {
			break
		}
		if now.Sub(p.due) > late {
			r.stats.Late++
		}
		if r.stats.UnderWay++; r.stats.UnderWay > r.started {
			r.started++
			r.workers.Go(func() { r.work(ctx) })
		}
		r.jobs <- p // there is room for as many as may be under way
	}
	rest := time.Hour
	if r.stats.UnderWay > 0 {
		rest = maxRest
	}
	if len(r.untold) > 0 {
		rest = min(rest, retellAfter)
	}
	if r.stats.UnderWay < r.max {
		rest = r.agenda.prompt.next(now, rest)
		if r.hung < max(1, r.max*3/4) {
			rest = r.agenda.hung.next(now, rest)
		}
	}
	return rest
}

// work does probes until there are no more jobs.
func (r *run) work(ctx context.Context) {
	var w worker
	for p := range r.jobs {
		began := time.Now()
		spot, err := r.ask(&w, ctx, &p.Check, p.spots, p.best)
		took := time.Since(began)
		r.results <- result{p, began, took, spot, err, err != nil && took >= p.Timeout}
	}
}

// soon is when an instance is probed first: before a second is over, and those that
// came together not all at once.
func soon(interval time.Duration) time.Duration { return rand.N(min(interval, time.Second)) }

// jittered is within a tenth of d.
func jittered(d time.Duration) time.Duration { return d - d/10 + rand.N(d/5) }

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
