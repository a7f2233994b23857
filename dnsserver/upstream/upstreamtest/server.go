// Package upstreamtest is a name server for tests that does what a test tells it, above
// all what no real one does on demand: it lies, is slow, truncates, sends garbage.
package upstreamtest

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// Transport is how a query came.
type Transport string

// The transports.
const (
	UDP Transport = "UDP"
	TCP Transport = "TCP"
	TLS Transport = "TLS"
)

// Server listens on one port of 127.0.0.1 for UDP and TCP and on another for TLS, until
// the test ends. Its methods may be called from many goroutines.
type Server struct {
	t        testing.TB
	at       netip.AddrPort // UDP and TCP
	tlsAt    netip.AddrPort
	pool     *x509.CertPool
	udp      *net.UDPConn
	behave   atomic.Pointer[Behaviour]
	done     chan struct{}
	handling sync.WaitGroup

	mu             sync.Mutex // guards the following
	conns          map[net.Conn]Transport
	asked          []Asked
	count          map[Transport]int
	dials, resumed int
}

// Asked is one query that came.
type Asked struct {
	Over   Transport
	From   netip.AddrPort
	Msg    *dns.Msg
	Length int // in octets
}

// Name is what the certificate of each Server is for, beside 127.0.0.1.
const Name = "dns.test"

// Start starts a server that deals with queries as b says.
func Start(t testing.TB, b Behaviour) *Server {
	t.Helper()
	s := &Server{t: t, done: make(chan struct{}), conns: map[net.Conn]Transport{}, count: map[Transport]int{}}
	s.Do(b)
	var l net.Listener
	s.udp, l = listenBoth(t)
	s.at = s.udp.LocalAddr().(*net.UDPAddr).AddrPort()
	cert, pool := certificate(t)
	s.pool = pool
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.tlsAt = plain.Addr().(*net.TCPAddr).AddrPort()
	secure := tls.NewListener(plain, &tls.Config{Certificates: []tls.Certificate{cert}})
	var serving sync.WaitGroup
	serving.Go(s.serveUDP)
	serving.Go(func() { s.accept(l, TCP) })
	serving.Go(func() { s.accept(secure, TLS) })
	t.Cleanup(func() {
		close(s.done)
		s.udp.Close()
		l.Close()
		secure.Close()
		s.CloseConns()
		serving.Wait()
		s.CloseConns() // those accepted in between
		s.handling.Wait()
	})
	return s
}

// listenBoth finds a port that is free for UDP and TCP.
func listenBoth(t testing.TB) (*net.UDPConn, net.Listener) {
	t.Helper()
	for range 100 {
		u, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		l, err := net.Listen("tcp", u.LocalAddr().String())
		if err == nil {
			return u, l
		}
		u.Close()
	}
	t.Fatal("no port is free for UDP and TCP")
	return nil, nil
}

// Do sets what happens to queries from now on.
func (s *Server) Do(b Behaviour) { s.behave.Store(&b) }

// Addr is what upstream.ParseAddr reads for UDP and TCP.
func (s *Server) Addr() string { return s.at.String() }

// TLSAddr is the same for TLS, with the name of the certificate.
func (s *Server) TLSAddr() string { return fmt.Sprintf("tls://%s#%s", s.tlsAt, Name) }

// RootCAs are whom the certificate comes from.
func (s *Server) RootCAs() *x509.CertPool { return s.pool }

// Count is how many queries came over a transport.
func (s *Server) Count(over Transport) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count[over]
}

// Total is how many queries came.
func (s *Server) Total() int { return s.Count(UDP) + s.Count(TCP) + s.Count(TLS) }

// Conns is how many TCP and TLS connections were ever accepted.
func (s *Server) Conns() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dials
}

// Open are the connections that are open.
func (s *Server) Open() []net.Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.conns))
}

// Resumed is how many TLS connections went on with an earlier session.
func (s *Server) Resumed() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.resumed
}

// Asked are the first ten thousand queries, in the order in which they came.
func (s *Server) Asked() []Asked {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked)
}

// CloseConns closes all connections, as a server does with those that are idle.
func (s *Server) CloseConns() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.Close()
	}
}

func (s *Server) serveUDP() {
	buf := make([]byte, 1<<16)
	for {
		n, from, err := s.udp.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		} else if err != nil {
			continue // of an earlier reply that nobody took
		}
		s.handle(UDP, from, buf[:n], func(b []byte) { s.udp.WriteToUDPAddrPort(b, from) }, nil)
	}
}

func (s *Server) accept(l net.Listener, over Transport) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.conns[c] = over
		s.dials++
		s.mu.Unlock()
		s.handling.Go(func() {
			defer func() {
				c.Close()
				s.mu.Lock()
				delete(s.conns, c)
				s.mu.Unlock()
			}()
			if t, ok := c.(*tls.Conn); ok && t.HandshakeContext(s.t.Context()) == nil && t.ConnectionState().DidResume {
				s.mu.Lock()
				s.resumed++
				s.mu.Unlock()
			}
			s.serveConn(c, over)
		})
	}
}

func (s *Server) serveConn(c net.Conn, over Transport) {
	from := c.RemoteAddr().(*net.TCPAddr).AddrPort()
	for {
		var head [2]byte
		if _, err := io.ReadFull(c, head[:]); err != nil {
			return
		}
		msg := make([]byte, binary.BigEndian.Uint16(head[:]))
		if _, err := io.ReadFull(c, msg); err != nil {
			return
		}
		s.handle(over, from, msg, func(b []byte) {
			c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...))
		}, c)
	}
}

// handle notes a query and deals with it in a goroutine of its own.
func (s *Server) handle(over Transport, from netip.AddrPort, wire []byte, send func([]byte), c net.Conn) {
	m := new(dns.Msg)
	if m.Unpack(wire) != nil || len(m.Question) != 1 {
		s.t.Errorf("the server was sent %x over %s", wire, over)
		return
	}
	q := &Query{Asked: Asked{over, from, m, len(wire)}, Conn: c, Server: s, send: send}
	s.mu.Lock()
	s.count[over]++
	if len(s.asked) < 10_000 {
		s.asked = append(s.asked, q.Asked)
	}
	s.mu.Unlock()
	b := *s.behave.Load()
	s.handling.Go(func() { b(q) })
}

// Query is a query that is being dealt with.
type Query struct {
	Asked
	Conn   net.Conn // nil over UDP
	Server *Server
	send   func([]byte)
}

// Send sends octets as one message.
func (q *Query) Send(wire []byte) { q.send(wire) }

// Reply sends a message.
func (q *Query) Reply(m *dns.Msg) {
	wire, err := m.Pack()
	if err != nil {
		q.Server.t.Errorf("cannot pack %v: %v", m, err)
		return
	}
	q.send(wire)
}

// Wait reports false when the test has ended before.
func (q *Query) Wait(d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-q.Server.done:
		return false
	}
}
