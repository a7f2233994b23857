package faults

import (
	"flag"
	"testing"
	"time"
)

var (
	deaths = flag.Int("deaths", 5, "how many services are killed")
	ways   = flag.Int("ways", 2, "in how many ways the engine goes away, of 4")
	away   = flag.Duration("away", time.Second, "how long the engine and its events are away")
)

// TestServicesKilled kills the processes of containers, one after the other.
func TestServicesKilled(t *testing.T) {
	c := newContainers(t)
	s := serve(t, "--docker", c.Host())
	check := watch(t, s.DNS[0].String())
	check.are(changing, c.service, 1, 2, 3)
	c.run([]int{1, 2})
	check.truthWithin(soon, c.service, 1, 2)
	var longest, sum time.Duration
	for range *deaths {
		check.are(changing, c.service, 3)
		c.run([]int{3})
		check.truthWithin(soon, c.service, 1, 2, 3)
		pid := c.pid(3)
		check.are(changing, c.service, 3)
		c.kill(pid)
		took := check.truthWithin(soon, c.service, 1, 2)
		longest, sum = max(longest, took), sum+took
		c.docker("rm", c.name(3))
	}
	results.row(t, "a service is killed -9", "not answered after %s (of %d: at most %s)", ms(sum/time.Duration(*deaths)), *deaths, ms(longest))
}

// TestEngineAway takes the engine away and brings it back, in each way; meanwhile one
// of the containers dies, where they outlive the engine.
func TestEngineAway(t *testing.T) {
	const live = "--live-restore"
	tests := []struct {
		name     string
		killed   bool
		flags    []string
		survives bool // containers do, until the engine is back
	}{
		{"engine killed -9 and started again", true, nil, true},
		{"engine stopped with live-restore, a container dies", false, []string{live}, true},
		{"engine stopped and started again", false, nil, false},
		{"engine killed -9 with live-restore, a container dies", true, []string{live}, true},
	}
	for _, tt := range tests[:min(*ways, len(tests))] {
		t.Run(tt.name, func(t *testing.T) {
			c := newContainers(t)
			if tt.flags != nil {
				t.Cleanup(func() { c.restart() }) // without them the containers end with the engine
				c.restart(tt.flags...)
			}
			s := serve(t, "--docker", c.Host())
			check := watch(t, s.DNS[0].String())
			check.are(changing, c.service, 1, 2, 3)
			c.run([]int{1}, "--restart", "always")
			c.run([]int{2, 3})
			check.truthWithin(soon, c.service, 1, 2, 3)
			victim := c.pid(3)

			check.are(changing, c.service, 3)
			if !tt.survives {
				check.are(changing, c.service, 1, 2)
			}
			c.leave(tt.killed)
			if tt.survives {
				c.kill(victim)
			}
			time.Sleep(*away)
			if tt.flags == nil {
				check.are(changing, c.service, 1, 2) // the engine ends those that it finds
			}
			if err := c.Start(tt.flags...); err != nil {
				t.Fatal(err)
			}
			back := time.Now()
			took := check.truthAfter(back, soon, c.service, c.running()...)
			time.Sleep(time.Second) // it stays so
			results.row(t, tt.name, "the truth %s after it answers again", ms(took))
		})
	}
}

func (c *containers) leave(killed bool) {
	if killed {
		c.Kill()
	} else if err := c.Stop(); err != nil {
		c.t.Fatal(err)
	}
}

func (c *containers) restart(flags ...string) {
	c.leave(false)
	if err := c.Start(flags...); err != nil {
		c.t.Fatal(err)
	}
}
