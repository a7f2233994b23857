package selfreg

import (
	"context"

	"github.com/rollcall-dns/rollcall/sources"
	"github.com/rollcall-dns/rollcall/sources/lease"
	"github.com/rollcall-dns/rollcall/zone"
)

// step is one write of a round, with what it leads to.
type step struct {
	*write
	old  record        // "" when there is none
	next *registration // nil when there shall be none
	kept record        // of next
}

// renews reports whether a write leads to what is there already.
func (st *step) renews() bool { return st.old != "" && st.kept == st.old }

// round does the first writes of a batch, up to one about an instance that is in
// the round already, and gives their number.
func (s *Source) round(ctx context.Context, sink sources.Sink, batch []*write) (n int, err error) {
	var steps []step
	met := make(map[string]bool, len(batch))
	for _, w := range batch {
		if met[w.id] {
			break
		}
		met[w.id] = true
		n++
		if w.ctx.Err() != nil {
			w.answer(outcome{err: context.Cause(w.ctx)}) // nobody waits for it any more
			continue
		}
		if st := s.plan(w); st != nil {
			steps = append(steps, *st)
		}
	}
	if len(steps) == 0 {
		return n, nil
	}
	if err := s.persist(steps); err != nil {
		for _, st := range steps {
			st.answer(outcome{err: err})
		}
		return n, nil
	}
	return n, s.publish(ctx, sink, steps)
}

// plan says what a write leads to, or answers it when nothing has to be changed.
func (s *Source) plan(w *write) *step {
	st := &step{write: w, old: s.kept(w.id)}
	if _, left, ok := s.leases.Get(w.id); !ok || left <= 0 {
		st.old = "" // it has ended, and is about to be removed
	}
	if st.next = w.next(st.old); st.next != nil {
		st.kept = encode(st.next)
	}
	switch {
	case st.old == "" && st.next == nil:
		w.answer(outcome{err: errUnknown})
	case !st.renews():
		return st
	default:
		s.grant(st)
		w.answer(outcome{})
	}
	return nil
}

// grant renews the lease when that is what the write asks for. A registration
// that comes with a lease has it from before.
func (s *Source) grant(st *step) {
	if st.next.in.Lease == nil {
		st.next.in.Lease, _ = s.leases.Grant(st.id, st.from, st.next.period)
	}
}

// publish makes the steps true, and answers them when the zone has taken them.
func (s *Source) publish(ctx context.Context, sink sources.Sink, steps []step) error {
	var c zone.Change
	for i := range steps {
		st := &steps[i]
		if st.next == nil {
			s.leases.Release(st.id)
			c.Drop = append(c.Drop, st.id)
			continue
		}
		s.grant(st)
		st.next.in.ID = s.leases.Keep(st.id, string(st.kept))
		c.Put = append(c.Put, st.next.in)
	}
	res, err := sink.Send(ctx, c)
	if err != nil {
		s.restore(steps)
		return err
	}
	refused := make(map[string]error, len(res.Rejected))
	for _, r := range res.Rejected {
		refused[r.ID] = r.Err
	}
	err = s.forget(ctx, sink, res.Rejected)
	for i := range steps {
		st := &steps[i]
		st.answer(outcome{created: st.old == "", err: refused[st.id]})
	}
	return err
}

// restore takes back steps that the zone has not taken: nothing of a write that
// is not confirmed stays.
func (s *Source) restore(steps []step) {
	var gone []string
	var back []lease.Record
	for i := range steps {
		st := &steps[i]
		if st.old == "" {
			s.leases.Release(st.id)
			gone = append(gone, st.id)
			continue
		}
		s.leases.Grant(st.id, st.from, st.old.period())
		s.leases.Keep(st.id, string(st.old))
		back = append(back, lease.Record{ID: st.id, Data: []byte(st.old)})
	}
	s.journalGone(gone)
	s.journal.Note(back)
}

// record is what the journal keeps of a step.
func (st *step) record() lease.Record {
	if st.next == nil {
		return lease.Record{ID: st.id}
	}
	return lease.Record{ID: st.id, Data: []byte(st.kept)}
}
