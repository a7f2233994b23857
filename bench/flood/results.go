package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/rollcall-dns/rollcall/bench/internal/ask"
	"github.com/rollcall-dns/rollcall/bench/internal/pinned"
)

// results are what a run has found. Times are since its beginning.
type results struct {
	Share    float64       `json:"share"` // of a core
	Period   time.Duration `json:"period_ns"`
	Capacity float64       `json:"capacity"` // answers a second
	Sent     int           `json:"sent"`     // of the flood
	Began    time.Duration `json:"flood_began_ns"`
	Ended    time.Duration `json:"flood_ended_ns"`
	Phases   []phase       `json:"phases"`
	Recovery time.Duration `json:"recovery_ns"` // from the end of the flood until all are answered soon
	Samples  []sample      `json:"samples"`

	answers []ask.Answer
	lost    []time.Duration
}

// phase is what those saw who asked quietly: before, during, and after the flood.
type phase struct {
	Asked    int             `json:"asked"`
	Answered int             `json:"answered"`
	Took     []time.Duration `json:"p50_p99_most_ns"`
}

// sample is the server at one time.
type sample struct {
	At         time.Duration `json:"at_ns"`
	RSS        int           `json:"rss"`
	Goroutines int           `json:"goroutines"`
}

// watch looks at the server each second.
func (r *results) watch(ctx context.Context, s *pinned.Process) error {
	began := time.Now()
	for tick := time.NewTicker(time.Second); ; {
		now, _, err := s.Memory()
		if err != nil {
			return err
		}
		n, err := metric(ctx, "go_goroutines")
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		r.Samples = append(r.Samples, sample{time.Since(began), now, int(n)})
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// metric reads a metric of the server.
func metric(ctx context.Context, name string) (float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+httpAddr+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return strconv.ParseFloat(strings.TrimSpace(value), 64)
		}
	}
	return 0, fmt.Errorf("no %s in %q", name, text)
}

// soon is what an answer takes at most when all is well.
const soon = 50 * time.Millisecond

func (r *results) sum() {
	const forever = 1 << 62
	for _, p := range [][2]time.Duration{{0, r.Began}, {r.Began, r.Ended}, {r.Ended, forever}} {
		within := func(at time.Duration) bool { return at >= p[0] && at < p[1] }
		var answers []ask.Answer
		for _, a := range r.answers {
			if within(a.At) {
				answers = append(answers, a)
			}
			if a.At > r.Ended && a.Took > soon {
				r.Recovery = max(r.Recovery, a.At-r.Ended)
			}
		}
		lost := 0
		for _, at := range r.lost {
			if within(at) {
				lost++
			}
			if at > r.Ended {
				r.Recovery = max(r.Recovery, at-r.Ended)
			}
		}
		r.Phases = append(r.Phases, phase{Asked: len(answers) + lost, Answered: len(answers), Took: ask.Percentiles(answers, .5, .99, 1)})
	}
}

func (r *results) print(out io.Writer) {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "| \t| answered\t| p50\t| p99\t| most\t|")
	fmt.Fprintln(t, "|---\t|---\t|---\t|---\t|---\t|")
	for i, name := range []string{"before", "during the flood", "after"} {
		p := r.Phases[i]
		fmt.Fprintf(t, "| %s\t| %d of %d\t| %v\t| %v\t| %v\t|\n", name, p.Answered, p.Asked,
			p.Took[0].Round(10*time.Microsecond), p.Took[1].Round(10*time.Microsecond), p.Took[2].Round(10*time.Microsecond))
	}
	t.Flush()
	fmt.Fprintf(out, "%.0f questions a second, capacity %.0f; all is well %v after the end\n",
		float64(r.Sent)/(r.Ended-r.Began).Seconds(), r.Capacity, r.Recovery.Round(time.Millisecond))
	if len(r.Samples) == 0 {
		return
	}
	first, last, most := r.Samples[0], r.Samples[len(r.Samples)-1], sample{}
	for _, s := range r.Samples {
		most.RSS, most.Goroutines = max(most.RSS, s.RSS), max(most.Goroutines, s.Goroutines)
	}
	fmt.Fprintf(out, "memory: %.1f MB before, at most %.1f, %.1f after; goroutines: %d, %d, %d\n",
		float64(first.RSS)/1e6, float64(most.RSS)/1e6, float64(last.RSS)/1e6, first.Goroutines, most.Goroutines, last.Goroutines)
}
