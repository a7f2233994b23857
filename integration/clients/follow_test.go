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

// A step is the state of each instance that is registered then.
type step struct {
	name   string
	states map[string]string
}

var steps = []step{
	{"found", map[string]string{"one": "up", "two": "up"}},
	{"replaced", map[string]string{"two": "up", "three": "up"}},
	{"none up (NODATA)", map[string]string{"two": "draining", "three": "draining"}},
	{"up again", map[string]string{"two": "up", "three": "draining"}},
	{"unknown (NXDOMAIN)", nil},
	{"back", map[string]string{"one": "up"}},
}

// take registers what the step has, and then drops what it has not: a replacement is
// there before that which it replaces has gone.
func (s step) take(t *testing.T, r *registry) {
	t.Helper()
	for id, state := range s.states {
		r.put(t, followed, id, state, instances[id])
	}
	for id := range instances {
		if _, has := s.states[id]; !has {
			r.drop(t, followed, id)
		}
	}
}

// up are the addresses of the instances that are up.
func (s step) up() (addrs []string) {
	for id, state := range s.states {
		if state == "up" {
			addrs = append(addrs, instances[id])
		}
	}
	return addrs
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
	t.Cleanup(func() { step{}.take(t, reg) })
	for i, s := range steps {
		began := time.Now()
		s.take(t, reg)
		if i == 0 {
			see = r.start(t)
		}
		want := r.views(s.up())
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

// look looks for a service once.
func (r *result) look(t *testing.T, see look, service string) []string {
	t.Helper()
	return r.lookUp(t, see, service+".svc.internal")
}

// lookUp looks for a name once.
func (r *result) lookUp(t *testing.T, see look, name string) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	began := time.Now()
	got, err := see(ctx, name)
	took := time.Since(began)
	if err != nil {
		t.Fatalf("%s: after %v: %v", name, took, err)
	}
	if took >= stall {
		t.Errorf("%s: a look took %v, and gave %q", name, took, got)
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
