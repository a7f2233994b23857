package dnsserver

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// pair is a certificate of its own for dns.test, 127.0.0.1 and ::1.
var pair = sync.OnceValue(func() *tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0),
		DNSNames: []string{"dns.test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		panic(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
})

func theCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) { return pair(), nil }

// trusting is what an asker has that trusts the certificate.
func trusting(protocols ...string) *tls.Config {
	roots := x509.NewCertPool()
	roots.AddCert(pair().Leaf)
	return &tls.Config{RootCAs: roots, ServerName: "dns.test", NextProtos: protocols}
}

// serveTLS starts a server of TLS alone.
func serveTLS(t testing.TB, o Options) (s *Server, dot, doh netip.AddrPort) {
	t.Helper()
	o.encrypted("127.0.0.1:0")
	s = serve(t, o, "127.0.0.1:0")
	return s, s.AddrsOf(TLS)[0], s.AddrsOf(HTTPS)[0]
}

// RFC 7858 §3.2, RFC 7301 §3.2 and RFC 8996: which protocols and versions are spoken.
func TestProtocolsOfTLS(t *testing.T) {
	s, dot, doh := serveTLS(t, Options{Handler: localIs})
	for _, tt := range []struct {
		name   string
		to     netip.AddrPort
		offers []string
		newest uint16
		want   string // the protocol, or a part of the error
	}{
		{"no protocol", dot, nil, tls.VersionTLS13, ""},
		{"DNS", dot, []string{"dot"}, tls.VersionTLS13, "dot"},
		{"DNS among others", dot, []string{"h2", "dot"}, tls.VersionTLS12, "dot"},
		{"HTTP where DNS is spoken", dot, []string{"h2"}, tls.VersionTLS13, "no application protocol"},
		{"DNS where HTTP is spoken", doh, []string{"dot"}, tls.VersionTLS13, "no application protocol"},
		{"HTTP", doh, []string{"http/1.1", "h2"}, tls.VersionTLS13, "h2"},
		{"TLS 1.1", dot, nil, tls.VersionTLS11, "protocol version"},
		{"TLS 1.1 to HTTP", doh, nil, tls.VersionTLS11, "protocol version"},
	} {
		config := trusting(tt.offers...)
		config.MinVersion, config.MaxVersion = tls.VersionTLS10, tt.newest
		c, err := tls.Dial("tcp", tt.to.String(), config)
		if err != nil {
			if tt.want == "" || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: %v", tt.name, err)
			}
			continue
		}
		if got := c.ConnectionState(); got.NegotiatedProtocol != tt.want || got.Version != tt.newest {
			t.Errorf("%s: got %q in TLS %x, want %q", tt.name, got.NegotiatedProtocol, got.Version, tt.want)
		}
		c.Close()
	}
	waitFor(t, "the handshakes to be counted", func() bool { st := s.Stats(); return st.Handshakes == 4 && st.NoHandshake == 4 })
}

func TestSessionsAreResumed(t *testing.T) {
	_, dot, _ := serveTLS(t, Options{Handler: localIs})
	config := trusting("dot")
	config.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	for i := range 3 {
		c, err := tls.Dial("tcp", dot.String(), config)
		check(t, err)
		w := &wire{t, c, true, TLS}
		if !answered(w) { // and with the answer come tickets
			t.Fatal("no answer")
		}
		if got := c.ConnectionState().DidResume; got != (i > 0) {
			t.Errorf("connection %d was resumed: %v", i, got)
		}
		c.Close()
	}
}

// RFC 8446 §6.1: the end is said, so that nobody can cut an answer off unseen.
func TestEndOfTLSIsSaid(t *testing.T) {
	_, dot, _ := serveTLS(t, Options{Handler: localIs, IdleTimeout: 50 * time.Millisecond})
	w := dial(t, "tls", dot)
	if !answered(w) {
		t.Fatal("no answer")
	}
	if _, err := w.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the connection ended with %v, want %v", err, io.EOF)
	}
}

