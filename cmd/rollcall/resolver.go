package main

import (
	"context"
	"net/netip"

	"github.com/rollcall-dns/rollcall/dnsserver"
	"github.com/rollcall-dns/rollcall/dnsserver/forward"
	"github.com/rollcall-dns/rollcall/dnsserver/upstream"
)

// resolver answers for the names of others. Nil: such names are refused.
type resolver struct {
	client  *upstream.Client
	forward *forward.Forwarder
	askers  *dnsserver.Askers
}

// newResolver wires what stands behind the zone.
func (s *server) newResolver() *resolver {
	cfg := s.cfg
	if len(cfg.Upstreams) == 0 && len(cfg.ResolvConf) == 0 && len(cfg.Routes) == 0 {
		return nil
	}
	client := upstream.New(upstream.Options{Timeout: forward.Patience})
	return &resolver{
		client: client,
		forward: forward.New(forward.Options{
			Client: client, Upstreams: cfg.Upstreams, Files: cfg.ResolvConf, Routes: cfg.Routes, Log: s.log,
		}),
		askers: &dnsserver.Askers{Local: cfg.RecurseLocal, Networks: s.zone, Prefixes: cfg.Recurse},
	}
}

// handler is the chain for the names that are not ours.
func (r *resolver) handler() dnsserver.Handler {
	if r == nil {
		return nil
	}
	return dnsserver.Recursion(r.forward)
}

func (r *resolver) recursion() *dnsserver.Askers {
	if r == nil {
		return nil
	}
	return r.askers
}

// load finds out whom to ask. Listening is where the server itself can be asked.
func (r *resolver) load(listening []netip.AddrPort) {
	if r != nil {
		r.forward.Load(listening)
	}
}

// run asks until ctx is done.
func (r *resolver) run(ctx context.Context) error {
	if r == nil {
		<-ctx.Done()
		return nil
	}
	defer r.close()
	return r.forward.Run(ctx)
}

func (r *resolver) close() {
	if r != nil {
		r.client.Close()
	}
}
