// Command propagation measures how long the shipped program takes from an event
// of the Docker engine to the DNS answer that tells of it. The clock starts at
// the engine's own time of the event, and stops when the first answer with the
// right port and address has come, or the first without the container.
//
//	go run ./bench/propagation -rollcall bin/rollcall -n 200
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	log.SetFlags(0)
	program := flag.String("rollcall", "bin/rollcall", "the program to measure")
	n := flag.Int("n", 200, "how many containers to measure each kind of event on")
	flag.Parse()
	if err := run(*program, *n); err != nil {
		log.Fatal("propagation: ", err)
	}
}

func run(program string, n int) error {
	e := newEngine()
	defer e.clean()
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	go func() { <-interrupted; e.clean(); os.Exit(1) }()

	if err := e.makeImage(); err != nil {
		return err
	}
	if err := e.follow(func(err error) { log.Print(err) }); err != nil {
		return err
	}
	s, err := startServer(program, e.socket)
	if err != nil {
		return err
	}
	defer s.stop()

	b := &bench{engine: e, asker: s.asker}
	fmt.Printf("%d containers; milliseconds from the engine's event to the answer (the aim is p99 ≤ 20):\n", n)
	if err := b.plain(n); err != nil {
		return err
	}
	if err := b.checked(n); err != nil {
		return err
	}
	b.print(os.Stdout)
	return nil
}
