// Command heartbeats measures what services that register themselves cost: heartbeats
// one by one, beside a handler of net/http that does nothing; heartbeats in batches of
// 1,000; registrations, with and without a data directory; and a start from that
// directory. The server has one core, and all else another.
//
//	go run ./bench/heartbeats -rollcall bin/rollcall
package main

import (
	"context"
	"flag"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/rollcall-dns/rollcall/bench/internal/fleet"
	"github.com/rollcall-dns/rollcall/bench/internal/pinned"
	"github.com/rollcall-dns/rollcall/bench/internal/raw"
)

// options are what a run is told.
type options struct {
	rollcall string
	single   int // leases that send heartbeats one by one
	batched  int // leases that send them in batches
	rounds   int
	time     time.Duration // of each measurement
	out      string        // where raw results go; "": nowhere
}

func main() {
	log.SetFlags(0)
	var o options
	flag.StringVar(&o.rollcall, "rollcall", "bin/rollcall", "the `program` to measure")
	flag.IntVar(&o.single, "single", 100_000, "how many `leases` send heartbeats one by one")
	flag.IntVar(&o.batched, "batched", 1_000_000, "how many `leases` send heartbeats in batches")
	flag.IntVar(&o.rounds, "rounds", 5, "how often each is measured")
	flag.DurationVar(&o.time, "time", 4*time.Second, "how long each measurement takes; of batches, five times as long")
	flag.StringVar(&o.out, "out", "", "write raw results into this `file`")
	empty := flag.String("empty", "", "internal: serve with a handler that does nothing, at `ADDR`")
	flag.Parse()
	if *empty != "" {
		log.Fatal(http.ListenAndServe(*empty, http.HandlerFunc(doNothing)))
	}
	if err := pinned.Self(pinned.Generator); err != nil {
		log.Fatal("heartbeats: ", err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		log.Fatal("heartbeats: ", err)
	}
}

func doNothing(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }

// results are all that was measured.
type results struct {
	Single  []comparison  `json:"single"` // by round
	Memory  registrations `json:"registrations"`
	Disk    registrations `json:"registrations_data_dir"`
	Batched batches       `json:"batched"`
	Starts  []start       `json:"starts"`
}

func run(ctx context.Context, o options) error {
	dir, err := os.MkdirTemp("", "heartbeats")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var r results
	few := &fleet.Fleet{Services: (o.single + 2) / 3, Members: 3, Lease: "10m"}
	if err := r.singly(ctx, o, dir, few); err != nil {
		return err
	}
	many := &fleet.Fleet{Services: (o.batched + 2) / 3, Members: 3, Lease: "30s"}
	if err := r.together(ctx, o, dir, many); err != nil {
		return err
	}
	r.table(os.Stdout)
	return raw.Write(o.out, r)
}
