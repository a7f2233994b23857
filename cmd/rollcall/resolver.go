package main

import (
	"context"
	"net/netip"
	"time"

	"github.com/rollcall-dns/rollcall/dnsserver"
	"github.com/rollcall-dns/rollcall/dnsserver/cache"
	"github.com/rollcall-dns/rollcall/dnsserver/forward"
	"github.com/rollcall-dns/rollcall/dnsserver/upstream"
)

// resolver answers for the names of others. Nil: such names are refused.
type resolver struct {
	client  *upstream.Client
	forward *forward.Forwarder
	outside dnsserver.Handler // what others say, as far as it is believed
	cache   *cache.Cache      // nil: nothing is remembered
	askers  *dnsserver.Askers
}

// newResolver wires what stands behind the zone.
func (s *server) newResolver() *resolver {
	cfg := s.cfg
	if len(cfg.Upstreams) == 0 && len(cfg.ResolvConf) == 0 && len(cfg.Routes) == 0 {
		return nil
	}
	client := upstream.New(upstream.Options{Timeout: forward.Patience})
	r := &resolver{
		client: client,
		forward: forward.New(forward.Options{
			Client: client, Upstreams: cfg.Upstreams, Files: cfg.ResolvConf, Routes: cfg.Routes,
			NoRebinding: cfg.NoRebinding, Log: s.log,
		}),
		askers: &dnsserver.Askers{Local: cfg.RecurseLocal, Networks: s.zone, Prefixes: cfg.Recurse},
	}
	r.outside = dnsserver.CutAliases(s.zone, r.forward)
	if cfg.CacheSize > 0 {
		o := cache.Options{Bytes: cfg.CacheSize, Growth: growth()}
		if cfg.ServeStale {
			o.Stale = keepStale
		}
		r.cache = cache.New(r.outside, o)
	}
	return r
}

// keepStale is for how long answers are kept that have ended (RFC 8767 §5).
const keepStale = 24 * time.Hour

// handler is the chain for the names that are not ours.
func (r *resolver) handler() dnsserver.Handler {
	if r == nil {
		return nil
	}
	if r.cache == nil {
		return dnsserver.Recursion(r.outside)
	}
	return dnsserver.Recursion(r.cache)
}

// remembers gives the cache, or nil.
func (r *resolver) remembers() *cache.Cache {
	if r == nil {
		return nil
	}
	return r.cache
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
	if r == nil {
		return
	}
	if r.cache != nil {
		r.cache.Close()
	}
	r.client.Close()
}
