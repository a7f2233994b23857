package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"os/exec"
	"strconv"
	"time"

	"github.com/rollcall-dns/rollcall/bench/internal/ask"
	"github.com/rollcall-dns/rollcall/bench/internal/launch"
	"github.com/rollcall-dns/rollcall/bench/internal/pinned"
	"github.com/rollcall-dns/rollcall/bench/internal/raw"
)

const (
	dnsAddr  = "127.0.0.1:5490"
	httpAddr = "127.0.0.1:5491"
)

// The times before and after the flood, and the rate of those who ask all the while.
const (
	before  = 5 * time.Second
	after   = 10 * time.Second
	quietly = 200
)

func run(ctx context.Context, o options) (err error) {
	dir, err := os.MkdirTemp("", "flood")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s, release, err := start(ctx, o, dir)
	if err != nil {
		return err
	}
	defer release()
	defer s.Stop()
	r := results{Share: o.share, Period: o.period}
	if r.Capacity, err = o.capacity(ctx); err != nil {
		return err
	}
	log.Printf("capacity: %.0f answers a second; asking %.0f", r.Capacity, o.times*r.Capacity)
	if err := r.flood(ctx, o, s); err != nil {
		return err
	}
	r.print(os.Stdout)
	return raw.Write(o.out, r)
}

// start gives a server that knows its instances, and is held to its share.
func start(ctx context.Context, o options, dir string) (s *pinned.Process, release func(), err error) {
	if s, err = launch.Rollcall(ctx, o.rollcall, dir, dnsAddr, httpAddr); err != nil {
		return nil, nil, err
	}
	if err = registered.Register(ctx, httpAddr, 16, 0, registered.Len()); err == nil {
		release, err = s.Hold(o.share, o.period)
	}
	if err != nil {
		s.Stop()
		return nil, nil, fmt.Errorf("%w\n%s", err, s.Log())
	}
	return s, release, nil
}

// tooMuch a second is more than any server answers on one core.
const tooMuch = 200_000

// capacity is how much is answered of what is too much.
func (o options) capacity(ctx context.Context) (float64, error) {
	const answered = `rollcall_dns_replies_total{rcode="NOERROR"}`
	before, err := metric(ctx, answered)
	if err != nil {
		return 0, err
	}
	o.time = 3 * time.Second
	if _, err := o.pour(ctx, tooMuch); err != nil {
		return 0, err
	}
	after, err := metric(ctx, answered)
	return (after - before) / o.time.Seconds(), err
}

// flood asks quietly, and floods for a part of that time.
func (r *results) flood(ctx context.Context, o options, s *pinned.Process) error {
	asking, cancel := context.WithTimeout(ctx, before+o.time+after)
	defer cancel()
	watched := make(chan error, 1)
	began := time.Now()
	go func() { watched <- r.watch(asking, s) }()
	poured := make(chan error, 1)
	go func() {
		time.Sleep(before)
		r.Began = time.Since(began)
		sent, err := o.pour(asking, int(o.times*r.Capacity))
		r.Ended, r.Sent = time.Since(began), sent
		poured <- err
	}()
	answers, lost, err := ask.Steadily(asking, dnsAddr, questions(), quietly)
	for _, done := range []chan error{poured, watched} {
		if e := <-done; err == nil {
			err = e
		}
	}
	r.answers, r.lost = answers, lost
	r.sum()
	return err
}

// pour floods from the other core.
func (o options) pour(ctx context.Context, rate int) (sent int, err error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, "taskset", "-c", pinned.Generator, self, "-at", dnsAddr, "-rate", strconv.Itoa(rate), "-time", o.time.String())
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("flood: %w", err)
	}
	return sent, json.Unmarshal(out, &sent)
}
