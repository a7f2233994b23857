package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/rollcall-dns/rollcall/bench/internal/raw"
)

// results are all rounds of all servers.
type results struct {
	Set      string    `json:"set"`
	Services int       `json:"services"`
	Members  int       `json:"members"`
	Servers  []*result `json:"servers"`
}

type result struct {
	Name   string        `json:"name"`
	RSS    int           `json:"rss"`      // at the end
	Peak   int           `json:"peak_rss"` // until then
	Rounds []measurement `json:"rounds"`
}

func newResults(o options, servers []*server) *results {
	r := &results{Set: o.set, Services: o.services, Members: o.members}
	for _, s := range servers {
		r.Servers = append(r.Servers, &result{Name: s.name})
	}
	return r
}

func (r *results) of(name string) *result {
	i := slices.IndexFunc(r.Servers, func(s *result) bool { return s.Name == name })
	if i < 0 {
		return nil
	}
	return r.Servers[i]
}

func (r *results) add(s *server, m measurement) {
	of := r.of(s.name)
	of.Rounds = append(of.Rounds, m)
}

func (r *results) memory(s *server) (err error) {
	of := r.of(s.name)
	of.RSS, of.Peak, err = s.Memory()
	return err
}

// firstRate is that of the latency in the first measurement, when nothing is known.
const firstRate = 10_000

// rate is that at which latency is measured: half of what the slowest of those that
// were measured has done, so that it is the same load for all.
func (r *results) rate() int {
	slowest := 2.0 * 4 * firstRate
	for _, s := range r.Servers {
		if len(s.Rounds) < 1 {
			return firstRate
		}
		slowest = min(slowest, s.median(rate))
	}
	return int(slowest / 2)
}

// median is that of one figure over all rounds.
func (s *result) median(of func(measurement) float64) float64 {
	var all []float64
	for _, m := range s.Rounds {
		all = append(all, of(m))
	}
	slices.Sort(all)
	if len(all) == 0 {
		return 0
	}
	return all[len(all)/2]
}

// The figures that are compared.
func cpu(m measurement) float64    { return m.UDP.CPU }
func rate(m measurement) float64   { return m.UDP.Rate }
func tcpCPU(m measurement) float64 { return m.TCP.CPU }
func p50(m measurement) float64    { return float64(m.P50) }
func p99(m measurement) float64    { return float64(m.P99) }

// against is the median, over rounds, of a figure of one server to that of another in the
// same round; 0 where there is none.
func (s *result) against(o *result, of func(measurement) float64) float64 {
	if o == nil {
		return 0
	}
	var all []float64
	for i := range min(len(s.Rounds), len(o.Rounds)) {
		if other := of(o.Rounds[i]); other != 0 {
			all = append(all, of(s.Rounds[i])/other)
		}
	}
	slices.Sort(all)
	if len(all) == 0 {
		return 0
	}
	return all[len(all)/2]
}

func (r *results) table(out io.Writer) {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "| server\t| CPU for each answer, µs\t| to the floor\t| answers a second\t| p50\t| p99\t| over TCP, µs\t| memory, MB\t| most, MB\t|")
	fmt.Fprintln(t, "|---\t|---\t|---\t|---\t|---\t|---\t|---\t|---\t|---\t|")
	for _, s := range r.Servers {
		us := func(of func(measurement) float64) time.Duration {
			return time.Duration(s.median(of)).Round(time.Microsecond)
		}
		fmt.Fprintf(t, "| %s\t| %.2f\t| %.2f\t| %.0f\t| %v\t| %v\t| %.2f\t| %.0f\t| %.0f\t|\n", s.Name,
			s.median(cpu), s.against(r.of("floor"), cpu), s.median(rate), us(p50), us(p99), s.median(tcpCPU), float64(s.RSS)/1e6, float64(s.Peak)/1e6)
	}
	t.Flush()
	fmt.Fprintln(out)
	r.ratios(out)
	r.changes(out)
}

// ratios compares rollcall with each of the others, round by round.
func (r *results) ratios(out io.Writer) {
	own := r.of("rollcall")
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	defer t.Flush()
	fmt.Fprintln(t, "| rollcall to\t| CPU for each answer\t| answers a second\t| p99\t| CPU over TCP\t| memory\t| most to memory\t|")
	fmt.Fprintln(t, "|---\t|---\t|---\t|---\t|---\t|---\t|---\t|")
	for _, s := range r.Servers {
		if s != own {
			fmt.Fprintf(t, "| %s\t| %.2f\t| %.2f\t| %.2f\t| %.2f\t| %.2f\t| %.2f\t|\n", s.Name, own.against(s, cpu), own.against(s, rate),
				own.against(s, p99), own.against(s, tcpCPU), float64(own.RSS)/float64(max(1, s.RSS)), float64(own.Peak)/float64(max(1, s.RSS)))
		}
	}
}

// changes tells what was changed meanwhile, and what that took by itself.
func (r *results) changes(out io.Writer) {
	for _, s := range r.Servers {
		if len(s.Rounds) > 0 && s.Rounds[0].Changes != nil {
			fmt.Fprintf(out, "%s: %.0f changes a second, %.0f µs each, not counted above\n", s.Name,
				s.median(func(m measurement) float64 { return m.Changes.Rate }), s.median(func(m measurement) float64 { return m.Changes.CPU }))
		}
	}
}

// save writes the raw results and a chart of them.
func (r *results) save(path string) error {
	if path == "" {
		return nil
	}
	if err := raw.Write(path+".json", r); err != nil {
		return err
	}
	if len(r.Servers) == 0 || len(r.Servers[0].Rounds) == 0 {
		return nil // there is nothing to draw
	}
	return os.WriteFile(path+".svg", r.chart(), 0o644)
}
