package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rollcall-dns/rollcall/admin"
	"github.com/rollcall-dns/rollcall/dnsserver"
	"github.com/rollcall-dns/rollcall/sockets"
	"github.com/rollcall-dns/rollcall/sources"
	"github.com/rollcall-dns/rollcall/sources/selfreg"
	"github.com/rollcall-dns/rollcall/zone"
)

// server is the program that serve runs: all its parts, wired together, with
// their sockets open.
type server struct {
	cfg       *Config
	log       *slog.Logger
	zone      *zone.Zone
	sources   *sources.Supervisor
	selfreg   *selfreg.Source
	dns       *dnsserver.Server
	http      *httpServer
	advertise []netip.Addr // addresses of this host
	above     supervisor
	stopping  atomic.Bool
}

// newServer wires a server and opens its sockets, but for those that it inherits.
// Nothing runs yet.
func newServer(cfg *Config, inherited *sockets.Set, log *slog.Logger) (*server, error) {
	s := &server{cfg: cfg, log: log}
	if err := s.wire(inherited); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *server) wire(inherited *sockets.Set) (err error) {
	cfg, now := s.cfg, monotonic()
	s.zone, err = zone.New(zone.Options{
		Domains:      cfg.Domains,
		Elsewhere:    cfg.Elsewhere,
		TTL:          cfg.TTL,
		AnswerLimit:  cfg.AnswerLimit,
		MaxInstances: cfg.MaxInstances,
		Serial:       uint32(time.Now().Unix()), // grows over restarts, RFC 1982
	})
	if err != nil {
		return fmt.Errorf("--domain: %w", err)
	}
	entries, err := s.wireSources(now)
	if err != nil {
		return err
	}
	s.sources = sources.NewSupervisor(sources.Options{Zone: s.zone, Sources: entries, Logger: s.log})

	answer := dnsserver.Authority(s.zone, s.sources.Ready, now, dnsserver.SpecialNames(cfg.Domains, cfg.Elsewhere, nil))
	s.dns, err = dnsserver.Listen(dnsserver.Options{
		Addrs: cfg.DNS, Inherited: inherited, Handler: answer, Log: s.log,
		NSID: cfg.NSID, ResponseRate: cfg.ResponseRate, MaxConns: cfg.TCPConns, MaxConnsPerIP: cfg.TCPConnsEach,
	})
	if err != nil {
		return fmt.Errorf("--dns: %w", err)
	}
	register := s.selfreg.Handler(selfreg.Health{Waiting: s.waiting, Status: s.sources.Status})
	handler := admin.Handler(admin.Options{Zone: s.zone, Clock: now, NameServer: s.nameServer(), Waiting: s.waiting}, register)
	if s.http, err = listenHTTP(cfg.HTTP, inherited, handler, maxConns, s.log); err != nil {
		return fmt.Errorf("--http: %w", err)
	}
	return nil
}

// wireSources makes all sources; now is the clock of leases and of lookups.
func (s *server) wireSources(now func() int64) (entries []sources.Entry, err error) {
	cfg, engine := s.cfg, findEngine(s.cfg.Docker)
	hidden := hostHidden(engine)
	if err := checkAdvertise(cfg.Advertise, engine, hidden); err != nil {
		return nil, &exitError{exitUsage, err}
	}
	s.advertise = advertised(cfg.Advertise, hidden, s.log)
	s.selfreg, err = selfreg.New(selfreg.Options{
		Zone: s.zone, Now: now, Advertise: s.advertise, DataDir: cfg.DataDir, Logger: s.log,
	})
	if err != nil {
		return nil, fmt.Errorf("--data-dir %q: %w", cfg.DataDir, err)
	}
	entries = append(entries, sources.Entry{Source: s.selfreg})
	if engine != nil {
		entries = append(entries, engine.entry(s.advertise, s.log))
	}
	return entries, nil
}

// close releases what newServer opened, when the server will not run.
func (s *server) close() {
	if s.selfreg != nil {
		s.selfreg.Close()
	}
	if s.dns != nil {
		s.dns.Close()
	}
	if s.http != nil {
		s.http.close()
	}
}

// monotonic gives the clock of leases and of lookups: nanoseconds since the
// server was made.
func monotonic() func() int64 {
	began := time.Now()
	return func() int64 { return int64(time.Since(began)) }
}

// run runs the server until ctx is done. It stops in this order: readiness, HTTP,
// sources, DNS; so whatever was accepted is finished, and the last answers are
// those of a zone that knows all it ever knew.
func (s *server) run(ctx context.Context) error {
	for _, a := range s.dns.Addrs() {
		s.log.Info("answering DNS", "address", a)
	}
	s.log.Info("serving HTTP", "address", s.httpAddr())
	defer context.AfterFunc(ctx, func() { s.stopping.Store(true) })()
	return runParts(ctx, s.log,
		part{"HTTP", s.http.run},
		part{"sources", s.runSources},
		part{"DNS", s.dns.Serve},
	)
}

// runSources keeps the sources running, and then closes what they persist.
func (s *server) runSources(ctx context.Context) error {
	var told sync.WaitGroup
	began := time.Now()
	told.Go(func() { s.tellReady(ctx, began) })
	told.Go(func() { s.above.follow(ctx, s.sources.WhenReady(), s.log) })
	defer told.Wait()
	return errors.Join(s.sources.Run(ctx), s.selfreg.Close())
}

// waiting says what readiness waits for. A server that is told to stop is not
// ready any more.
func (s *server) waiting() []string {
	if s.stopping.Load() {
		return []string{"the end: the server stops"}
	}
	return s.sources.Waiting()
}

// tellReady logs once when the zone can be answered from.
func (s *server) tellReady(ctx context.Context, began time.Time) {
	select {
	case <-s.sources.WhenReady():
		s.log.Info("ready", "after", time.Since(began).Round(time.Millisecond), "instances", s.zone.Snapshot().Len())
	case <-ctx.Done():
	}
}

// nameServer gives the addresses at which DNS is answered: for a wildcard those of
// this host.
func (s *server) nameServer() (addrs []netip.Addr) {
	for _, a := range s.dns.Addrs() {
		if ip := a.Addr().Unmap(); !ip.IsUnspecified() {
			addrs = append(addrs, ip)
		} else {
			addrs = append(addrs, s.advertise...)
		}
	}
	return addrs
}

func (s *server) dnsAddr() netip.AddrPort { return s.dns.Addrs()[0] }

func (s *server) httpAddr() netip.AddrPort {
	a := netip.MustParseAddrPort(s.http.listener.Addr().String())
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// local is where this machine reaches a server that listens on addr.
func local(addr netip.AddrPort) netip.AddrPort {
	switch {
	case !addr.Addr().IsUnspecified():
		return addr
	case addr.Addr().Is4():
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), addr.Port())
	}
	return netip.AddrPortFrom(netip.IPv6Loopback(), addr.Port())
}
