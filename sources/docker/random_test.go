package docker

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// Whatever happens to containers, events and connections, in the end the zone
// holds what runs, and nothing else.
func TestTheZoneAgreesWithTheEngineInTheEnd(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	f := newFake(t)
	w := newWorld(t, Options{Host: f.host(), Resync: 30 * time.Millisecond, Timeout: 200 * time.Millisecond})
	over, done := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(over); <-done })
	go func() { // the supervisor's part
		defer close(done)
		for {
			result, stop := w.start()
			select {
			case <-result:
			case <-over:
				stop()
				return
			}
		}
	}()
	for range 20 {
		for range 60 {
			f.something(rng)
		}
		f.calm()
		want := f.running()
		w.until("the zone agrees: "+want, func() bool { return w.names() == want })
	}
}

// something happens to one of a few containers, or to the connection.
func (f *fake) something(rng *rand.Rand) {
	n := rng.IntN(8)
	id := fakeID(n)
	var c *fakeContainer
	f.with(func() { c = f.containers[id] })
	switch what := rng.IntN(20); {
	case what == 0:
		f.hangUp()
	case what == 1:
		f.with(func() { f.deaf = !f.deaf })
	case what == 2:
		f.with(func() { f.broken[id] = 500 })
	case what == 3:
		f.with(func() { f.stuck[id] = make(chan struct{}) })
	case c == nil || !c.Running:
		f.run(n, func(c *fakeContainer) {
			if n == 7 { // one that shares a network
				c.Mode, c.IP = "container:"+fakeID(0), ""
			}
		})
	case what < 10:
		f.emit("container", "kill", id, "signal=15")
		f.die(id)
	case what < 12:
		f.emit("container", "kill", id, "signal=1")
	case what < 14:
		f.with(func() { c.Paused = !c.Paused })
		f.emit("container", "pause", id)
	case what < 16:
		f.with(func() { c.Health = []string{"", "healthy", "unhealthy", "starting"}[rng.IntN(4)] })
		f.emit("container", "health_status: whatever", id)
	case what < 18:
		f.with(func() { delete(f.containers, id) })
		f.emit("container", "destroy", id)
	default:
		time.Sleep(time.Millisecond)
	}
}

// calm mends what is broken.
func (f *fake) calm() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.stuck {
		close(c)
	}
	clear(f.stuck)
	clear(f.broken)
	f.deaf = false
}

// running is what the zone should have, as world.names writes it.
func (f *fake) running() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []string
	for _, c := range f.containers {
		owner := f.containers[strings.TrimPrefix(c.Mode, "container:")]
		shares := strings.HasPrefix(c.Mode, "container:")
		state := map[string]string{"": "up", "healthy": "up", "unhealthy": "down", "starting": "starting"}[c.Health]
		switch {
		case !c.Running, shares && (owner == nil || !owner.Running):
			continue
		case c.Paused, shares && owner.Started.After(c.Started):
			state = "down"
		}
		list = append(list, fmt.Sprintf("%s:%s", c.Name, state))
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}
