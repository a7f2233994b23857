package docker

import (
	"slices"
	"time"

	"github.com/rollcall-dns/rollcall/zone"
)

// drain is what may have told a container to stop.
type drain struct {
	signals signals
	at      time.Time // when it was heard of
	sent    time.Time // by the engine's clock
}

// stops reports whether one of the signals tells this container to stop. Others
// are for reloading, rotating logs and the like.
func (rec *record) stops(s signals) bool { return s.has(sigKILL) || s.has(rec.stopSignal) }

// until is when a container that has not died after all is looked at again: after
// twice the time in which it would have been killed.
func (rec *record) until(d drain) time.Time {
	return d.at.Add(2 * max(rec.stopTimeout, time.Second))
}

// startDrain stops answering for a container that was told to stop. No look at it
// is needed, so this takes no longer than publishing does. The times tell a signal
// that was overtaken by a new start.
func (r *run) startDrain(id string, s signals, sent time.Time) {
	rec := r.known[id]
	if sent.IsZero() {
		sent = time.Now()
	}
	if rec != nil && (!rec.stops(s) || rec.started.After(sent)) {
		return
	}
	r.drain[id] = drain{s | r.drain[id].signals, time.Now(), sent}
	if rec == nil {
		return // it is judged when it is seen
	}
	next := *rec
	next.instances = slices.Clone(rec.instances)
	r.applyDrain(id, &next)
	r.known[id] = &next
	r.putInstances(rec, &next)
}

// applyDrain makes the instances of a container that was told to stop draining.
func (r *run) applyDrain(id string, rec *record) {
	d, ok := r.drain[id]
	if !ok {
		return
	}
	if !rec.stops(d.signals) || rec.started.After(d.sent) {
		delete(r.drain, id)
		return
	}
	for i := range rec.instances {
		if in := &rec.instances[i]; in.State != zone.Down {
			in.State, in.Reason = zone.Draining, "told to stop"
		}
	}
}

func (r *run) drainEnd(id string) time.Time {
	if rec := r.known[id]; rec != nil {
		return rec.until(r.drain[id])
	}
	return r.drain[id].at.Add(2 * defaultStopTimeout)
}

// endDrains looks again at containers that have outlived what was to stop them.
func (r *run) endDrains(now time.Time) {
	for id := range r.drain {
		if !r.drainEnd(id).After(now) {
			delete(r.drain, id)
			r.agenda.add(id, urgent)
		}
	}
}
