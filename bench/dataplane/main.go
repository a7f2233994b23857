// Command dataplane measures DNS servers side by side: each on the same data, with the
// same questions, pinned to one core while the generator has another, one after the
// other in rounds. What counts is the CPU time of the server for each answer, as the
// kernel accounts it: it depends least on what else the machine does.
//
//	go run ./bench/dataplane -rollcall bin/rollcall
//	go run ./bench/dataplane -rollcall bin/rollcall -set cached -over udp
//	go run ./bench/dataplane -rollcall bin/rollcall -set scale -over udp
//	go run ./bench/dataplane -rollcall bin/rollcall -rounds 0 -services 66667 -rest 3m
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/rollcall-dns/rollcall/bench/internal/fleet"
	"github.com/rollcall-dns/rollcall/bench/internal/pinned"
)

// options are what a run is told.
type options struct {
	rollcall string
	set      string
	over     string // udp, tcp or both
	services int
	members  int
	rounds   int
	rest     time.Duration // before memory is read
	time     time.Duration // of each measurement
	only     string        // other servers, with commas; "" is all
	out      string        // where raw results and the chart go; "": nowhere
}

func main() {
	log.SetFlags(0)
	var o options
	flag.StringVar(&o.rollcall, "rollcall", "bin/rollcall", "the `program` to measure")
	flag.StringVar(&o.set, "set", "authority", "authority: answers of an own zone; cached: answers that another server gave; scale: rollcall with changes and with a million instances")
	flag.StringVar(&o.over, "over", "both", "udp, tcp with many questions under way on each connection, or both")
	flag.IntVar(&o.services, "services", 1000, "how many services there are")
	flag.IntVar(&o.members, "members", 3, "how many instances each has")
	flag.IntVar(&o.rounds, "rounds", 5, "how often each server is measured; 0: only its memory")
	flag.DurationVar(&o.rest, "rest", 0, "how long servers rest before their memory is read")
	flag.DurationVar(&o.time, "time", 4*time.Second, "how long each measurement takes")
	flag.StringVar(&o.only, "only", "", "measure these other `servers` alone: a list with commas")
	flag.StringVar(&o.out, "out", "", "write results as FILE.json and FILE.svg")
	probe := flag.String("probe", "", "internal: measure the latency of the server at `ADDR`")
	questions := flag.String("questions", "", "internal: what to ask")
	rate := flag.Int("rate", 0, "internal: questions a second")
	flag.Parse()
	if *probe != "" {
		if err := probeMain(*probe, *questions, *rate, o.time); err != nil {
			log.Fatal("probe: ", err)
		}
		return
	}
	if err := pinned.Self(pinned.Generator); err != nil {
		log.Fatal("dataplane: ", err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		log.Fatal("dataplane: ", err)
	}
}

func run(ctx context.Context, o options) error {
	dir, err := os.MkdirTemp("", "dataplane")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	w := world{Fleet: fleet.Fleet{Services: o.services, Members: o.members, Lease: "1h"}, dir: dir, set: o.set, over: o.over}
	if err := w.write(); err != nil {
		return err
	}
	servers, stop, err := startAll(ctx, &w, o)
	defer stop()
	if err != nil {
		return err
	}
	results := newResults(o, servers)
	for round := range o.rounds {
		for _, s := range servers {
			m, err := s.measure(ctx, o.time, results.rate())
			if err != nil {
				return fmt.Errorf("measure %s: %w", s.name, err)
			}
			results.add(s, m)
			log.Printf("round %d of %d: %-13s %6.2f µs/answer, %7.0f/s, p50 %v p99 %v, TCP %6.2f µs/answer", round+1, o.rounds, s.name, m.UDP.CPU, m.UDP.Rate, m.P50, m.P99, m.TCP.CPU)
		}
	}
	select {
	case <-time.After(o.rest):
	case <-ctx.Done():
	}
	for _, s := range servers {
		if err := results.memory(s); err != nil {
			return err
		}
	}
	results.table(os.Stdout)
	return results.save(o.out)
}
