package docker

import (
	"context"
	"time"
)

// heed does what events have hinted at.
func (r *run) heed(ctx context.Context) error {
	order, byID, networks := r.hints.take()
	for _, id := range order {
		h := byID[id]
		if h.fresh {
			delete(r.drain, id)
			delete(r.gone, id)
		}
		if h.gone {
			r.died(id, h.died)
		}
		if h.signals != 0 {
			r.startDrain(id, h.signals, h.sent)
		}
		if h.look {
			r.agenda.add(id, urgent)
		}
	}
	if networks {
		r.agenda.add(keyNetworks, urgent)
	}
	r.hurry = true
	return r.flush(ctx)
}

// lastWords removes what died before the event stream did. It is no loss of
// sight: the engine has said so.
func (r *run) lastWords(ctx context.Context) error {
	order, byID, _ := r.hints.take()
	for _, id := range order {
		if byID[id].fresh {
			delete(r.gone, id)
		}
		if byID[id].gone {
			r.gone[id] = byID[id].died
		}
	}
	for id := range r.gone {
		r.forget(id)
	}
	return r.send(ctx, r.kind())
}

// died drops a container that an event says has died. Looking first would take
// long: engines emit the event with the container's lock held, and then tear its
// network down. The times tell an event that was overtaken by a new start.
func (r *run) died(id string, at time.Time) {
	r.gone[id] = at
	if rec := r.known[id]; rec != nil && r.diedAfter(id, rec.started) {
		r.forget(id)
	}
}

func (r *run) diedAfter(id string, started time.Time) bool {
	at, ok := r.gone[id]
	return ok && at.After(started)
}
