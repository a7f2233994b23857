package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

func (r *results) table(out io.Writer) {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	defer t.Flush()
	line := func(what, format string, values ...any) {
		fmt.Fprintf(t, "| %s\t| %s\t|\n", what, fmt.Sprintf(format, values...))
	}
	line("what", "measured")
	line("---", "---")
	rate := func(of func(comparison) load) float64 {
		return r.median(func(c comparison) float64 { return of(c).Rate })
	}
	cpu := func(of func(comparison) load) float64 {
		return r.median(func(c comparison) float64 { return of(c).CPU })
	}
	empty, beat := func(c comparison) load { return c.Empty }, func(c comparison) load { return c.Beat }
	line("empty handler", "%.0f/s, %.2f µs each", rate(empty), cpu(empty))
	line(fmt.Sprintf("heartbeats, %d leases", r.Memory.Instances), "%.0f/s, %.2f µs each", rate(beat), cpu(beat))
	line("requests a second, of the empty handler's", "%.2f", r.median(func(c comparison) float64 { return c.Beat.Rate / c.Empty.Rate }))
	line("CPU for each, empty handler to heartbeat", "%.2f", r.median(func(c comparison) float64 { return c.Empty.CPU / c.Beat.CPU }))
	line("registrations in memory", "%.0f/s, %.2f µs each", r.Memory.Rate, r.Memory.CPU)
	line("registrations on disk", "%.0f/s, %.2f µs each", r.Disk.Rate, r.Disk.CPU)
	line(fmt.Sprintf("%d leases in batches", r.Batched.Leases), "%.0f/s, %.0f %% of a core, no answer after more than %.0f ms, %d unknown, %.0f MB",
		r.Batched.Rate, 100*r.Batched.Core, r.Batched.Worst, r.Batched.Ended, float64(r.Batched.RSS)/1e6)
	for _, s := range r.Starts {
		line("start with all these after kill -9", "ready after %v, %.0f MB, at most %.0f", s.Ready.Round(10*time.Millisecond), float64(s.RSS)/1e6, float64(s.Peak)/1e6)
	}
}

// median is that of one figure over all rounds.
func (r *results) median(of func(comparison) float64) float64 {
	var all []float64
	for _, c := range r.Single {
		all = append(all, of(c))
	}
	slices.Sort(all)
	if len(all) == 0 {
		return 0
	}
	return all[len(all)/2]
}
