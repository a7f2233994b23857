package docker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rollcall-dns/rollcall/zone"
)

// survey is a full look at the engine, sent as a sync. Events that come meanwhile
// are part of it: whatever is put while it lasts counts as listed.
type survey struct {
	begun  time.Time
	left   map[string]struct{} // still to be inspected
	total  int
	failed int // could not be read
}

// tooManyFailed is when the fault is no longer with single containers.
const tooManyFailed = 16

// begin makes the first survey of a run. Nothing else is done before it is under
// way, so that nothing is sent before the set has begun.
func (r *run) begin(ctx context.Context) error {
	nets, err := r.engine.networks(ctx)
	if err := r.setNetworks(nets, err); err != nil {
		return err
	}
	ids, err := r.engine.list(ctx)
	if err := r.listed(ids, err); err != nil {
		return err
	}
	return r.flush(ctx)
}

// listed begins a survey with the list of what runs. What is known but not listed
// is inspected as well: it has gone, or it came after the list was made.
func (r *run) listed(ids []string, err error) error {
	r.agenda.done(keyList)
	if err != nil {
		return err
	}
	r.sync = &survey{begun: time.Now(), left: make(map[string]struct{}, len(ids))}
	add := func(id string) {
		if _, ok := r.sync.left[id]; !ok {
			r.sync.left[id] = struct{}{}
			r.agenda.add(id, r.lookAt(id))
		}
	}
	for _, id := range ids {
		add(id)
	}
	for id := range r.known {
		add(id)
	}
	for _, p := range r.Rejections() {
		add(p.ID)
	}
	r.sync.total = len(r.sync.left)
	r.out.Networks = r.networks
	r.out.Attach = append(r.out.Attach, r.host)
	if r.synced {
		r.agenda.add(keyNetworks, urgent)
	}
	return nil
}

// seen takes a container off the list of a survey.
func (r *run) seen(id string, err error) error {
	if r.sync == nil {
		return nil
	}
	if _, ok := r.sync.left[id]; !ok {
		return nil
	}
	delete(r.sync.left, id)
	if err == nil {
		return nil
	}
	r.sync.failed++
	if done := r.sync.total - len(r.sync.left); r.sync.failed > tooManyFailed && 2*r.sync.failed > done {
		return fmt.Errorf("%d of %d inspections failed, the last with: %w", r.sync.failed, done, err)
	}
	return nil
}

// lookAt is the rank of a container that a full look asks for.
func (r *run) lookAt(id string) rank {
	if _, failed := r.unread[id]; failed {
		return doubtful
	}
	return routine
}

// readAgain inspects those once more that could not be inspected.
func (r *run) readAgain() {
	for id := range r.unread {
		if !r.agenda.asking(id) {
			r.agenda.add(id, doubtful)
		}
	}
}

// flush sends what is to be sent: at once, but for a sync, which goes in pages.
func (r *run) flush(ctx context.Context) error {
	if r.sync != nil && len(r.sync.left) == 0 {
		return r.finish(ctx)
	}
	if r.sync != nil && !r.hurry && r.agenda.more() {
		page, removed := len(r.out.Put)+len(r.out.Attach), len(r.out.Drop)+len(r.out.Detach)
		// A removal must not wait: what is put again behind it would go too.
		if page < pageSize && removed == 0 {
			return nil
		}
	}
	return r.send(ctx, r.kind())
}

// kind is that of a change which does not end a set.
func (r *run) kind() zone.Kind {
	if r.sync != nil {
		return zone.SyncPart
	}
	return zone.Delta
}

// finish ends a survey. One that could not read everything does not end the set:
// what it could not read stays as it was, and what is known to be gone has been
// dropped by name. It is tried again soon.
func (r *run) finish(ctx context.Context) error {
	s := r.sync
	r.log.Debug("looked at all containers", "containers", s.total, "unreadable", s.failed, "took", time.Since(s.begun))
	if s.failed > 0 {
		r.next.Reset(min(r.opt.Resync, time.Second<<min(r.failed, 10)))
		r.failed++
		err := r.send(ctx, zone.SyncPart)
		r.sync = nil
		return err
	}
	r.next.Reset(r.opt.Resync)
	r.failed, r.sync, r.synced = 0, nil, true
	return r.send(ctx, zone.SyncEnd)
}

// send passes on what is to be sent. Only the end of a set may be empty.
func (r *run) send(ctx context.Context, kind zone.Kind) error {
	c := r.out
	c.Kind = kind
	r.out, r.hurry = zone.Change{}, false
	if kind != zone.SyncEnd && c.Networks == nil && len(c.Put)+len(c.Drop)+len(c.Attach)+len(c.Detach) == 0 {
		return nil
	}
	if _, err := r.sink.Send(ctx, c); err != nil {
		return fmt.Errorf("send what docker reports: %w", err)
	}
	return nil
}

// inspect looks at a container, and at those whose network it shares.
func inspect(ctx context.Context, e engine, id string) (*container, error) {
	c, err := e.inspect(ctx, id)
	if err != nil || !c.running {
		return c, err
	}
	const most = 4 // containers on the way: more are no use to anyone
	hop := c
	for range most {
		shared, ok := hop.sharing()
		if !ok {
			break
		}
		o, err := e.inspect(ctx, shared)
		if errors.Is(err, errGone) {
			c.owner, c.shares = nil, append(c.shares, shared)
			return c, nil
		} else if err != nil {
			return nil, err
		}
		c.owner, c.shares = o, append(c.shares, o.id)
		hop = o
	}
	return c, nil
}
