//go:build conformance

package clients

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"
)

// followed is the service that every client finds and follows.
const followed = "web"

// instances are the addresses of those that it has, by their IDs.
var instances = map[string]string{"one": "10.7.0.1", "two": "10.7.0.2", "three": "10.7.0.3"}

// A step is a change of the service, and the instances that are up then.
type step struct {
	name   string
	change func(put func(id, state string), drop func(id string))
	up     []string
}

var steps = []step{
	{"found", func(put func(id, state string), drop func(id string)) {
		put("one", "up")
		put("two", "up")
	}, []string{"one", "two"}},
	{"replaced", func(put func(id, state string), drop func(id string)) {
		put("three", "up")
		drop("one")
	}, []string{"two", "three"}},
	{"none up (NODATA)", func(put func(id, state string), drop func(id string)) {
		put("two", "draining")
		put("three", "draining")
	}, nil},
	{"up again", func(put func(id, state string), drop func(id string)) {
		put("two", "up")
	}, []string{"two"}},
	{"unknown (NXDOMAIN)", func(put func(id, state string), drop func(id string)) {
		drop("two")
		drop("three")
	}, nil},
	{"back", func(put func(id, state string), drop func(id string)) {
		put("one", "up")
	}, []string{"one"}},
}

// A result is how a client did: the time that it took to see each step, and that of
// its slowest look.
type result struct {
	client
	version string
	steps   []time.Duration
	slowest time.Duration
}

// follow starts the client at the first step.
func (r *result) follow(t *testing.T, reg *registry) (see look) {
	t.Helper()
	put := func(id, state string) { reg.put(t, followed, id, state, instances[id]) }
	drop := func(id string) { reg.drop(t, followed, id) }
	t.Cleanup(func() { reg.clear(t, followed) })
	for i, s := range steps {
		began := time.Now()
		s.change(put, drop)
		if i == 0 {
			see = r.start(t)
		}
		var addrs []string
		for _, id := range s.up {
			addrs = append(addrs, instances[id])
		}
		want := r.views(addrs)
		for got := r.look(t, see, followed); !slices.Equal(got, want); got = r.look(t, see, followed) {
			if waited := time.Since(began); waited > negative+r.holds+slack {
				t.Fatalf("%s: after %v it sees %q, want %q", s.name, waited, got, want)
			}
			time.Sleep(20 * time.Millisecond)
		}
		r.steps = append(r.steps, time.Since(began))
	}
	return see
}

// look looks once.
func (r *result) look(t *testing.T, see look, service string) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	began := time.Now()
	got, err := see(ctx, service+".svc.internal")
	took := time.Since(began)
	if err != nil {
		t.Fatalf("%s: after %v: %v", service, took, err)
	}
	if took >= stall {
		t.Errorf("%s: a look took %v, and gave %q", service, took, got)
	}
	r.slowest = max(r.slowest, took)
	for i := range got {
		got[i] = canonical(got[i])
	}
	slices.Sort(got)
	return got
}

// canonical writes an IPv6 address as RFC 5952 has it.
func canonical(addr string) string {
	if a, err := netip.ParseAddr(addr); err == nil {
		return a.String()
	}
	return addr
}

// views is what the client sees of instances at these addresses.
func (c client) views(addrs []string) []string {
	all := slices.Clone(addrs)
	for i, a := range all {
		if c.ports {
			all[i] = net.JoinHostPort(a, "8080")
		}
	}
	slices.Sort(all)
	return all
}
