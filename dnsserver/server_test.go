package dnsserver

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/maphash"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
)

func TestListenBindsAllOrNothing(t *testing.T) {
	free := listen(t, "127.0.0.1:0")
	addr := free.Addrs()[0]
	for name, taken := range map[string]func(){
		"TCP": func() {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			check(t, err)
			t.Cleanup(func() { l.Close() })
			addr = l.Addr().(*net.TCPAddr).AddrPort()
		},
		"UDP": func() {
			c, err := net.ListenPacket("udp", "127.0.0.1:0")
			check(t, err)
			t.Cleanup(func() { c.Close() })
			addr = c.LocalAddr().(*net.UDPAddr).AddrPort()
		},
		"another server, whose sockets are shared": func() {
			s := listen(t, "127.0.0.1:0")
			t.Cleanup(s.Close)
			addr = s.Addrs()[0]
			for _, b := range s.bound { // only UDP is left
				b.tcp.Close()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			taken()
			first := free.Addrs()[0]
			free.Close()
			_, err := Listen(Options{Addrs: []netip.AddrPort{first, addr}, Handler: localIs})
			if !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), addr.String()) || !strings.Contains(err.Error(), "take another address or port") {
				t.Errorf("error %v must name %s, its cause and what to do", err, addr)
			}
			free = listen(t, first.String()) // it was freed
			if name == "UDP" {
				// So was TCP's half. Only who listens keeps it from being bound again.
				if c, err := net.Dial("tcp", addr.String()); err == nil {
					c.Close()
					t.Error("TCP's half still listens")
				}
			}
		})
	}
	free.Close()
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func listen(t testing.TB, addrs ...string) *Server {
	t.Helper()
	o := Options{Handler: localIs}
	for _, a := range addrs {
		o.Addrs = append(o.Addrs, netip.MustParseAddrPort(a))
	}
	s, err := Listen(o)
	check(t, err)
	return s
}

func TestListenErrorsSayWhatToDo(t *testing.T) {
	_, err := Listen(Options{Addrs: []netip.AddrPort{netip.MustParseAddrPort("203.0.113.77:5353")}, Handler: localIs})
	if !errors.Is(err, syscall.EADDRNOTAVAIL) || !strings.HasPrefix(err.Error(), "listen on 203.0.113.77:5353: ") || !strings.Contains(err.Error(), "take an address that this host has") {
		t.Errorf("error %v", err)
	}
	// Binding a low port as root cannot fail here, so the advice alone is tested.
	if got := Advice(os.NewSyscallError("bind", syscall.EACCES)); !strings.Contains(got, "CAP_NET_BIND_SERVICE") {
		t.Errorf("advice on EACCES: %s", got)
	}
	if got := Advice(errors.New("other")); got != "" {
		t.Errorf("advice on what is unknown: %s", got)
	}
}

func TestPortZeroIsOnePortForBothTransports(t *testing.T) {
	s := listen(t, "127.0.0.1:0", "[::1]:0")
	defer s.Close()
	for i, b := range s.bound {
		tcp := b.tcp.Addr().(*net.TCPAddr).AddrPort()
		if tcp.Port() == 0 || s.Addrs()[i] != tcp {
			t.Errorf("Addrs %v, TCP is on %v", s.Addrs()[i], tcp)
		}
		for _, c := range b.udp {
			if udp := c.LocalAddr().(*net.UDPAddr).AddrPort(); udp != tcp {
				t.Errorf("UDP on %v, TCP on %v", udp, tcp)
			}
		}
	}
}

