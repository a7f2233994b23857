package faults

import (
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"time"
)

// TestClockJumps sets the clock that the program reads an hour ahead, and from there an
// hour back, while leases run and containers come and go.
func TestClockJumps(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("the clock is changed in the machine code of amd64")
	}
	const lease = 2 * time.Second
	c := newContainers(t)
	s := serve(t, "--docker", c.Host(), "--data-dir", t.TempDir())
	r := newRegistry(t, s.HTTP, 8)
	check := watch(t, s.DNS[0].String())
	check.are(changing, c.service, 1, 2)
	c.run([]int{1})
	check.truthWithin(soon, c.service, 1)
	stop := make(chan struct{})
	var beating sync.WaitGroup
	defer beating.Wait()
	defer close(stop)
	check.are(changing, "leased", 1, 2, 3)
	for _, port := range []int{1, 2} {
		r.must("register", r.register("leased", port, lease), http.StatusCreated)
		beating.Go(func() { r.beat("leased", port, lease/4, stop) })
	}
	check.truthWithin(soon, "leased", 1, 2)

	clock := takeClock(t, s.Pid())
	for _, jump := range []time.Duration{time.Hour, -time.Hour} {
		check.are(changing, "leased", 3)
		r.must("register", r.register("leased", 3, lease), http.StatusCreated)
		check.truthWithin(soon, "leased", 1, 2, 3)
		clock.set(jump)
		if off := r.date().Sub(time.Now().Add(jump)).Abs(); off > time.Minute {
			t.Fatalf("the server's clock was to be off by %v, and misses that by %v", jump, off)
		}
		check.are(changing, "leased", 3) // it is silent from now on
		silent := time.Now()
		check.are(changing, c.service, 2)
		c.run([]int{2})
		event := check.truthWithin(soon, c.service, 1, 2)
		check.are(changing, c.service, 2)
		c.docker("rm", "--force", c.name(2))
		event = max(event, check.truthWithin(soon, c.service, 1))
		took := check.truthAfter(silent, 2*lease, "leased", 1, 2)
		if took < lease-500*time.Millisecond {
			t.Errorf("a lease of %v was over %v after it was granted", lease, took)
		}
		results.row(t, fmt.Sprintf("the wall clock is set off by %v", jump), "a lease of %v ends after %s; containers are followed after %s", lease, ms(took), ms(event))
	}
}

// date gives the server's time, as its answers say it.
func (r *registry) date() time.Time {
	r.t.Helper()
	resp, err := r.http.Get(r.url + "/healthz")
	if err != nil {
		r.t.Fatal(err)
	}
	resp.Body.Close()
	at, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		r.t.Fatal(err)
	}
	return at
}
