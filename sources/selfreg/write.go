package selfreg

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/rollcall-dns/rollcall/sources"
	"github.com/rollcall-dns/rollcall/zone"
)

// maxBatch is how many writes share one flush to disk and one publication.
const maxBatch = 512

// patience is how long a write waits for its turn.
const patience = 5 * time.Second

// Why a write was not done. An error of the zone or of the journal is another.
var (
	errUnknown = errors.New("there is no such registration: it never was, its lease has ended, or it was removed")
	errBusy    = errors.New("the server is starting, stopping, or has too much to do")
)

// write is one change that a request asks for.
type write struct {
	ctx  context.Context
	id   string // of the instance
	from netip.Addr
	next func(old record) *registration // nil: there shall be none
	done chan outcome                   // takes one
}

// outcome is what has come of a write.
type outcome struct {
	created bool
	err     error
}

// register makes or replaces a registration and renews its lease.
func register(r *registration) func(record) *registration {
	return func(record) *registration { return r }
}

// setState gives a registration that exists another state, and leaves its lease.
func (s *Source) setState(id string, state zone.State) func(record) *registration {
	return func(old record) *registration {
		if old == "" {
			return nil
		}
		next, f := s.read(id)
		if len(f) > 0 {
			panic("selfreg: a record cannot be read: " + f[0].Reason) // it could, when it was published
		}
		next.in.State, next.in.Reason = state, reasonOf(state)
		return &next
	}
}

// remove ends a registration.
func remove(record) *registration { return nil }

// do hands a write to Run and waits until it is done whole, or not at all.
func (s *Source) do(ctx context.Context, id string, from netip.Addr, next func(record) *registration) outcome {
	w := &write{ctx, id, from, next, make(chan outcome, 1)}
	select {
	case s.writes <- w: // most often nobody else writes: no timer is made
		return <-w.done
	default:
	}
	t := time.NewTimer(patience)
	defer t.Stop()
	select {
	case s.writes <- w:
		return <-w.done
	case <-t.C:
		return outcome{err: errBusy}
	case <-ctx.Done():
		return outcome{err: context.Cause(ctx)}
	}
}

// gather takes the writes that wait, so that they share the costs.
func (s *Source) gather(first *write) []*write {
	batch := []*write{first}
	for len(batch) < maxBatch {
		select {
		case w := <-s.writes:
			batch = append(batch, w)
		default:
			return batch
		}
	}
	return batch
}

// commit does a batch in order, and answers each write of it. An error means that
// the sink takes no more; the writes that it has not taken are as if they had
// never been.
func (s *Source) commit(ctx context.Context, sink sources.Sink, batch []*write) error {
	defer func() {
		for _, w := range batch {
			w.answer(outcome{err: errBusy}) // those that an error or a panic left over
		}
	}()
	for len(batch) > 0 {
		n, err := s.round(ctx, sink, batch)
		if err != nil {
			return err
		}
		batch = batch[n:]
	}
	return nil
}

// answer tells the request what has come of its write; only the first time counts.
func (w *write) answer(o outcome) {
	select {
	case w.done <- o:
	default:
	}
}

// reasonOf is what operators read about a state that a service has given itself.
func reasonOf(state zone.State) string {
	if state == zone.Up {
		return ""
	}
	return "the service says that it is " + state.String()
}
