package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/rollcall-dns/rollcall/bench/internal/pinned"
	"github.com/rollcall-dns/rollcall/bench/internal/web"
)

// server is a program that answers HTTP.
type server struct {
	*pinned.Process
	addr string
}

// startTime is how long a server may take until it is ready.
const startTime = 2 * time.Minute

// serve starts the program that is measured; with a folder of its own, not empty, it
// goes on from there.
func (o options) serve(ctx context.Context, dir, name string, flags ...string) (*server, error) {
	s := &server{addr: "127.0.0.1:5481"}
	argv := append([]string{"env", "GOMAXPROCS=1", o.rollcall, "serve", "--docker", "off", "--upstream", "off", "--log-level", "warn",
		"--max-instances", "2000000", "--dns", "127.0.0.1:5480", "--http", s.addr}, flags...)
	return s, s.start(ctx, dir, name, argv, "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

// empty starts a server whose handler does nothing.
func empty(ctx context.Context, dir string) (*server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s := &server{addr: "127.0.0.1:5482"}
	return s, s.start(ctx, dir, "empty", []string{"env", "GOMAXPROCS=1", self, "-empty", s.addr}, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

// start waits until the request is answered with success.
func (s *server) start(ctx context.Context, dir, name string, argv []string, request string) (err error) {
	dir = filepath.Join(dir, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if s.Process, err = pinned.Start(name, pinned.Server, dir, argv); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	for ctx.Err() == nil {
		if c, err := web.Dial(s.addr); err == nil {
			status, _, err := c.Do([]byte(request))
			c.Close()
			if err == nil && status < 300 {
				return nil
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	s.Stop()
	return fmt.Errorf("%s is not ready: %w\n%s", name, ctx.Err(), s.Log())
}

// used is what a server has taken of processors while do ran, and how long that was.
func (s *server) used(do func() error) (cpu, took time.Duration, err error) {
	before, err := s.CPU()
	if err != nil {
		return 0, 0, err
	}
	began := time.Now()
	if err := do(); err != nil {
		return 0, 0, err
	}
	took = time.Since(began)
	after, err := s.CPU()
	return after - before, took, err
}