// RFC 8467 §4.1: replies to those who pad come in blocks, where nobody else can read them.
func TestPadding(t *testing.T) {
	z := newZone(t)
	crowd(t, z, "many", 4000, 1)
	s, _, _ := serveTLS(t, Options{Handler: authorityOf(z), NSID: "dns-1"})
	padded := opt("\x00\x03\x00\x00\x00\x0c\x00\x05hello")
	many := question("\x04many\x03svc\x04test\x00", 1, 1)
	for _, tt := range []struct {
		name    string
		network string
		msg     []byte
		blocks  bool
	}{
		{"an answer", "tls", message(0, "1001", webA, padded), true},
		{"an answer of many blocks", "tls", message(0, "1001", many, padded), true},
		{"an error", "tls", message(0, "1001", question("\x01x\x00", 1, 1), padded), true},
		{"an answer over HTTPS", "https", message(0, "1001", webA, padded), true},
		{"to who does not pad", "tls", message(0, "1001", webA, opt("")), false},
		{"over TCP", "tcp", message(0, "1001", webA, padded), false},
		{"over UDP", "udp", message(0, "1001", webA, padded), false},
	} {
		over := networks[tt.network]
		reply := dial(t, tt.network, s.AddrsOf(over)[0]).exchange(tt.msg)
		checkEcho(t, tt.msg, reply)
		if got := len(reply)%padBlock == 0; got != tt.blocks {
			t.Errorf("%s: %d octets", tt.name, len(reply))
		}
		if got := strings.Contains(text(t, reply), "option=12"); got != tt.blocks {
			t.Errorf("%s: %s", tt.name, text(t, reply))
		}
	}
}

// The longest reply is padded as far as there is room, and no further.
func TestPaddingStaysWithinTheMessage(t *testing.T) {
	for size := maxTCPSize - 2*padBlock; size <= maxTCPSize; size++ {
		r := Reply{q: &Query{Transport: TLS, EDNS: EDNS{Present: true, padding: true}}, buf: make([]byte, size, maxTCPSize)}
		r.pad(0)
		switch n := len(r.buf); {
		case n > maxTCPSize:
			t.Fatalf("%d octets became %d", size, n)
		case n == size && size+4 <= maxTCPSize, n != size && n%padBlock != 0 && n != maxTCPSize:
			t.Errorf("%d octets became %d", size, n)
		}
	}
}

// What is no handshake ends the connection, and costs nobody else anything.
func TestWhatIsNoHandshake(t *testing.T) {
	s, dot, doh := serveTLS(t, Options{Handler: localIs})
	for i, to := range []netip.AddrPort{dot, doh} {
		for j, garbage := range []string{
			"GET / HTTP/1.1\r\n\r\n",
			string(framed(query("x. A"))),
			"\x16\x03\x01\xff\xff" + strings.Repeat("x", 1<<16),
			"\x16\x03\x01\x00\x04\x01\xff\xff\xff",
			"\x15\x03\x01\x00\x02\x02\x28",
			"",
		} {
			c := dial(t, "tcp", to)
			_, _ = c.Write([]byte(garbage)) // it may be closed already
			_ = c.Conn.(*net.TCPConn).CloseWrite()
			if _, err := io.Copy(io.Discard, c); errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%q: %v", garbage, err)
			}
			want := uint64(6*i + j + 1)
			waitFor(t, "the failure to be counted", func() bool { return s.Stats().NoHandshake == want && s.Stats().Connections == 0 })
		}
	}
	if !answered(dial(t, "tls", dot)) || !answered(dial(t, "https", doh)) {
		t.Error("others are not answered any more")
	}
}

