package faults

import (
	"bytes"
	"flag"
	"fmt"
	"testing"
	"time"
)

var flood = flag.Int("flood", 100_000, "how many events a flood has")

// TestEventsCut has containers come and go while the engine tells of nothing.
func TestEventsCut(t *testing.T) {
	c := newContainers(t)
	p := newProxy(t, c.Host())
	s := serve(t, "--docker", p.host)
	check := watch(t, s.DNS[0].String())
	check.are(changing, c.service, 1, 2, 3)
	c.run([]int{1, 2})
	check.truthWithin(soon, c.service, 1, 2)
	p.cutOff(true)
	check.are(changing, c.service, 2, 3)
	c.kill(c.pid(2))
	c.run([]int{3})
	time.Sleep(*away)
	p.cutOff(false)
	took := check.truthWithin(soon, c.service, 1, 3)
	results.row(t, fmt.Sprintf("event stream cut for %v, while a container dies and one starts", *away), "the truth %s after it is back", ms(took))
}

// TestEventsDelayed has every event come late: answers follow as late, and no later.
func TestEventsDelayed(t *testing.T) {
	const late = 2 * time.Second
	c := newContainers(t)
	p := newProxy(t, c.Host())
	s := serve(t, "--docker", p.host)
	check := watch(t, s.DNS[0].String())
	check.are(changing, c.service, 1, 2, 3)
	c.run([]int{1, 2})
	check.truthWithin(soon, c.service, 1, 2)
	p.set(late, 1)
	check.are(changing, c.service, 2, 3)
	c.kill(c.pid(2))
	c.run([]int{3})
	c.docker("restart", "--time", "0", c.name(3)) // its first end is told of when it lives again
	changed := time.Now()
	time.Sleep(late)
	took := check.truthAfter(changed, late+soon, c.service, 1, 3)
	time.Sleep(late / 2) // nothing is still to come
	results.row(t, fmt.Sprintf("each event delayed by %v", late), "the truth %s after the last change", ms(took))
}

// TestEventsDuplicated has each event come three times.
func TestEventsDuplicated(t *testing.T) {
	c := newContainers(t)
	p := newProxy(t, c.Host())
	p.set(0, 3)
	s := serve(t, "--docker", p.host)
	check := watch(t, s.DNS[0].String())
	check.are(changing, c.service, 1, 2, 3)
	c.run([]int{1, 2})
	check.truthWithin(soon, c.service, 1, 2)
	var longest time.Duration
	for range 3 {
		check.are(changing, c.service, 2, 3)
		c.docker("restart", c.name(2))
		c.run([]int{3})
		longest = max(longest, check.truthWithin(soon, c.service, 1, 2, 3))
		check.are(changing, c.service, 3)
		c.docker("rm", "--force", c.name(3))
		longest = max(longest, check.truthWithin(soon, c.service, 1, 2))
	}
	results.row(t, "each event three times", "the truth at most %s after each of 6 changes", ms(longest))
}

// TestEventsFlooded replays the signals and deaths of a life that a container has left
// behind, while it lives: nobody is missed, and what really happens is seen.
func TestEventsFlooded(t *testing.T) {
	c := newContainers(t)
	p := newProxy(t, c.Host())
	s := serve(t, "--docker", p.host)
	check := watch(t, s.DNS[0].String())
	check.are(changing, c.service, 1, 2, 3)
	c.run([]int{1, 2})
	c.docker("restart", c.name(1))
	check.truthWithin(soon, c.service, 1, 2)

	id := []byte(c.docker("inspect", "--format", "{{.Id}}", c.name(1)))
	begun := time.Now()
	sent := p.replay(*flood, func(e []byte) bool {
		return bytes.Contains(e, id) && (bytes.Contains(e, []byte(`"Action":"kill"`)) || bytes.Contains(e, []byte(`"Action":"die"`)))
	})
	if sent < *flood {
		t.Fatalf("only %d events were sent", sent)
	}
	lasted := time.Since(begun)
	check.are(changing, c.service, 2, 3)
	c.kill(c.pid(2))
	c.run([]int{3})
	took := check.truthWithin(soon, c.service, 1, 3)
	results.row(t, fmt.Sprintf("%d old events of a container that lives, in %s", sent, ms(lasted)), "nobody is missed; a change then is answered after %s", ms(took))
}
