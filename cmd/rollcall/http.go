package main

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/rollcall-dns/rollcall/sockets"
)

// maxConns bounds the HTTP connections. Each service instance that renews its
// lease may keep one open, as long as there is room.
const maxConns = 16_384

// httpServer serves one handler on one socket, with limits on all that a client
// could make last or grow.
type httpServer struct {
	listener *conns
	server   http.Server
}

// listenHTTP binds addr, unless a socket for it is inherited, for at most limit
// connections at the same time.
func listenHTTP(addr netip.AddrPort, inherited *sockets.Set, h http.Handler, limit int, log *slog.Logger) (*httpServer, error) {
	var l net.Listener
	if tcp := inherited.TakeTCP(addr); tcp != nil {
		l = tcp
	} else {
		var err error
		if l, err = net.Listen("tcp", addr.String()); err != nil {
			return nil, err
		}
	}
	limited := limitConns(l, limit)
	return &httpServer{
		listener: limited,
		server: http.Server{
			Handler:           limited.sparing(h),
			ConnState:         limited.changed,
			ReadHeaderTimeout: 5 * time.Second,
			ReadTimeout:       15 * time.Second,
			WriteTimeout:      time.Minute, // a list of a million instances takes a while
			IdleTimeout:       2 * time.Minute,
			MaxHeaderBytes:    16 << 10,
			ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug), // of clients, which cannot be helped
		},
	}, nil
}

// run serves until ctx is done, then finishes the requests under way.
func (s *httpServer) run(ctx context.Context) error {
	// Requests outlive ctx: what was begun is finished.
	s.server.BaseContext = func(net.Listener) context.Context { return context.WithoutCancel(ctx) }
	stopped := make(chan struct{})
	unhook := context.AfterFunc(ctx, func() {
		defer close(stopped)
		within, cancel := context.WithTimeout(context.Background(), stopTime/2)
		defer cancel()
		if s.server.Shutdown(within) != nil {
			s.server.Close() // somebody does not read; the others have been answered
		}
	})
	err := s.server.Serve(s.listener)
	if unhook() {
		return err // it was not told to stop
	}
	<-stopped
	return nil
}

// close is for a server that was never run.
func (s *httpServer) close() { s.listener.Close() }
