package main

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"time"
)

// measurement is one round of one server.
type measurement struct {
	CPU     float64       `json:"cpu_us"`            // microseconds of the server for each answer, without those for changes
	Rate    float64       `json:"rate"`              // answers a second under full load
	P50     time.Duration `json:"p50_ns"`            // at the same moderate rate for all
	P99     time.Duration `json:"p99_ns"`            //
	Lost    float64       `json:"lost_share"`        // under full load
	Changes *changes      `json:"changes,omitempty"` // while it was asked
}

// measure asks with all that the generator can, and then at a rate for the latency.
func (s *server) measure(ctx context.Context, d time.Duration, rate int) (m measurement, err error) {
	if _, err = dnsperf(ctx, s, time.Second); err != nil { // warm up, and fill caches
		return m, err
	}
	c, err := s.changing(ctx, d)
	if err != nil {
		return m, err
	}
	var out perf
	used, made, err := s.during(ctx, func() error {
		out, err = dnsperf(ctx, s, d)
		return err
	})
	if err != nil {
		return m, err
	}
	if c != nil {
		c.Rate = float64(made) / d.Seconds()
		used -= time.Duration(c.CPU * float64(made) * float64(time.Microsecond))
	}
	m = measurement{CPU: float64(used.Microseconds()) / out.completed, Rate: out.rate, Lost: out.lost / out.sent, Changes: c}
	if s.world.over != "udp" {
		return m, nil
	}
	_, _, err = s.during(ctx, func() error {
		p, err := probe(ctx, s.addr(), s.world.questions(), rate, d/2)
		m.P50, m.P99 = p.P50, p.P99
		return err
	})
	return m, err
}

// during gives what a server has taken of processors while do ran, and how many changes
// were made there.
func (s *server) during(ctx context.Context, do func() error) (used time.Duration, made int, err error) {
	stop := s.change(ctx)
	before, err := s.CPU()
	if err == nil {
		err = do()
	}
	made, err = stop(err)
	if err != nil {
		return 0, 0, err
	}
	after, err := s.CPU()
	return after - before, made, err
}

type perf struct{ sent, completed, lost, rate float64 }

var figures = regexp.MustCompile(`(?m)^\s*(Queries sent|Queries completed|Queries lost|Queries per second):\s+([\d.]+)`)

// dnsperf loads a server with as many questions as it takes, over several sockets.
func dnsperf(ctx context.Context, s *server, d time.Duration) (p perf, err error) {
	cmd := exec.CommandContext(ctx, "dnsperf", "-m", s.world.over, "-s", "127.0.0.1", "-p", strconv.Itoa(s.port),
		"-d", s.world.questions(), "-l", strconv.Itoa(max(1, int(d.Seconds()))), "-c", "20", "-q", "400", "-t", "1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return p, fmt.Errorf("dnsperf: %w\n%s", err, out)
	}
	into := map[string]*float64{"Queries sent": &p.sent, "Queries completed": &p.completed, "Queries lost": &p.lost, "Queries per second": &p.rate}
	for _, f := range figures.FindAllStringSubmatch(string(out), -1) {
		if *into[f[1]], err = strconv.ParseFloat(f[2], 64); err != nil {
			return p, fmt.Errorf("dnsperf says %q: %w", f[0], err)
		}
	}
	if p.completed == 0 {
		return p, fmt.Errorf("dnsperf had no answer:\n%s", out)
	}
	return p, nil
}
