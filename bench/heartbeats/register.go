package main

import (
	"context"
	"log"
	"time"

	"github.com/rollcall-dns/rollcall/bench/internal/fleet"
)

// registrations are all of a fleet, once.
type registrations struct {
	load
	Instances int `json:"instances"`
	RSS       int `json:"rss"` // right after
}

// part is how many instances are registered until those before them send heartbeats, so
// that no lease ends meanwhile.
const part = 20_000

// register registers a fleet. The heartbeats in between are not counted.
func (s *measured) register(ctx context.Context, f *fleet.Fleet) (r registrations, err error) {
	var cpu, took time.Duration
	b := beater{s: s, f: f}
	for from := 0; from < f.Len(); from += part {
		to := min(from+part, f.Len())
		c, t, err := s.used(func() error { return f.Register(ctx, s.addr, conns, from, to) })
		if err != nil {
			return r, err
		}
		cpu, took = cpu+c, took+t
		if err := b.all(to); err != nil {
			return r, err
		}
	}
	r = registrations{load: loadOf(f.Len(), cpu, took), Instances: f.Len()}
	r.RSS, _, err = s.Memory()
	log.Printf("%d registrations: %.0f/s, %.2f µs", f.Len(), r.Rate, r.CPU)
	return r, err
}
