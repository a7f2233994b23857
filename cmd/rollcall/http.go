package main

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"time"

	"github.com/rollcall-dns/rollcall/sockets"
)

// maxConns bounds the HTTP connections. Each service instance that renews its
// lease may keep one open, as long as there is room.
const maxConns = 16_384

const (
	writeTime = time.Minute // a list of a million instances takes a while
	idleTime  = 2 * time.Minute
)

// httpServer serves one handler on one socket, with limits on all that a client
// could make last or grow.
type httpServer struct {
	socket   *net.TCPListener
	listener *conns
	requests *requests
	server   http.Server
}

// listenHTTP binds addr, unless a socket for it is inherited, for at most limit
// connections at the same time. The handler is set before it is run. All addresses of IPv4
// are no more than that; those of IPv6 are those of IPv4, too: there is only one --http.
func listenHTTP(addr netip.AddrPort, inherited *sockets.Set, limit int, log *slog.Logger) (*httpServer, error) {
	l := inherited.TakeTCP(addr)
	if l == nil {
		network := "tcp"
		if addr.Addr().Is4() {
			network = "tcp4" // else 0.0.0.0 is [::], and nobody who says 0.0.0.0 can inherit that
		}
		any, err := net.Listen(network, addr.String())
		if err != nil {
			return nil, err
		}
		l = any.(*net.TCPListener)
	}
	s := newHTTPServer(l, limit, log)
	s.socket = l
	return s, nil
}

func newHTTPServer(l net.Listener, limit int, log *slog.Logger) *httpServer {
	limited := limitConns(l, limit)
	return &httpServer{
		listener: limited,
		server: http.Server{
			ConnState:         limited.changed,
			ReadHeaderTimeout: 5 * time.Second,
			ReadTimeout:       15 * time.Second,
			WriteTimeout:      writeTime,
			IdleTimeout:       idleTime,
			MaxHeaderBytes:    16 << 10,
			ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug), // of clients, which cannot be helped
		},
	}
}

// handle sets what is served, with the connections kept while there is room.
func (s *httpServer) handle(h http.Handler) {
	s.requests = countRequests(h)
	s.server.Handler = s.listener.sparing(s.requests)
}

// handleBeats sets who renews leases, so that plain heartbeats need no handler.
func (s *httpServer) handleBeats(renew func(path []byte, from netip.Addr) bool) {
	s.listener.beats = &beats{renew: renew}
}

// stats tells what the server has done. It is safe for concurrent use.
func (s *httpServer) stats() httpStats {
	count := s.requests.counts()
	if b := s.listener.beats; b != nil {
		count[beatKind] += b.answered.Load()
	}
	return httpStats{count, len(s.listener.free)}
}

// file is a copy of the socket, for another process.
func (s *httpServer) file() (*os.File, error) { return s.socket.File() }

// run serves until ctx is done. Then it takes no more connections, and answers what
// comes over those that it has taken, as conns.Close says. http.Server.Shutdown would
// not: it drops each request that it has not read yet.
func (s *httpServer) run(ctx context.Context) error {
	// Requests outlive ctx: what was begun is finished.
	s.server.BaseContext = func(net.Listener) context.Context { return context.WithoutCancel(ctx) }
	unhook := context.AfterFunc(ctx, func() { s.listener.Close() })
	err := s.server.Serve(s.listener)
	if unhook() {
		return err // it was not told to stop
	}
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime/2)
	defer cancel()
	s.listener.wait(within)
	s.server.Close() // those who do not read; the others have been answered
	return nil
}

// close is for a server that was never run.
func (s *httpServer) close() { s.listener.Close() }
