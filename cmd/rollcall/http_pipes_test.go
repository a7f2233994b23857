package main

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"testing"
)

// pipes is a listener for connections within this process, so that what is written
// together is read together, and time is the test's.
type pipes struct {
	ends  chan net.Conn
	close func()
	done  chan struct{}
}

func newPipes() *pipes {
	done := make(chan struct{})
	return &pipes{make(chan net.Conn), sync.OnceFunc(func() { close(done) }), done}
}

// Accept implements net.Listener.
func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.ends:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (p *pipes) Close() error { p.close(); return nil }

// Addr implements net.Listener.
func (p *pipes) Addr() net.Addr { return new(net.TCPAddr) }

// dial makes a connection.
func (p *pipes) dial() net.Conn {
	client, server := net.Pipe()
	p.ends <- server
	return client
}

// servePipes serves until stop is called, which waits for the end.
func servePipes(t *testing.T, h http.Handler, renew func([]byte, netip.Addr) bool) (s *httpServer, p *pipes, stop func()) {
	t.Helper()
	p = newPipes()
	s = newHTTPServer(p, 8, slog.New(slog.DiscardHandler))
	s.handle(h)
	if renew != nil {
		s.handleBeats(renew)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.run(ctx) }()
	return s, p, sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