// A connection in a handshake makes room for one that has been longer without a query.
func TestHandshakesTakeNoPlaceFromOthers(t *testing.T) {
	s, dot, doh := serveTLS(t, Options{Handler: localIs, MaxConns: 4})
	for i := range 50 {
		dial(t, "tcp", []netip.AddrPort{dot, doh}[i%2])
	}
	waitFor(t, "the last to be accepted", func() bool { st := s.Stats(); return st.Evicted+st.Connections == 50 })
	for _, w := range []*wire{dial(t, "tls", dot), dial(t, "https", doh), dial(t, "tcp", s.Addrs()[0])} {
		if !answered(w) {
			t.Errorf("%s: not served", w.RemoteAddr())
		}
	}
	if st := s.Stats(); st.Connections > 4 || st.Evicted < 49 || st.Refused > 0 {
		t.Errorf("stats %+v", st)
	}
}

// piped is a socket within the process, on which time is that of the test.
type piped struct {
	net.Conn
	from, to net.TCPAddr
}

func (p *piped) RemoteAddr() net.Addr { return &p.from }
func (p *piped) LocalAddr() net.Addr  { return &p.to }

// inPipe runs a server of one connection, and calls the asker at the other end of it.
// The certificate must have been made before.
func inPipe(t *testing.T, over Transport, asker func(t *testing.T, s *Server, c net.Conn)) {
	pair()
	synctest.Test(t, func(t *testing.T) {
		o := Options{Handler: localIs, Certificate: theCertificate, TLS: make([]netip.AddrPort, 1), HTTPS: make([]netip.AddrPort, 1)}
		s := &Server{o: o.withDefaults()}
		s.conns, s.waiters = newConns(s), s.newWaiters()
		s.encrypt()
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.https.run(ctx, context.WithoutCancel(ctx)) }()
		ours, theirs := net.Pipe()
		at := func(a string) net.TCPAddr { return *net.TCPAddrFromAddrPort(netip.MustParseAddrPort(a)) }
		s.conns.start(context.WithoutCancel(ctx), &piped{ours, at("192.0.2.1:5"), at("192.0.2.53:853")}, over)
		asker(t, s, theirs)
		theirs.Close()
		s.conns.wg.Wait()
		stop()
		check(t, <-done)
	})
}

func TestHandshakeIsLimitedInTime(t *testing.T) {
	for _, over := range []Transport{TLS, HTTPS} {
		inPipe(t, over, func(t *testing.T, s *Server, c net.Conn) {
			began := time.Now()
			var wg sync.WaitGroup
			defer wg.Wait()
			wg.Go(func() {
				for _, b := range []byte("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03") { // the begin of a good one
					if _, err := c.Write([]byte{b}); err != nil {
						return
					}
					time.Sleep(time.Second)
				}
			})
			_, _ = io.Copy(io.Discard, c)
			if took := time.Since(began); took != handshakeTime || s.Stats().NoHandshake != 1 {
				t.Errorf("transport %d: closed after %v, stats %+v", over, took, s.Stats())
			}
		})
	}
}

// Handshakes that wait for their asker hold up no other, however few may compute.
func TestHandshakesTakeTurns(t *testing.T) {
	s, dot, _ := serveTLS(t, Options{Handler: localIs, MaxConns: 1000, MaxConnsPerIP: 1000})
	hello := make(chan []byte, 1)
	go func() { // the begin of a handshake, as a client has it
		ours, theirs := net.Pipe()
		defer theirs.Close()
		go func() { _ = tls.Client(ours, trusting("dot")).HandshakeContext(t.Context()); ours.Close() }()
		b := make([]byte, 1<<14)
		n, _ := theirs.Read(b)
		hello <- b[:n]
	}()
	first := <-hello
	for range 3 * cap(s.turns) {
		_, err := dial(t, "tcp", dot).Write(first[:len(first)/2])
		check(t, err)
		_, err = dial(t, "tcp", dot).Write(first) // and then nothing
		check(t, err)
	}
	waitFor(t, "all to be open", func() bool { return s.Stats().Connections == uint64(6*cap(s.turns)) })
	for range 5 {
		if !answered(dial(t, "tls", dot)) {
			t.Error("not answered")
		}
	}
	waitFor(t, "turns to be given back", func() bool { return len(s.turns) == 0 })
}
