package docker

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/rollcall-dns/rollcall/zone"
)

// record is what was reported of a running container, and what is needed to judge
// its next event.
type record struct {
	instances   []zone.Instance
	attach      zone.Attachment
	shares      []string // as in container
	started     time.Time
	stopSignal  int
	stopTimeout time.Duration
}

// sharing gives the ID or name of the container whose network this one shares.
func (c *container) sharing() (id string, ok bool) { return strings.CutPrefix(c.mode, "container:") }

// inspected takes in what an inspection gave. An error is the engine's fault.
func (r *run) inspected(id string, c *container, err error) error {
	again := r.agenda.done(id)
	delete(r.unread, id)
	switch {
	case errors.Is(err, errUnreadable):
		if _, gone := r.gone[id]; gone {
			r.forget(id)
			err = nil
		} else {
			r.note(id, err)
			r.unread[id] = struct{}{}
		}
	case errors.Is(err, errGone):
		r.forget(id)
		err = nil
	case err != nil:
		return err
	case !c.running:
		r.forget(id)
		if c.restarting {
			r.note(id, fmt.Errorf("container %s: waits to be restarted by the engine", c.name))
		}
	case r.diedAfter(id, c.started): // this was looked up before
		r.forget(id)
	default:
		r.report(c)
	}
	if !again {
		delete(r.gone, id)
	}
	return r.seen(id, err)
}

// report puts what a running container comes to.
func (r *run) report(c *container) {
	got := instanceOf(c, &r.scene)
	r.note(c.id, got.problem)
	next := &record{
		instances: got.instances, attach: got.attach, shares: c.shares, started: c.started,
		stopSignal: c.stopSignal, stopTimeout: c.stopTimeout,
	}
	r.applyDrain(c.id, next)
	old := r.known[c.id]
	r.know(c.id, next)
	if old == nil {
		old = &record{}
	}
	r.putInstances(old, next)
	r.putAttachment(old, next)
	if !old.started.Equal(next.started) || !equalAttach(old.attach, next.attach) {
		r.lookAtSharers(c.id)
	}
}

// putInstances puts those that differ, or all while a survey lasts, and drops
// those that are no more.
func (r *run) putInstances(old, next *record) {
	for _, was := range old.instances {
		if !slices.ContainsFunc(next.instances, func(in zone.Instance) bool { return in.ID == was.ID }) {
			r.out.Drop = append(r.out.Drop, was.ID)
		}
	}
	for i := range next.instances {
		in := &next.instances[i]
		same := func(was zone.Instance) bool { return was.Equal(in) }
		if r.sync != nil || !slices.ContainsFunc(old.instances, same) {
			r.out.Put = append(r.out.Put, *in)
		}
	}
}

func (r *run) putAttachment(old, next *record) {
	switch {
	case len(next.attach.Prefixes) > 0 && (r.sync != nil || !equalAttach(old.attach, next.attach)):
		r.out.Attach = append(r.out.Attach, next.attach)
	case len(next.attach.Prefixes) == 0 && len(old.attach.Prefixes) > 0:
		r.out.Detach = append(r.out.Detach, old.attach.ID)
	}
}

// forget drops all of a container that does not run.
func (r *run) forget(id string) {
	r.note(id, nil)
	delete(r.drain, id)
	old := r.known[id]
	if old == nil {
		return
	}
	r.know(id, nil)
	for _, in := range old.instances {
		r.out.Drop = append(r.out.Drop, in.ID)
	}
	if len(old.attach.Prefixes) > 0 {
		r.out.Detach = append(r.out.Detach, id)
	}
	r.lookAtSharers(id)
}

// know keeps the record of a container; nil forgets it.
func (r *run) know(id string, next *record) {
	if old := r.known[id]; old != nil {
		for _, owner := range old.shares {
			if delete(r.sharers[owner], id); len(r.sharers[owner]) == 0 {
				delete(r.sharers, owner)
			}
		}
	}
	if next == nil {
		delete(r.known, id)
		return
	}
	r.known[id] = next
	for _, owner := range next.shares {
		if r.sharers[owner] == nil {
			r.sharers[owner] = map[string]struct{}{}
		}
		r.sharers[owner][id] = struct{}{}
	}
}

// lookAtSharers inspects the containers that share the network of one that has
// changed.
func (r *run) lookAtSharers(id string) {
	for sharer := range r.sharers[id] {
		r.agenda.add(sharer, urgent)
	}
}

// setNetworks takes in which networks there are, and with them the host's places.
func (r *run) setNetworks(nets []network, err error) error {
	r.agenda.done(keyNetworks)
	if err != nil {
		return err
	}
	var own []netip.Addr
	if r.engine.local() {
		if own, err = r.opt.HostAddrs(); err != nil {
			r.log.Warn("the addresses of this machine cannot be read: it is known by those of its bridges alone", "error", err)
		}
	}
	names := networkNames(nets)
	renamed := r.scene.names != nil && renames(r.scene.names, names)
	r.scene = scene{advertise: r.opt.Advertise, names: names}
	networks, host := networksOf(nets, names), hostOf(nets, names, own, r.engine.local())
	if !equalNetworks(networks, r.networks) {
		r.out.Networks = networks
	}
	if !equalAttach(host, r.host) {
		r.out.Attach = append(r.out.Attach, host)
	}
	r.networks, r.host = networks, host
	if renamed {
		for _, id := range slices.Sorted(maps.Keys(r.known)) {
			r.agenda.add(id, r.lookAt(id))
		}
	}
	return nil
}
