package dnsserver

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// Options configure a Server.
type Options struct {
	// Addrs are listened on, each for UDP and TCP on the same port; port 0 takes a
	// free one. 0.0.0.0 is every IPv4 address and [::] every IPv6 address, and no
	// IPv4 one: give both for both. Such sockets answer from the address that was
	// asked. At least one.
	Addrs []netip.AddrPort
	// TLS are listened on for DNS over TLS (RFC 7858) and HTTPS for DNS over HTTPS (RFC
	// 8484, at the path HTTPSPath): TCP only, otherwise as Addrs. Both need Certificate.
	TLS, HTTPS []netip.AddrPort
	// Certificate gives the certificate for a handshake, as GetCertificate of tls.Config
	// does.
	Certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	// Handler answers what passes admission. Required.
	Handler Handler
	// Recursion are those who may recurse: their replies have RA. Nil is nobody, for a
	// Handler that knows no names of others.
	Recursion *Askers
	// Log takes what an operator must know. Nil discards it.
	Log *slog.Logger

	// NSID names this server to whoever asks which one of several has answered (RFC
	// 5001). Empty tells nothing; at most MaxNSID octets.
	NSID string

	// Inherited are sockets that take the place of new ones. Nil has none.
	Inherited Sockets
	// Sockets is how many UDP sockets share each address, with a goroutine each.
	// Zero means GOMAXPROCS. Where the system cannot share one is used.
	Sockets int

	// ResponseRate is how many like replies a second a public network (a /24 of IPv4, a
	// /56 of IPv6) gets over UDP, and ten times as many in all, unless its askers show a
	// valid cookie. Of what is
	// beyond half is dropped, and half asks for TCP. Zero is no limit.
	ResponseRate int
	// MaxWaiting is how many queries may wait for an answer that others must give,
	// over all transports; a quarter of them from one IPv4 address or IPv6 /64. Zero
	// means 1,000.
	MaxWaiting int

	// The limits on TCP (RFC 9210 §4.2), whatever is spoken on it; zero takes the value in
	// brackets.
	MaxConns      int           // connections at the same time, over all addresses [150]
	MaxConnsPerIP int           // of these from one IPv4 address or IPv6 /64 [25]
	IdleTimeout   time.Duration // from one whole query to the next [10 s]
	WriteTimeout  time.Duration // until a reply has been taken by the asker's side [5 s]
}

func (o *Options) withDefaults() Options {
	d := *o
	setDefault(&d.Sockets, runtime.GOMAXPROCS(0))
	setDefault(&d.MaxWaiting, 1000)
	setDefault(&d.MaxConns, 150)
	setDefault(&d.MaxConnsPerIP, 25)
	setDefault(&d.IdleTimeout, 10*time.Second)
	setDefault(&d.WriteTimeout, 5*time.Second)
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	return d
}

func setDefault[T comparable](v *T, otherwise T) {
	var zero T
	if *v == zero {
		*v = otherwise
	}
}

// Server answers DNS queries on its addresses.
type Server struct {
	o        Options
	log      *limitedLog
	self     *identity
	bound    []*binding
	loops    []*udpLoop
	conns    *conns
	tls      *tls.Config   // of DNS over TLS; nil: there is none
	https    *httpsServer  // nil: there is none
	turns    chan struct{} // holds one element for each handshake that computes
	waiters  *waiters
	errors   *budget
	rates    *rates
	counters []*counters // one for each UDP socket, and one for TCP
	stopping atomic.Bool

	accepting sync.WaitGroup // those who take connections
}

// Listen binds every address, or none. Queries wait until Serve is called, which
// must be followed by the end of its context, or Close.
func Listen(o Options) (*Server, error) {
	s := &Server{o: o.withDefaults()}
	s.log = &limitedLog{log: s.o.Log}
	s.self = &identity{cookies: newCookies(time.Now), nsid: s.o.NSID, idle: s.o.IdleTimeout}
	s.errors, s.rates = newErrorBudget(sinceStart), newRates(s.o.ResponseRate, sinceStart)
	s.conns = newConns(s)
	s.waiters = s.newWaiters()
	s.encrypt()
	for over, addrs := range [transports][]netip.AddrPort{TCP: s.o.Addrs, TLS: s.o.TLS, HTTPS: s.o.HTTPS} {
		for _, a := range addrs {
			if err := s.bind(a, Transport(over)); err != nil {
				s.Close()
				return nil, err
			}
		}
	}
	return s, nil
}

