package dnsserver

import (
	"crypto/tls"
	"net"
	"time"
)

// handshakeTime is how long an asker may take for its part of a handshake. A connection
// in a handshake is idle: it makes room for others.
const handshakeTime = 5 * time.Second

// encrypt readies what DNS over TLS and over HTTPS need, where they are spoken.
func (s *Server) encrypt() {
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
	var over *tls.Conn
	if c.over == HTTPS {
		over = tls.Server(c.s.https.track(c), c.s.https.server.TLSConfig)
	} else {
		over = tls.Server(c.raw, c.s.tls)
	}
	c.net = over
	_ = c.raw.SetDeadline(time.Now().Add(handshakeTime))
	if c.s.stopping.Load() { // after the line above: stop may have come between
		c.stop()
	}
	if over.Handshake() != nil {
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

// tracked is a socket of which it is known when it has been closed.
type tracked struct {
	net.Conn
	conn   *conn
	closed func()
}

// Close implements net.Conn.
func (t *tracked) Close() error {
	defer t.closed()
	return t.Conn.Close()
}
