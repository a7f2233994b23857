package main

import (
	"context"
	"log/slog"
	"net/netip"
)

type server struct{}

func newServer(cfg *Config, log *slog.Logger) (*server, error) { return &server{}, nil }
func (s *server) run(ctx context.Context) error {
	return runParts(ctx, slog.Default(), part{"x", func(ctx context.Context) error { <-ctx.Done(); return nil }})
}
func (s *server) dnsAddr() netip.AddrPort   { return netip.AddrPort{} }
func (s *server) httpAddr() netip.AddrPort  { return netip.AddrPort{} }
func (s *server) domain() string            { return "" }
func local(a netip.AddrPort) netip.AddrPort { return a }

var _ = inContainer
var _ = advertised
