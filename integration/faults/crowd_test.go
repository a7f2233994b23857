package faults

import (
	"flag"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

const (
	crowdConns = 100 // connections that they share
	crowdEach  = 20  // instances of one service
)

var crowd = flag.Int("crowd", 2000, "how many clients register again at once: a multiple of 20")

// TestCrowdRegistersAgain has thousands of clients find out at once that a new server does
// not know them.
func TestCrowdRegistersAgain(t *testing.T) {
	const lease = 30 * time.Second
	first := serve(t, "--docker", "off")
	check := watch(t, first.DNS[0].String())
	all := func(is truth) {
		for n := range *crowd {
			check.are(is, serviceOf(n), portOf(n))
		}
	}
	all(changing)
	r := newRegistry(t, first.HTTP, crowdConns)
	r.all(func(n int) bool { return r.register(serviceOf(n), portOf(n), lease) == http.StatusCreated })
	all(alive)
	time.Sleep(200 * time.Millisecond)

	check.goes("")
	all(changing)
	first.Stop(syscall.SIGKILL)
	second := serve(t, "--docker", "off", "--data-dir", t.TempDir())
	check.goes(second.DNS[0].String())
	r = newRegistry(t, second.HTTP, crowdConns)
	begun := time.Now()
	var later atomic.Int32
	r.all(func(n int) bool {
		switch r.heartbeat(serviceOf(n), portOf(n)) {
		case http.StatusNoContent:
			return true
		case http.StatusServiceUnavailable:
			later.Add(1)
			time.Sleep(time.Second)
			return false
		}
		if r.register(serviceOf(n), portOf(n), lease) == http.StatusCreated {
			check.are(alive, serviceOf(n), portOf(n)) // at once
		}
		return false // its next heartbeat is heard
	})
	took := time.Since(begun)
	if took > lease {
		t.Errorf("it took %v, longer than a lease of %v", took, lease)
	}
	for n := 0; n < *crowd; n += crowdEach {
		var ports []int
		for i := range crowdEach {
			ports = append(ports, portOf(n+i))
		}
		check.truthWithin(soon, serviceOf(n), ports...)
	}
	results.row(t, fmt.Sprintf("%d clients register again at once, on disk", *crowd), "all are answered after %s; %d times told to come later", ms(took), later.Load())
}

func serviceOf(n int) string { return fmt.Sprintf("crowd%d", n/crowdEach) }
func portOf(n int) int       { return 10_000 + n }

// all does something for each of the crowd, until it is done.
func (r *registry) all(do func(n int) bool) {
	var next atomic.Int32
	var working sync.WaitGroup
	for range crowdConns {
		working.Go(func() {
			for n := int(next.Add(1) - 1); n < *crowd; n = int(next.Add(1) - 1) {
				for tries := 1; !do(n); tries++ {
					if tries == 30 {
						r.t.Errorf("instance %d is not taken", n)
						return
					}
				}
			}
		})
	}
	working.Wait()
}
