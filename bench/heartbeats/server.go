package main

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/rollcall-dns/rollcall/bench/internal/launch"
	"github.com/rollcall-dns/rollcall/bench/internal/pinned"
)

// measured is a program that answers HTTP.
type measured struct {
	*pinned.Process
	addr string
}

// serve starts rollcall in a folder of this name, as launch.Rollcall does.
func (o options) serve(ctx context.Context, dir, name string, flags ...string) (*measured, error) {
	const dns, http = "127.0.0.1:5480", "127.0.0.1:5481"
	p, err := launch.Rollcall(ctx, o.rollcall, filepath.Join(dir, name), dns, http, append(flags, "--max-instances", "2000000")...)
	return &measured{p, http}, err
}

// empty starts a server whose handler does nothing.
func empty(ctx context.Context, dir string) (*measured, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	const http = "127.0.0.1:5482"
	p, err := launch.Start(ctx, "empty", filepath.Join(dir, "empty"), []string{"env", "GOMAXPROCS=1", self, "-empty", http}, "/", http)
	return &measured{p, http}, err
}

// used is what a server has taken of processors while do ran, and how long that was.
func (s *measured) used(do func() error) (cpu, took time.Duration, err error) {
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
