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
	"github.com/rollcall-dns/rollcall/certs"
	"github.com/rollcall-dns/rollcall/dnsserver"
	"github.com/rollcall-dns/rollcall/handover"
	"github.com/rollcall-dns/rollcall/sources"
	"github.com/rollcall-dns/rollcall/sources/health"
	"github.com/rollcall-dns/rollcall/sources/lease"
	"github.com/rollcall-dns/rollcall/sources/selfreg"
	"github.com/rollcall-dns/rollcall/sources/static"
	"github.com/rollcall-dns/rollcall/zone"
)

// server is the program that serve runs: all its parts, wired together, with
// their sockets open.
type server struct {
	cfg       *Config
	log       *slog.Logger
	zone      *zone.Zone
	sources   *sources.Supervisor
	checks    *health.Gate // between the sources and the zone
	selfreg   *selfreg.Source
	static    *static.Source // nil: there is no file
	resolver  *resolver      // nil: names of others are refused
	dns       *dnsserver.Server
	cert      *certs.Pair // of the encrypted transports; nil: there are none
	http      *httpServer
	advertise []netip.Addr // addresses of this host
	clock     *lease.Clock
	from      *heritage
	above     supervisor
	offer     *handover.Offer // nil: nobody can take over
	stopping  atomic.Bool
}

// newServer wires a server and opens its sockets, but for those that it inherits.
// What only one process may have it takes last. Nothing runs yet.
func newServer(ctx context.Context, cfg *Config, from *heritage, log *slog.Logger) (*server, error) {
	s := &server{cfg: cfg, log: log, from: from}
	if err := s.wire(ctx); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *server) wire(ctx context.Context) (err error) {
	s.clock = lease.NewClock()
	cfg, now := s.cfg, s.clock.Now
	engine := findEngine(cfg.Docker)
	hidden := hostHidden(engine)
	if err := checkAdvertise(cfg.Advertise, engine, hidden); err != nil {
		return &exitError{exitUsage, err}
	}
	s.advertise = advertised(cfg.Advertise, hidden, s.log)
	if cfg.Static != "" {
		if s.static, err = static.New(static.Options{Path: cfg.Static, Logger: s.log}); err != nil {
			return &exitError{exitUsage, fmt.Errorf("--static: %w", err)}
		}
	}
	if cfg.TLSCert != "" {
		if s.cert, err = certs.Load(certs.Options{Cert: cfg.TLSCert, Key: cfg.TLSKey, Logger: s.log}); err != nil {
			return &exitError{exitUsage, fmt.Errorf("--tls-cert and --tls-key: %w", err)}
		}
	}
	s.zone, err = zone.New(zone.Options{
		Domains:      cfg.Domains,
		Elsewhere:    cfg.elsewhere(),
		TTL:          cfg.TTL,
		AnswerLimit:  cfg.AnswerLimit,
		MaxInstances: cfg.MaxInstances,
		Serial:       uint32(time.Now().Unix()), // grows over restarts, RFC 1982
	})
	if err != nil {
		return fmt.Errorf("--domain: %w", err)
	}
	s.checks = health.New(health.Options{Sink: sources.Into(s.zone), Logger: s.log})
	if err := s.listen(now); err != nil {
		return err
	}
	// What can fail is tried before the old server lets go.
	if cfg.DataDir != "" {
		if err := lease.CheckDir(cfg.DataDir); err != nil {
			return fmt.Errorf("--data-dir %q: %w", cfg.DataDir, err)
		}
	}
	others := s.others(engine)
	follow := []string{selfreg.Name}
	for _, e := range others {
		follow = append(follow, e.Source.Name())
	}
	if err := s.takeOver(ctx, follow); err != nil {
		return err
	}
	return s.wireSources(others, now)
}

// others are the sources beside self-registration.
func (s *server) others(engine *engine) (entries []sources.Entry) {
	if s.static != nil {
		entries = append(entries, sources.Entry{Source: s.static, Retry: static.Retry})
	}
	if engine != nil {
		entries = append(entries, engine.entry(s.advertise, s.log))
	}
	return entries
}

// listen opens all sockets; now is the clock of leases and of lookups.
func (s *server) listen(now func() int64) (err error) {
	cfg := s.cfg
	ready := func() bool { return s.sources.Ready() }
	s.resolver = s.newResolver()
	var others dnsserver.Handler = dnsserver.SpecialNames(cfg.Domains, cfg.elsewhere(), s.resolver.handler())
	if s.cert != nil {
		at := func(over dnsserver.Transport) []netip.AddrPort { return s.dns.AddrsOf(over) }
		others = dnsserver.Designated("\x02ns\x03dns"+cfg.Domains[0], at, others)
	}
	answer := dnsserver.Authority(s.zone, ready, now, others)
	o := dnsserver.Options{
		Addrs: cfg.DNS, TLS: cfg.DNSTLS, HTTPS: cfg.DNSHTTPS, Inherited: s.from.sockets, Handler: answer, Recursion: s.resolver.recursion(), Log: s.log,
		NSID: cfg.NSID, ResponseRate: cfg.ResponseRate, MaxConns: cfg.TCPConns, MaxConnsPerIP: cfg.TCPConnsEach,
	}
	if s.cert != nil {
		o.Certificate = s.cert.Get
	}
	if s.dns, err = dnsserver.Listen(o); err != nil {
		return fmt.Errorf("--dns: %w", err)
	}
	if s.http, err = listenHTTP(cfg.HTTP, s.from.sockets, maxConns, s.log); err != nil {
		return fmt.Errorf("--http: %w%s", err, dnsserver.Advice(err))
	}
	return nil
}

