package faults

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// What the truth says of an instance.
type truth int8

const (
	changing truth = iota // it comes or goes, or the server cannot know: both are right
	alive                 // it has to be in each answer
	dead                  // it must not be in any
)

// claim is what has been true of an instance, and since when.
type claim struct {
	truth
	since time.Time
}

// checker asks for the SRV records of services all the time, and holds each answer
// against the truth, which the test tells it. An instance is known by its port.
type checker struct {
	t    testing.TB
	stop chan struct{}
	done sync.WaitGroup

	mu     sync.Mutex // guards the fields below
	server string
	away   bool // the server is: no answer is no fault
	want   map[string]map[int]claim
	wrong  int
	asked  int
}

// watch begins to ask a server, until the test ends.
func watch(t testing.TB, server string) *checker {
	c := &checker{t: t, server: server, stop: make(chan struct{}), want: map[string]map[int]claim{}}
	c.done.Go(c.run)
	t.Cleanup(func() {
		close(c.stop)
		c.done.Wait()
		if c.asked == 0 {
			t.Error("nothing was asked")
		}
		t.Logf("%d answers were held against the truth, %d were wrong", c.asked, c.wrong)
	})
	return c
}

func (c *checker) run() {
	for {
		c.mu.Lock()
		services := slices.Sorted(maps.Keys(c.want))
		c.mu.Unlock()
		for _, service := range services {
			c.hold(service)
			select {
			case <-c.stop:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
		if len(services) == 0 {
			time.Sleep(5 * time.Millisecond)
		}
	}
}

// are says what is true of instances from now on.
func (c *checker) are(is truth, service string, ports ...int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.want[service] == nil {
		c.want[service] = map[int]claim{}
	}
	for _, p := range ports {
		c.want[service][p] = claim{is, time.Now()}
	}
}

// goes says that the server goes away, or with an address where it is until the test
// ends.
func (c *checker) goes(server string) {
	if server != "" {
		c.t.Cleanup(func() { c.goes("") }) // which is before it is stopped
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.away = server == ""
	c.server = server
}

// hold asks once, and judges the answer by what was true before the question and still
// is.
func (c *checker) hold(service string) {
	c.mu.Lock()
	server, away := c.server, c.away
	c.mu.Unlock()
	if away {
		return
	}
	begun := time.Now()
	got, err := ask(server, service)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.away || c.server != server {
		return
	}
	c.asked++
	if err != nil {
		c.fault("%s: %v", service, err)
		return
	}
	for port, is := range c.want[service] {
		if is.since.After(begun) {
			continue
		}
		switch there := got[port]; {
		case is.truth == alive && !there:
			c.fault("%s-%d is alive, and is missing", service, port)
		case is.truth == dead && there:
			c.fault("%s-%d is dead, and is answered", service, port)
		}
	}
	for port := range got {
		if _, known := c.want[service][port]; !known {
			c.fault("%s-%d is answered, and never was", service, port)
		}
	}
}

// fault reports the first few. The caller holds mu.
func (c *checker) fault(format string, args ...any) {
	if c.wrong++; c.wrong <= 5 {
		c.t.Errorf("at %s: %s", time.Now().Format("15:04:05.000"), fmt.Sprintf(format, args...))
	}
}

// truthWithin waits until the answers are the truth: exactly those are alive. From
// then on they have to stay so. It gives the time that it took.
func (c *checker) truthWithin(most time.Duration, service string, living ...int) time.Duration {
	c.t.Helper()
	return c.truthAfter(time.Now(), most, service, living...)
}

// truthAfter is truthWithin, for a fault that has ended before.
func (c *checker) truthAfter(begun time.Time, most time.Duration, service string, living ...int) time.Duration {
	c.t.Helper()
	want := map[int]bool{}
	for _, p := range living {
		want[p] = true
	}
	for {
		got, err := ask(c.server, service)
		took := time.Since(begun)
		if err == nil && maps.Equal(got, want) {
			c.settle(service, want)
			return took
		}
		if took > most {
			c.t.Fatalf("%v after the fault %s is %v, %v; the truth is %v", took.Round(time.Millisecond), service, got, err, want)
		}
		time.Sleep(time.Millisecond)
	}
}

func (c *checker) settle(service string, living map[int]bool) {
	c.mu.Lock()
	known := slices.Collect(maps.Keys(c.want[service]))
	c.mu.Unlock()
	for _, p := range known {
		if !living[p] {
			c.are(dead, service, p)
		}
	}
	for p := range living {
		c.are(alive, service, p)
	}
}

// ask gives the ports that a service is answered with.
func ask(server, service string) (map[int]bool, error) {
	q := new(dns.Msg).SetQuestion(service+".svc.internal.", dns.TypeSRV)
	q.SetEdns0(4096, false)
	reply, _, err := (&dns.Client{Timeout: 5 * time.Second}).Exchange(q, server)
	if err == nil && reply.Truncated {
		reply, _, err = (&dns.Client{Net: "tcp", Timeout: 5 * time.Second}).Exchange(q, server)
	}
	if err != nil {
		return nil, err
	}
	if reply.Rcode != dns.RcodeSuccess && reply.Rcode != dns.RcodeNameError {
		return nil, fmt.Errorf("answered with %s", dns.RcodeToString[reply.Rcode])
	}
	ports := map[int]bool{}
	for _, rr := range reply.Answer {
		if srv, ok := rr.(*dns.SRV); ok {
			ports[int(srv.Port)] = true
		}
	}
	return ports, nil
}
