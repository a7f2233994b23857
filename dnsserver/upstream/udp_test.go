package upstream

import (
	"errors"
	"net"
	"slices"
	"syscall"
	"testing"

	"github.com/rollcall-dns/rollcall/dnsserver/upstream/upstreamtest"
)

// A port that is taken is passed over; when all that were drawn are, the system chooses.
func TestDialPassesOverPortsThatAreTaken(t *testing.T) {
	taken, err := net.ListenUDP("udp4", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	free, err := net.ListenUDP("udp4", nil)
	if err != nil {
		t.Fatal(err)
	}
	port := func(c *net.UDPConn) uint16 { return c.LocalAddr().(*net.UDPAddr).AddrPort().Port() }
	full := [portTries]uint16(slices.Repeat([]uint16{port(taken)}, portTries))
	some := full
	some[portTries-1] = port(free)
	free.Close()
	remote := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9}
	for _, ports := range [][portTries]uint16{some, full} {
		c, err := dial(remote, new(net.UDPAddr), ports)
		if err != nil {
			t.Fatal(err)
		}
		if got := port(c); got == port(taken) || ports == some && got != some[portTries-1] {
			t.Errorf("of %d, where %d is taken, %d was used", ports, port(taken), got)
		}
		c.Close()
	}
}

// What goes wrong otherwise would go wrong with any port.
func TestDialDoesNotTryAgainWhereThereIsNoWay(t *testing.T) {
	remote := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9}
	local := &net.UDPAddr{IP: net.IPv4(198, 51, 100, 1)} // of examples, and no host's (RFC 5737)
	ports := [portTries]uint16{20001, 20002, 20003, 20004}
	c, err := dial(remote, local, ports)
	if err == nil {
		c.Close()
	}
	if !errors.Is(err, syscall.EADDRNOTAVAIL) || local.Port != int(ports[0]) {
		t.Errorf("got %v, the last port was %d; want that the address is not there, after %d alone", err, local.Port, ports[0])
	}
}

func TestExchangeOverIPv6(t *testing.T) {
	u, err := net.ListenUDP("udp6", &net.UDPAddr{IP: net.IPv6loopback})
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	s := upstreamtest.Start(t, web)
	inner, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(mustAddr(t, s.Addr()).AddrPort()))
	if err != nil {
		t.Fatal(err)
	}
	defer inner.Close()
	go func() { // passes on one query and its reply
		b := make([]byte, maxUDP)
		n, from, _ := u.ReadFromUDPAddrPort(b)
		inner.Write(b[:n])
		n, _ = inner.Read(b)
		u.WriteToUDPAddrPort(b[:n], from)
	}()
	got, err := newClient(t, Options{}).Exchange(t.Context(), mustAddr(t, u.LocalAddr().String()), question(t, "web.example. A"))
	check(t, got, err, webA)
}