// wireSources makes all sources, and what is served of them over HTTP.
func (s *server) wireSources(others []sources.Entry, now func() int64) (err error) {
	cfg := s.cfg
	s.selfreg, err = selfreg.New(selfreg.Options{
		Zone: s.zone, Now: now, Advertise: s.advertise, DataDir: cfg.DataDir, Records: s.from.records, Logger: s.log,
	})
	if err != nil {
		return fmt.Errorf("--data-dir %q: %w", cfg.DataDir, err)
	}
	if cfg.DataDir != "" { // which is now this process's alone
		if err := estateIn(cfg.DataDir).remove(); err != nil {
			return fmt.Errorf("--data-dir %q: %w", cfg.DataDir, err)
		}
	}
	entries := []sources.Entry{{Source: s.selfreg, Grace: sources.UntilSynced}}
	for _, e := range others {
		entries = append(entries, s.from.stale(e))
	}
	s.sources = sources.NewSupervisor(sources.Options{Zone: s.zone, Sink: s.checks, Sources: entries, Logger: s.log})
	register := s.selfreg.Handler(selfreg.Health{Waiting: s.waiting, Status: s.sources.Status, Checks: s.checks.Results})
	s.http.handle(admin.Handler(admin.Options{
		Zone: s.zone, Clock: now, NameServer: s.nameServer(), Waiting: s.waiting, Sources: s.sources.Status, Parts: s.parts(), Cache: s.resolver.remembers(),
	}, register))
	s.http.handleBeats(s.selfreg.Beat)
	if at := cfg.control(); at != "" {
		if s.offer, err = handover.Listen(at); err != nil {
			return fmt.Errorf("--control: %w", err)
		}
	}
	return nil
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
	if s.offer != nil {
		s.offer.Close()
	}
	s.resolver.close()
	s.from.close()
}

// run runs the server until ctx is done, or a successor has taken over. It stops in
// this order: readiness, HTTP, sources, DNS; so whatever was accepted is finished,
// and the last answers are those of a zone that knows all it ever knew.
func (s *server) run(ctx context.Context) error {
	s.announce()
	s.resolver.load(append(s.dns.Addrs(), s.dns.AddrsOf(dnsserver.TLS)...))
	s.log.Info("serving HTTP", "address", s.httpAddr())
	ctx, stop := context.WithCancel(ctx)
	var clock sync.WaitGroup
	defer clock.Wait()
	defer stop()
	clock.Go(func() { s.clock.Run(ctx, s.log) }) // heartbeats come to the next server when this one stops
	defer context.AfterFunc(ctx, func() { s.stopping.Store(true) })()
	return runParts(ctx, s.log,
		part{name: "HTTP", run: s.http.run},
		part{name: "sources", run: s.runSources},
		part{name: "checks", run: s.checks.Run},
		part{name: "succession", run: func(ctx context.Context) error { return s.awaitSuccessor(ctx, stop) }, within: successionTime},
		part{name: "certificate", run: s.followCertificate},
		part{name: "DNS", run: s.serveDNS},
		part{name: "resolver", run: s.resolver.run},
	)
}

// announce logs the addresses for DNS.
func (s *server) announce() {
	for _, t := range [...]struct {
		over dnsserver.Transport
		says string
	}{{dnsserver.TCP, "answering DNS"}, {dnsserver.TLS, "answering DNS over TLS"}, {dnsserver.HTTPS, "answering DNS over HTTPS"}} {
		for _, a := range s.dns.AddrsOf(t.over) {
			s.log.Info(t.says, "address", a)
		}
	}
}

// runSources keeps the sources running, then leaves what they have reported, and
// closes what they persist.
func (s *server) runSources(ctx context.Context) error {
	var told sync.WaitGroup
	began := time.Now()
	told.Go(func() { s.tellReady(ctx, began) })
	told.Go(func() { s.giveBack(ctx) })
	told.Go(func() { s.above.follow(ctx, s.sources.WhenReady(), s.log) })
	defer told.Wait()
	err := s.sources.Run(ctx)
	s.leave()
	return errors.Join(err, s.selfreg.Close())
}

// followCertificate keeps the certificate as its files are.
func (s *server) followCertificate(ctx context.Context) error {
	if s.cert == nil {
		<-ctx.Done()
		return nil
	}
	return s.cert.Run(ctx)
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
