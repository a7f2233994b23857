package dnsserver

import (
	"crypto/tls"
	"net"
	"runtime"
	"sync"
	"time"
)

// handshakeTime is how long an asker may take for its part of a handshake. A connection
// in a handshake is idle: it makes room for others.
const handshakeTime = 5 * time.Second

// encrypt readies what DNS over TLS and over HTTPS need, where they are spoken.
func (s *Server) encrypt() {
	s.turns = make(chan struct{}, max(1, runtime.GOMAXPROCS(0)-1))
	if len(s.o.TLS) > 0 {
		s.tls = s.newTLS("dot") // RFC 7858 §3.2 and IANA's list
	}
	if len(s.o.HTTPS) > 0 {
		s.https = s.newHTTPS(s.newTLS("h2", "http/1.1"))
	}
}

// newTLS is a configuration for one use of TLS. An asker that offers protocols, none of
// which is among them, is turned down (RFC 7301 §3.2). Sessions are resumed by tickets,
// whose keys crypto/tls makes and changes.
func (s *Server) newTLS(protocols ...string) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: protocols, GetCertificate: s.o.Certificate}
}

// handshake puts TLS on a connection, and reports whether that has worked.
func (c *conn) handshake() bool {
	config := c.s.tls
	if c.over == HTTPS {
		config = c.s.https.server.TLSConfig
	}
	below := &socket{Conn: c.raw, of: c, closed: make(chan struct{})}
	over := tls.Server(below, config)
	c.net = over
	_ = c.raw.SetDeadline(time.Now().Add(handshakeTime))
	if c.s.stopping.Load() { // after the line above: stop may have come between
		c.stop()
	}
	if below.inTurn(over.Handshake) != nil {
		c.s.conns.n.noHandshake.Add(1)
		return false
	}
	c.s.conns.n.handshakes.Add(1)
	_ = c.raw.SetWriteDeadline(time.Time{})
	return true
}

// goodbye says that nothing follows (RFC 8446 §6.1), so that nobody could have cut off
// what did. It comes before the connection gives up its place, because the asker may
// not read it.
func (c *conn) goodbye() { _ = c.net.(*tls.Conn).CloseWrite() }

// socket is what is below TLS.
//
// A handshake is much to compute: many at once would keep queries waiting that come over
// UDP. So a few have their turn at a time, and leave one processor to others; while one
// waits for the asker it gives its turn away.
type socket struct {
	net.Conn
	of     *conn
	turn   bool // it has one
	closed chan struct{}
	once   sync.Once
}

// inTurn runs a handshake.
func (s *socket) inTurn(handshake func() error) error {
	s.of.s.turns <- struct{}{}
	s.turn = true
	err := handshake()
	s.turn = false
	<-s.of.s.turns
	return err
}

// Read implements net.Conn.
func (s *socket) Read(b []byte) (int, error) { return s.wait(s.Conn.Read, b) }

// Write implements net.Conn.
func (s *socket) Write(b []byte) (int, error) { return s.wait(s.Conn.Write, b) }

func (s *socket) wait(io func([]byte) (int, error), b []byte) (int, error) {
	if s.turn {
		<-s.of.s.turns
		defer func() { s.of.s.turns <- struct{}{} }()
	}
	return io(b)
}

// Close implements net.Conn. It makes known that the connection is over.
func (s *socket) Close() error {
	s.once.Do(func() { close(s.closed) })
	return s.Conn.Close()
}
