package main

import (
	"context"
	"log"
	"time"

	"github.com/rollcall-dns/rollcall/bench/internal/fleet"
)

// batches are the heartbeats of a fleet, many in a request, at its steady pace.
type batches struct {
	Leases int     `json:"leases"`
	Rate   float64 `json:"rate"`      // heartbeats a second
	Core   float64 `json:"cores"`     // that the server takes, of one
	Worst  float64 `json:"worst_ms"`  // for a request to be answered
	RSS    int     `json:"rss"`       //
	Ended  int     `json:"not_known"` // heartbeats answered with 404
}

// start is a server that begins with all the registrations of one before it.
type start struct {
	Ready time.Duration `json:"ready_ns"` // until GET /readyz is 200
	RSS   int           `json:"rss"`
	Peak  int           `json:"peak_rss"`
}

// together measures heartbeats in batches, registrations on disk, and starts with these.
func (r *results) together(ctx context.Context, o options, dir string, f *fleet.Fleet) error {
	data := []string{"--data-dir", dir + "/data"}
	s, err := o.serve(ctx, dir, "disk", data...)
	if err != nil {
		return err
	}
	defer func() { s.Stop() }()
	if r.Disk, err = s.register(ctx, f); err != nil {
		return err
	}
	b := beater{s: s, f: f}
	cpu, took, err := s.used(func() error { return b.steadily(ctx, 5*o.time) })
	if err != nil {
		return err
	}
	r.Batched = batches{Leases: f.Len(), Rate: float64(b.beats) / took.Seconds(), Core: cpu.Seconds() / took.Seconds(),
		Worst: float64(b.worst.Microseconds()) / 1000, Ended: b.unknown}
	if r.Batched.RSS, _, err = s.Memory(); err != nil {
		return err
	}
	log.Printf("batches: %+v", r.Batched)
	for range min(3, o.rounds) {
		s.Kill()
		began := time.Now()
		next, err := o.serve(ctx, dir, "disk", data...)
		if err != nil {
			return err
		}
		s = next
		again := start{Ready: time.Since(began)}
		if again.RSS, again.Peak, err = s.Memory(); err != nil {
			return err
		}
		r.Starts = append(r.Starts, again)
		log.Printf("ready after %v", again.Ready)
	}
	return nil
}
