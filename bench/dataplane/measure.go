package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// measurement is one round of one server.
type measurement struct {
	CPU  float64       `json:"cpu_us"` // microseconds of the server for each answer
	Rate float64       `json:"rate"`   // answers a second under full load
	P50  time.Duration `json:"p50_ns"` // at the same moderate rate for all
	P99  time.Duration `json:"p99_ns"`
	Lost float64       `json:"lost_share"` // under full load
}

// measure asks with all that the generator can, and then at a rate for the latency.
func (s *server) measure(ctx context.Context, w *world, d time.Duration, rate int) (m measurement, err error) {
	if _, err = dnsperf(ctx, s, w, time.Second); err != nil { // warm up, and fill caches
		return m, err
	}
	before, err := s.cpu()
	if err != nil {
		return m, err
	}
	out, err := dnsperf(ctx, s, w, d)
	if err != nil {
		return m, err
	}
	after, err := s.cpu()
	if err != nil {
		return m, err
	}
	m.CPU = float64((after - before).Microseconds()) / out.completed
	m.Rate, m.Lost = out.rate, out.lost/out.sent
	if w.over != "udp" {
		return m, nil
	}
	p, err := probe(ctx, s.addr(), w.questions(), rate, d/2)
	m.P50, m.P99 = p.P50, p.P99
	return m, err
}

type perf struct{ sent, completed, lost, rate float64 }

var figures = regexp.MustCompile(`(?m)^\s*(Queries sent|Queries completed|Queries lost|Queries per second):\s+([\d.]+)`)

// dnsperf loads a server with as many questions as it takes, over several sockets.
func dnsperf(ctx context.Context, s *server, w *world, d time.Duration) (p perf, err error) {
	cmd := exec.CommandContext(ctx, "taskset", "-c", generatorCore, "dnsperf", "-m", w.over, "-s", "127.0.0.1", "-p", strconv.Itoa(s.port),
		"-d", w.questions(), "-l", strconv.Itoa(max(1, int(d.Seconds()))), "-c", "20", "-q", "400", "-t", "1")
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

// tick is the unit of the times in /proc (USER_HZ).
const tick = 10 * time.Millisecond

// cpu is the time that the server and its children have had of processors.
func (s *server) cpu() (sum time.Duration, err error) {
	for _, pid := range family(s.cmd.Process.Pid) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return 0, err
		}
		// The name of the command, in brackets, may hold anything.
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		user, err1 := strconv.Atoi(fields[11])
		system, err2 := strconv.Atoi(fields[12])
		if err1 != nil || err2 != nil {
			return 0, fmt.Errorf("/proc stat of %s: %q", s.name, stat)
		}
		sum += time.Duration(user+system) * tick
	}
	return sum, nil
}

// rss is the memory that the server and its children have now, in octets; what they
// share counts for each.
func (s *server) rss() (sum int, err error) {
	for _, pid := range family(s.cmd.Process.Pid) {
		statm, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
		if err != nil {
			return 0, err
		}
		pages, err := strconv.Atoi(strings.Fields(string(statm))[1])
		if err != nil {
			return 0, err
		}
		sum += pages * os.Getpagesize()
	}
	return sum, nil
}

// family is a process and all below it.
func family(pid int) []int {
	pids := []int{pid}
	children, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, file := range children {
		list, _ := os.ReadFile(file)
		for _, f := range strings.Fields(string(list)) {
			if child, err := strconv.Atoi(f); err == nil {
				pids = append(pids, family(child)...)
			}
		}
	}
	return pids
}

// probe measures the latency in a process of its own, on the generator's core.
func probe(ctx context.Context, addr, questions string, rate int, d time.Duration) (l latency, err error) {
	self, err := os.Executable()
	if err != nil {
		return l, err
	}
	cmd := exec.CommandContext(ctx, "taskset", "-c", generatorCore, self, "-probe", addr, "-questions", questions, "-rate", strconv.Itoa(rate), "-time", d.String())
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return l, fmt.Errorf("probe %s: %w", addr, err)
	}
	return l, json.Unmarshal(out, &l)
}
