// Command flood asks a server that is held to a quarter of a core three times as much as
// it can answer, for a minute, and tells what became of those who asked beside that, of
// the server's memory and goroutines, and how soon all is as before.
//
//	go run ./bench/flood -rollcall bin/rollcall
package main

import (
	"context"
	"flag"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/rollcall-dns/rollcall/bench/internal/pinned"
)

// options are what a run is told.
type options struct {
	rollcall string
	share    float64 // of a core, for the server
	period   time.Duration
	times    float64 // the capacity
	time     time.Duration
	out      string
}

func main() {
	log.SetFlags(0)
	var o options
	flag.StringVar(&o.rollcall, "rollcall", "bin/rollcall", "the `program` to measure")
	flag.Float64Var(&o.share, "share", 0.25, "the `part` of a core that the server has")
	flag.DurationVar(&o.period, "period", 10*time.Millisecond, "in each of which it has that part, and waits for the rest of it")
	flag.Float64Var(&o.times, "times", 3, "how many times as much is asked as the server can answer")
	flag.DurationVar(&o.time, "time", time.Minute, "how long the flood lasts")
	flag.StringVar(&o.out, "out", "", "write raw results into this `file`")
	at := flag.String("at", "", "internal: flood the server at `ADDR`")
	rate := flag.Int("rate", 0, "internal: questions a second")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if *at != "" {
		ctx, cancel := context.WithTimeout(ctx, o.time)
		defer cancel()
		if err := pour(ctx, *at, *rate); err != nil {
			log.Fatal("flood: ", err)
		}
		return
	}
	if err := pinned.Self(pinned.Server); err != nil { // beside the server, which leaves most of its core
		log.Fatal("flood: ", err)
	}
	if err := run(ctx, o); err != nil {
		log.Fatal("flood: ", err)
	}
}
