package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rollcall-dns/rollcall/bench/internal/ask"
	"github.com/rollcall-dns/rollcall/bench/internal/pinned"
)

// A kind is one way to answer the questions. Command gives its command line, after
// writing what that reads into a folder of its own.
type kind struct {
	name    string
	command func(w *world, dir string, port int) ([]string, error)
	ready   func(ctx context.Context, s *server) error // after the first answer; may be nil

	services int // 0: as many as are asked for
	changes  int // of instances a second, while it is measured
}

// The sets of servers that are measured together.
const (
	authority = "authority" // answers of an own zone
	cached    = "cached"    // answers that another server gave
	scale     = "scale"     // rollcall with more to do than to answer
)

// upstreamPort is where the server listens that answers what the others cache.
const upstreamPort = 5390

// million is a third of a million, for services of three.
const million = 333_333

// kindsOf are those of a set, in the order of the table.
func kindsOf(o options) []kind {
	own := rollcall(o)
	variant := func(name string, services, changes int) kind {
		k := own
		k.name, k.services, k.changes = name, services, changes
		return k
	}
	switch o.set {
	case cached:
		return []kind{{name: "floor", command: floor}, own, {name: "unbound", command: unbound}, {name: "dnsmasq", command: dnsmasq}}
	case scale:
		return []kind{own, variant("changing", 0, 1000), variant("million", million, 0), variant("both", million, 1000),
			{name: "knotd", command: knotd}, {name: "knotd million", command: knotd, services: million}}
	}
	return []kind{{name: "floor", command: floor}, own, {name: "knotd", command: knotd}, {name: "nsd", command: nsd}, {name: "named", command: named}}
}

// server is a kind that runs.
type server struct {
	kind
	*pinned.Process
	world *world
	port  int
}

// startAll starts all servers; stop ends them, also after an error.
func startAll(ctx context.Context, w *world, o options) (servers []*server, stop func(), err error) {
	var up []*server
	stop = func() {
		for _, s := range up {
			s.Stop()
		}
	}
	one := func(k kind, port int, core string) error {
		s, err := start(ctx, w, k, port, core)
		if s != nil {
			up = append(up, s)
		}
		return err
	}
	if o.set == cached {
		if err := one(kind{name: "upstream", command: knotd}, upstreamPort, pinned.Generator); err != nil {
			return nil, stop, err
		}
	}
	first := len(up)
	for i, k := range kindsOf(o) {
		if !o.wants(k.name) {
			continue
		}
		if err := one(k, 5300+i, pinned.Server); err != nil {
			return nil, stop, err
		}
	}
	return up[first:], stop, nil
}

// wants reports whether a server takes part: the floor and rollcall always do.
func (o options) wants(name string) bool {
	if name == "floor" && (o.over == "tcp" || o.rounds == 0) {
		return false
	}
	return o.only == "" || slices.Contains(append(strings.Split(o.only, ","), "floor", "rollcall"), name)
}

// startTime is how long a server may take until it answers.
const startTime = 60 * time.Second

func start(ctx context.Context, w *world, k kind, port int, core string) (*server, error) {
	w, err := w.of(k.services)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(w.dir, k.name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	argv, err := k.command(w, dir, port)
	if err != nil {
		return nil, fmt.Errorf("prepare %s: %w", k.name, err)
	}
	s := &server{kind: k, world: w, port: port}
	if s.Process, err = pinned.Start(k.name, core, dir, argv, s.addr()); err != nil {
		return nil, err
	}
	starting, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	if err := s.await(starting); err != nil {
		return s, fmt.Errorf("%s does not answer: %w\n%s", k.name, err, s.Log())
	}
	if k.ready != nil {
		return s, k.ready(ctx, s)
	}
	return s, nil
}

// await waits for any reply.
func (s *server) await(ctx context.Context) error {
	for !s.answers() {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		time.Sleep(20 * time.Millisecond)
	}
	return nil
}

// answers reports whether there is a reply to a question.
func (s *server) answers() bool {
	c, err := net.Dial("udp", s.addr())
	if err != nil {
		return false
	}
	defer c.Close()
	_, _ = c.Write(ask.Question("s0.svc.internal", "A")) // refused while nobody listens
	_ = c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	n, err := c.Read(make([]byte, 512))
	return err == nil && n >= 12
}

func (s *server) addr() string { return fmt.Sprintf("127.0.0.1:%d", s.port) }

// http is where a server listens that has more to do than to answer.
func (s *server) http() string { return httpAddr(s.port) }

func httpAddr(dns int) string { return fmt.Sprintf("127.0.0.1:%d", dns+100) }