func (s *Server) bind(a netip.AddrPort, over Transport) error {
	b, err := binder{s.o.Sockets, s.o.Inherited}.bind(a, over)
	if err != nil {
		return err
	}
	s.bound = append(s.bound, b)
	for _, c := range b.udp {
		u, err := s.newUDP(c, b.addr)
		if err != nil {
			return err
		}
		s.loops = append(s.loops, u)
	}
	return nil
}

// Addrs are the addresses that are listened on, with the ports that were taken, in
// the order of Options.Addrs.
func (s *Server) Addrs() []netip.AddrPort { return s.AddrsOf(TCP) }

// AddrsOf are the addresses of one transport, in the order of Options.
func (s *Server) AddrsOf(over Transport) (addrs []netip.AddrPort) {
	for _, b := range s.bound {
		if b.over == over || b.over == TCP && over == UDP {
			addrs = append(addrs, b.addr)
		}
	}
	return addrs
}

// Files gives copies of all sockets, for a process that is to take over (see
// Options.Inherited). They are the caller's, also on an error.
func (s *Server) Files() (files []*os.File, err error) {
	add := func(f *os.File, ferr error) {
		if ferr == nil {
			files = append(files, f)
		} else if err == nil {
			err = fmt.Errorf("copy a socket: %w", ferr)
		}
	}
	for _, b := range s.bound {
		add(b.tcp.File())
		for _, c := range b.udp {
			add(c.File())
		}
	}
	return files, err
}

// Serve answers until ctx is done. Then it answers what it has read, for two seconds at
// most, closes its sockets and connections, waits for all its goroutines and returns
// nil. It returns an error earlier only when a socket cannot be used any more. It is
// called once.
func (s *Server) Serve(ctx context.Context) error {
	defer s.Close()
	g, running := errgroup.WithContext(ctx)
	// What has been read is answered, also after the end of ctx.
	answering, giveUp := context.WithCancel(context.WithoutCancel(ctx))
	defer giveUp()
	for _, u := range s.loops {
		g.Go(func() error { return u.serve(answering) })
	}
	for _, b := range s.bound {
		s.accepting.Add(1)
		g.Go(func() error {
			defer s.accepting.Done()
			return s.accept(running, answering, b.tcp, b.over)
		})
	}
	if s.https != nil {
		g.Go(func() error { return s.https.run(running, answering) })
	}
	<-running.Done()
	s.stop()
	late := time.AfterFunc(lastReplies, func() {
		giveUp()
		s.conns.reset()
	})
	defer late.Stop()
	err := g.Wait()
	s.conns.wg.Wait()
	if s.https != nil {
		s.https.requests.close()
	}
	s.waiters.wg.Wait()
	return err
}

// lastReplies is how long the last replies may take after the server is told to stop:
// handlers to make them, and askers to read them.
const lastReplies = 2 * time.Second

// stop ends all reading.
func (s *Server) stop() {
	s.stopping.Store(true)
	for _, b := range s.bound {
		b.stop()
	}
	s.conns.stop()
}

// Close frees the sockets of a server that does not serve.
func (s *Server) Close() {
	for _, b := range s.bound {
		b.close()
	}
}

// Stats tells what the server has done. It is safe for concurrent use.
func (s *Server) Stats() Stats {
	var st Stats
	for _, n := range s.counters {
		n.addTo(&st)
	}
	st.Connections = uint64(s.conns.count())
	return st
}

// newResponder is for one goroutine. Errors limits what it says to those whom it
// does not answer; nil does not.
func (s *Server) newResponder(n *counters, errors *budget) responder {
	return responder{handler: s.o.Handler, recursion: s.o.Recursion, log: s.log, n: n, errors: errors, rates: s.rates, c: composer{self: s.self}}
}

// newCounters is called by Listen alone: afterwards the list of them is only read.
func (s *Server) newCounters() *counters {
	n := new(counters)
	s.counters = append(s.counters, n)
	return n
}

// pause waits, but not beyond the end of ctx.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
