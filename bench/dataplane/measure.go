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
	UDP     load          `json:"udp"`
	TCP     load          `json:"tcp"`               // with many questions under way on each connection
	P50     time.Duration `json:"p50_ns"`            // over UDP, at the same moderate rate for all
	P99     time.Duration `json:"p99_ns"`            //
	Changes *changes      `json:"changes,omitempty"` // over UDP, while it was asked
}

// load is what a server does when it is asked all that the generator can. Nothing of it
// was measured when CPU is 0.
type load struct {
	CPU  float64 `json:"cpu_us"` // microseconds of the server for each answer, without those for changes
	Rate float64 `json:"rate"`   // answers a second
	Lost float64 `json:"lost_share"`
}

// measure asks with all that the generator can, and then at a rate for the latency.
func (s *server) measure(ctx context.Context, d time.Duration, rate int) (m measurement, err error) {
	if s.world.over != "tcp" {
		if m.Changes, err = s.changing(ctx, d); err != nil {
			return m, err
		}
		if m.UDP, err = s.load(ctx, "udp", d, m.Changes); err != nil {
			return m, err
		}
		_, _, err = s.during(ctx, func() error {
			p, err := probe(ctx, s.addr(), s.world.questions(), rate, d/2)
			m.P50, m.P99 = p.P50, p.P99
			return err
		})
		if err != nil {
			return m, err
		}
	}
	if s.world.over != "udp" && s.name != "floor" {
		m.TCP, err = s.load(ctx, "tcp", d, nil)
	}
	return m, err
}

// load loads a server with all that the generator can. What changes take is not counted.
func (s *server) load(ctx context.Context, over string, d time.Duration, c *changes) (l load, err error) {
	if _, err := dnsperf(ctx, s, over, time.Second); err != nil { // warm up, and fill caches
		return l, err
	}
	var out perf
	used, made, err := s.during(ctx, func() error {
		out, err = dnsperf(ctx, s, over, d)
		return err
	})
	if err != nil {
		return l, err
	}
	if c != nil {
		c.Rate = float64(made) / d.Seconds()
		used -= time.Duration(c.CPU * float64(made) * float64(time.Microsecond))
	}
	return load{float64(used.Microseconds()) / out.completed, out.rate, out.lost / out.sent}, nil
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
func dnsperf(ctx context.Context, s *server, over string, d time.Duration) (p perf, err error) {
	cmd := exec.CommandContext(ctx, "dnsperf", "-m", over, "-s", "127.0.0.1", "-p", strconv.Itoa(s.port),
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
