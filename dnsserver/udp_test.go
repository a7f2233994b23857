package dnsserver

import (
	"context"
	"math/rand/v2"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// localIs answers with the address that was asked, as the handler sees it.
var localIs = handlerFunc(func(_ context.Context, q *Query) (*dns.Msg, error) {
	return &dns.Msg{Answer: []dns.RR{rr(`x. 0 IN TXT "` + q.Local.String() + `"`)}}, nil
})

// A client takes an answer only from the address that it asked: here the kernel
// checks that, because the client's socket is connected.
func TestWildcardAnswersFromTheAddressThatWasAsked(t *testing.T) {
	s := serve(t, Options{Handler: localIs}, "0.0.0.0:0", "[::]:0")
	asked := []netip.AddrPort{}
	for _, a := range []string{"127.0.0.1", "127.0.0.2", "127.0.0.3"} {
		asked = append(asked, netip.AddrPortFrom(netip.MustParseAddr(a), s.Addrs()[0].Port()))
	}
	for _, a := range ownIPv6(t) {
		asked = append(asked, netip.AddrPortFrom(a, s.Addrs()[1].Port()))
	}
	for _, addr := range asked {
		for _, network := range []string{"udp", "tcp"} {
			t.Run(network+" "+addr.String(), func(t *testing.T) {
				w := dial(t, network, addr)
				for range 2 { // what the first leaves behind must not harm the second
					w.send(query("x. TXT"))
					want := `NOERROR: x. 0 IN TXT "` + addr.String() + `"`
					if got := withoutZone(text(t, w.receive())); got != withoutZone(want) {
						t.Errorf("got %s, want %s", got, want)
					}
				}
			})
		}
	}
}

// ownIPv6 is ::1 and whatever other IPv6 addresses this host has, link-local ones
// with their zone.
func ownIPv6(t *testing.T) []netip.Addr {
	t.Helper()
	addrs := []netip.Addr{netip.IPv6Loopback()}
	ifs, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range ifs {
		as, err := i.Addrs()
		if err != nil || i.Flags&net.FlagUp == 0 || passing(i.Name) {
			continue
		}
		for _, a := range as {
			p, err := netip.ParsePrefix(a.String())
			if err != nil || p.Addr().Unmap().Is4() || p.Addr().IsLoopback() {
				continue
			}
			ip := p.Addr()
			if ip.IsLinkLocalUnicast() {
				ip = ip.WithZone(i.Name)
			}
			// A tentative address cannot be used yet.
			if c, err := net.ListenUDP("udp6", net.UDPAddrFromAddrPort(netip.AddrPortFrom(ip, 0))); err == nil {
				c.Close()
				addrs = append(addrs, ip)
			}
		}
	}
	return addrs
}

// passing reports whether an interface belongs to containers, which come and go.
func passing(name string) bool {
	for _, p := range []string{"veth", "br-", "docker"} {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

func withoutZone(s string) string {
	before, after, ok := strings.Cut(s, "%")
	if !ok {
		return s
	}
	return before + after[strings.Index(after, "]"):]
}

// freeOn4And6 is a port that nobody has now. It is below those that the system gives to
// connections.
func freeOn4And6(t *testing.T) uint16 {
	t.Helper()
	for range 100 {
		port := uint16(10_000 + rand.IntN(20_000))
		free := true
		for _, a := range []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()} {
			s, err := Listen(Options{Handler: localIs, Addrs: []netip.AddrPort{netip.AddrPortFrom(a, port)}})
			if free = free && err == nil; err == nil {
				s.Close()
			}
		}
		if free {
			return port
		}
	}
	t.Fatal("no port is free")
	return 0
}

func TestIPv6WildcardTakesNoIPv4(t *testing.T) {
	port := freeOn4And6(t)
	s := serve(t, Options{Handler: localIs}, netip.AddrPortFrom(netip.IPv6Unspecified(), port).String())
	// So another server can have the port for IPv4.
	other := serve(t, Options{Handler: localIs}, netip.AddrPortFrom(netip.IPv4Unspecified(), port).String())
	w := dial(t, "udp", netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port))
	w.send(query("x. TXT"))
	w.receive()
	if s.Stats().UDP != 0 || other.Stats().UDP != 1 {
		t.Errorf("IPv6 socket has read %d datagrams, IPv4 socket %d; want 0 and 1", s.Stats().UDP, other.Stats().UDP)
	}
}

// Handlers see the asker as the zone knows it.
func TestAskerIsSeen(t *testing.T) {
	h := handlerFunc(func(_ context.Context, q *Query) (*dns.Msg, error) {
		return &dns.Msg{Answer: []dns.RR{rr(`x. 0 IN TXT "` + q.From.String() + `"`)}}, nil
	})
	everywhere(t, Options{Handler: h}, func(t *testing.T, open func(testing.TB) *wire) {
		w := open(t)
		w.send(query("x. TXT"))
		if got, want := text(t, w.receive()), `NOERROR: x. 0 IN TXT "`+w.LocalAddr().String()+`"`; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

func TestManyAskersOverAllSockets(t *testing.T) {
	s := serve(t, Options{Handler: authorityOf(newZone(t)), Sockets: 4}, "127.0.0.1:0")
	const askers, each = 64, 5
	for range askers {
		w := dial(t, "udp", s.Addrs()[0])
		for range each {
			msg := query("web.svc.test. SRV +edns=1232")
			w.send(msg)
			checkEcho(t, msg, w.receive())
		}
		w.Close()
	}
	used := 0
	for _, u := range s.loops {
		if u.r.n.queries[UDP].Load() > 0 {
			used++
		}
	}
	if s.Stats().UDP != askers*each {
		t.Errorf("%d datagrams read, want %d", s.Stats().UDP, askers*each)
	}
	if canShare && used < 2 {
		t.Errorf("%d of %d sockets were used", used, len(s.loops))
	}
}

// A goroutine is never started for a datagram: what cannot be answered yet waits in
// the socket.
func TestUDPNeedsNoGoroutines(t *testing.T) {
	release := make(chan struct{})
	letGo := sync.OnceFunc(func() { close(release) })
	h := handlerFunc(func(context.Context, *Query) (*dns.Msg, error) {
		<-release
		return new(dns.Msg), nil
	})
	s := serve(t, Options{Handler: h, Sockets: 2}, "127.0.0.1:0")
	t.Cleanup(letGo) // before the server is waited for
	w := dial(t, "udp", s.Addrs()[0])
	const many = 100
	before := runtime.NumGoroutine()
	for range many {
		w.send(query("x. A"))
	}
	waitFor(t, "a query to be read", func() bool { return s.Stats().UDP > 0 })
	time.Sleep(20 * time.Millisecond) // for others to be read, if they were
	if n := runtime.NumGoroutine(); n > before+many/4 || s.Stats().UDP > 2 {
		t.Errorf("%d goroutines, %d before; %d queries read", n, before, s.Stats().UDP)
	}
	letGo()
	for range many {
		w.receive()
	}
}

func TestDatagramsThatAreNoQueriesAreDropped(t *testing.T) {
	s := serve(t, Options{Handler: localIs, Sockets: 1}, "127.0.0.1:0")
	w := dial(t, "udp", s.Addrs()[0])
	w.send(nil)
	w.send([]byte("GET / HTTP"))
	w.send(message(bitQR, "1000", webA))
	w.send(query("x. TXT"))
	w.receive()
	if st := s.Stats(); st.UDP != 4 || st.Dropped != 3 || st.Rcodes[0] != 1 {
		t.Errorf("stats %+v", st)
	}
}
