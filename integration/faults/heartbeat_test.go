package faults

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"
)

var beating = flag.Duration("beating", 4*time.Second, "for how long heartbeats are delayed")

// TestHeartbeatsDelayed has a network that delays heartbeats by up to half a lease,
// sends them twice and lets them overtake each other. Who still sends them is never
// missed; who has left is not brought back by one that comes late.
func TestHeartbeatsDelayed(t *testing.T) {
	t.Parallel()
	const lease, n = 3 * time.Second, 20
	s := serve(t, "--docker", "off")
	r := newRegistry(t, s.HTTP, 64)
	check := watch(t, s.DNS[0].String())
	stop := make(chan struct{})
	var sending sync.WaitGroup
	var all, stay []int
	left := make(map[int]chan struct{})
	for port := 1; port <= n; port++ {
		all = append(all, port)
		if left[port] = make(chan struct{}); port%2 == 0 {
			stay = append(stay, port)
		}
	}
	check.are(changing, "late", all...)
	for _, port := range all {
		r.must("register", r.register("late", port, lease), http.StatusCreated)
		sending.Go(func() { r.beatBadly(&sending, port, lease, stop, left[port]) })
	}
	check.truthWithin(soon, "late", all...)
	time.Sleep(*beating / 2)
	for _, port := range all {
		if port%2 == 1 {
			check.are(changing, "late", port)
			r.must("leave", r.leave("late", port), http.StatusNoContent)
			check.are(dead, "late", port) // now, whatever is still on its way
			close(left[port])
		}
	}
	time.Sleep(*beating / 2)
	check.truthWithin(soon, "late", stay...)
	check.are(changing, "late", stay...)
	close(stop)
	sending.Wait()
	last := time.Now()
	took := check.truthAfter(last, lease+time.Second, "late")
	results.row(t, fmt.Sprintf("heartbeats late by up to %v, twice and out of order, for %v", lease/2, *beating), "nobody is missed, none who left is back; after the last of them a lease of %v ends in %s", lease, ms(took))
}

// beatBadly sends heartbeats of an instance by a bad network. Those sent before it left
// arrive after that too, and are refused.
func (r *registry) beatBadly(sending *sync.WaitGroup, port int, lease time.Duration, stop, left <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-left:
			return
		case <-time.After(lease / 6):
		}
		for range 2 {
			sending.Go(func() {
				time.Sleep(rand.N(lease / 2))
				gone := false
				select {
				case <-left:
					gone = true
				default:
				}
				got := r.heartbeat("late", port)
				if gone && got != http.StatusNotFound || !gone && got != http.StatusNoContent && got != http.StatusNotFound {
					r.t.Errorf("a heartbeat of %d, which has left: %t, is answered with %d", port, gone, got)
				}
			})
		}
	}
}
