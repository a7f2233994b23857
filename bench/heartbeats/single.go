package main

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/rollcall-dns/rollcall/bench/internal/fleet"
	"github.com/rollcall-dns/rollcall/bench/internal/web"
)

// load is what a server did of many equal requests.
type load struct {
	Rate float64 `json:"rate"`   // a second
	CPU  float64 `json:"cpu_us"` // microseconds for each
}

func loadOf(n int, cpu, took time.Duration) load {
	return load{float64(n) / took.Seconds(), float64(cpu.Microseconds()) / float64(n)}
}

// comparison is one round.
type comparison struct {
	Empty load `json:"empty"`
	Beat  load `json:"heartbeat"`
}

// conns is how many connections send requests at the same time: enough that the server
// is never idle, and that what is written to disk is written together.
const conns = 64

// singly measures heartbeats one by one, and registrations in memory.
func (r *results) singly(ctx context.Context, o options, dir string, f *fleet.Fleet) error {
	idle, err := empty(ctx, dir)
	if err != nil {
		return err
	}
	defer idle.Stop()
	s, err := o.serve(ctx, dir, "memory")
	if err != nil {
		return err
	}
	defer s.Stop()
	if r.Memory, err = s.register(ctx, f); err != nil {
		return err
	}
	const stride = 7919 // a prime: neighbours are not neighbours in memory
	beat := func(i int, b []byte) []byte { return f.AppendBeat(b, i*stride%f.Len()) }
	for round := range o.rounds {
		var c comparison
		if c.Empty, err = idle.load(ctx, o.time, beat); err != nil {
			return err
		}
		if c.Beat, err = s.load(ctx, o.time, beat); err != nil {
			return err
		}
		r.Single = append(r.Single, c)
		log.Printf("round %d of %d: empty %.0f/s, %.2f µs; heartbeat %.0f/s, %.2f µs", round+1, o.rounds, c.Empty.Rate, c.Empty.CPU, c.Beat.Rate, c.Beat.CPU)
	}
	return nil
}

// load sends as many requests as it can for a while.
func (s *measured) load(ctx context.Context, d time.Duration, request web.Request) (l load, err error) {
	var n int
	cpu, took, err := s.used(func() error {
		ctx, cancel := context.WithTimeout(ctx, d)
		defer cancel()
		n, err = web.Until(ctx, s.addr, conns, request)
		return err
	})
	if err == nil && n == 0 {
		err = fmt.Errorf("nothing was answered by %s", s.addr)
	}
	if err != nil {
		return l, err
	}
	return loadOf(n, cpu, took), nil
}