// What has been read is answered, also when the server has been told to stop.
func TestStopAnswersWhatHasBeenRead(t *testing.T) {
	for _, network := range []string{"udp", "tcp"} {
		t.Run(network, func(t *testing.T) {
			asked, release := make(chan struct{}), make(chan struct{})
			h := handlerFunc(func(ctx context.Context, _ *Query) (*dns.Msg, error) {
				close(asked)
				<-release
				return new(dns.Msg), ctx.Err()
			})
			s, err := Listen(Options{Addrs: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")}, Handler: h})
			check(t, err)
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan error, 1)
			go func() { done <- s.Serve(ctx) }()

			w := dial(t, network, s.Addrs()[0])
			w.send(query("x. A"))
			<-asked
			cancel()
			waitFor(t, "reading to be stopped", s.stopping.Load)
			select {
			case err := <-done:
				t.Fatalf("Serve returned before the answer: %v", err)
			default:
			}
			close(release)
			if got := text(t, w.receive()); got != "NOERROR" {
				t.Errorf("got %s", got)
			}
			if err := <-done; err != nil {
				t.Errorf("Serve: %v", err)
			}
			if l, err := net.Listen("tcp", s.Addrs()[0].String()); err != nil {
				t.Errorf("the address is not free: %v", err)
			} else {
				l.Close()
			}
		})
	}
}

func TestStopDoesNotWaitForIdleConnections(t *testing.T) {
	s := listen(t, "127.0.0.1:0")
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	w := dial(t, "tcp", s.Addrs()[0])
	if !answered(w) {
		t.Fatal("not answered")
	}
	began := time.Now()
	cancel()
	check(t, <-done)
	if took := time.Since(began); took > time.Second {
		t.Errorf("stopped after %v", took)
	}
	if w.receive() != nil {
		t.Error("the connection is open")
	}
}

// Who is connected when the server is told to stop, and has not asked yet, is answered:
// the next server does not get that connection.
func TestStopWaitsForTheFirstQueryOfAConnection(t *testing.T) {
	s := listen(t, "127.0.0.1:0")
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	w, silent := dial(t, "tcp", s.Addrs()[0]), dial(t, "tcp", s.Addrs()[0])
	waitFor(t, "both connections", func() bool { return s.Stats().Connections == 2 })
	cancel()
	waitFor(t, "the server to stop", s.stopping.Load)
	if !answered(w) {
		t.Error("not answered")
	}
	check(t, <-done)
	if w.receive() != nil || silent.receive() != nil {
		t.Error("a connection is open")
	}
}

// An asker that does not read its replies cannot hold up the end.
func TestStopCutsOffWhoDoesNotRead(t *testing.T) {
	z := newZone(t)
	crowd(t, z, "many", 4000, 1)
	s, err := Listen(Options{Addrs: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")}, Handler: authorityOf(z), WriteTimeout: time.Hour})
	check(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	w := dial(t, "tcp", s.Addrs()[0])
	written := make(chan struct{})
	go func() {
		defer close(written)
		msg := framed(query("many.svc.test. A"))
		for {
			if _, err := w.Write(msg); err != nil {
				return
			}
		}
	}()
	last := uint64(0)
	waitFor(t, "replies to pile up", func() bool {
		n := s.Stats().TCP
		stuck := n > 0 && n == last
		last = n
		time.Sleep(50 * time.Millisecond)
		return stuck
	})
	cancel()
	select {
	case err := <-done:
		check(t, err)
	case <-time.After(lastReplies + patience):
		t.Error("still serving")
	}
	w.Close()
	<-written
}

func TestServeReturnsWhenASocketIsGone(t *testing.T) {
	s := listen(t, "127.0.0.1:0", "127.0.0.1:0")
	done := make(chan error, 1)
	go func() { done <- s.Serve(context.Background()) }()
	s.bound[1].udp[0].Close()
	select {
	case err := <-done:
		if !errors.Is(err, net.ErrClosed) {
			t.Errorf("Serve: %v", err)
		}
	case <-time.After(patience):
		t.Fatal("still serving")
	}
}

func TestErrorRepliesHaveABudget(t *testing.T) {
	now := int64(0)
	b := newErrorBudget(func() int64 { return now })
	key := func(a string) uint64 { return maphash.Comparable(budgetSeed, peer(netip.MustParseAddr(a))) }
	a, near, far := key("2001:db8::1"), key("2001:db8::ffff"), key("192.0.2.1")
	for i := range errorBurst {
		if !b.spend(a) {
			t.Fatalf("reply %d of %d refused", i, errorBurst)
		}
	}
	if b.spend(a) || b.spend(near) {
		t.Error("more than the burst, or more from another address of the same network")
	}
	if far%errorBuckets != a%errorBuckets && !b.spend(far) {
		t.Error("another source was refused")
	}
	now += int64(10 * time.Second / errorRate)
	n := 0 // the bucket fills as slowly as it may be emptied
	for b.spend(near) {
		n++
	}
	if n != 10 {
		t.Errorf("%d replies after ten intervals", n)
	}
	now += int64(time.Hour) // a rest earns no more than the burst
	for n = 0; b.spend(near); n++ {
	}
	if n != errorBurst {
		t.Errorf("%d replies after an hour", n)
	}
}

// Over UDP sources can be forged, so errors run out; over TCP they do not.
func TestErrorsBeyondTheBudgetAreDropped(t *testing.T) {
	r := responder{handler: localIs, log: &limitedLog{log: slog.New(slog.DiscardHandler)}, n: new(counters), errors: newErrorBudget(func() int64 { return 0 })}
	from := netip.MustParseAddrPort("192.0.2.1:5")
	respond := func(msg []byte) []byte {
		r.q = Query{From: from}
		reply, _ := r.respond(context.Background(), msg, nil)
		return reply
	}
	bad := message(0, "0000")
	for range errorBurst {
		if respond(bad) == nil {
			t.Fatal("dropped within the budget")
		}
	}
	if respond(bad) != nil {
		t.Error("answered beyond the budget")
	}
	if respond(query("x. TXT")) == nil {
		t.Error("a good query was dropped")
	}
	var st Stats
	r.n.addTo(&st)
	if st.Dropped != 1 || st.Rcodes[dns.RcodeFormatError] != errorBurst {
		t.Errorf("stats %+v", st)
	}
}

func TestLogIsLimited(t *testing.T) {
	var out safeBuffer
	l := &limitedLog{log: slog.New(slog.NewTextHandler(&out, nil))}
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() { l.warn(reading, "trouble") })
	}
	wg.Wait()
	l.warn(sending, "other trouble")
	l.next[reading].Store(0) // a second later
	l.warn(reading, "trouble again")
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 3 || !strings.Contains(lines[2], "not_logged=49") {
		t.Errorf("log:\n%s", out.String())
	}
}

// Every reply is to its own query, with many askers at once over every transport.
func TestConcurrentAskers(t *testing.T) {
	h := Authority(newZone(t), always, sinceStart, SpecialNames(nil, nil, nil))
	asks := []string{"web.svc.test. SRV", "svc.test. NS", "x.invalid. A", "invalid. NS", "localhost. A", "10.in-addr.arpa. SOA", "id.server. TXT +class=CH", "x.example. A"}
	everywhere(t, Options{Handler: h, NSID: "dns-1", MaxConnsPerIP: 150}, func(t *testing.T, open func(testing.TB) *wire) {
		var wg sync.WaitGroup
		for i := range 2 * len(asks) {
			w := open(t)
			base := query(asks[i%len(asks)])
			wg.Go(func() {
				for n := range 50 {
					msg := append([]byte{}, base...)
					binary.BigEndian.PutUint16(msg, uint16(i<<8|n))
					w.send(msg)
					checkEcho(t, msg, w.receive())
				}
			})
		}
		wg.Wait()
	})
}

// inherited is sockets for one address.
type inherited struct {
	tcp *net.TCPListener
	udp []*net.UDPConn
}

func (in *inherited) TakeTCP(netip.AddrPort) *net.TCPListener { return in.tcp }
func (in *inherited) TakeUDP(netip.AddrPort) []*net.UDPConn   { return in.udp }

func TestInheritedSocketsAreServed(t *testing.T) {
	for _, wildcard := range []bool{false, true} {
		at := "127.0.0.1:0"
		if wildcard {
			at = "0.0.0.0:0"
		}
		l, err := net.Listen("tcp4", at)
		check(t, err)
		addr := l.Addr().(*net.TCPAddr).AddrPort()
		c, err := net.ListenPacket("udp4", addr.String())
		check(t, err)
		serve(t, Options{Handler: localIs, Inherited: &inherited{l.(*net.TCPListener), []*net.UDPConn{c.(*net.UDPConn)}}}, addr.String())
		asked := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), addr.Port())
		for _, network := range []string{"udp", "tcp"} {
			m := new(dns.Msg).SetQuestion("x.", dns.TypeA)
			reply, _, err := (&dns.Client{Net: network}).Exchange(m, asked.String())
			check(t, err)
			if len(reply.Answer) != 1 || !strings.Contains(reply.Answer[0].String(), asked.String()) {
				t.Errorf("%s: %v", network, reply)
			}
		}
	}
}
