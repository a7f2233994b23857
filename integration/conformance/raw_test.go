package conformance

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A raw socket sends datagrams whose source is made up, and sees all that come to its
// address. It needs the right to (CAP_NET_RAW).
type raw struct {
	t testing.TB
	*net.IPConn
	addr netip.Addr
}

func listenRaw(t testing.TB, addr netip.Addr) *raw {
	t.Helper()
	network := "ip6:udp"
	if addr.Is4() {
		network = "ip4:udp"
	}
	c, err := net.ListenIP(network, &net.IPAddr{IP: addr.AsSlice()})
	if err != nil {
		t.Fatalf("a raw socket: %v: the tests run as root, or with CAP_NET_RAW", err)
	}
	t.Cleanup(func() { c.Close() })
	if addr.Is6() {
		sum(t, c)
	}
	return &raw{t, c, addr}
}

// sum has the system fill in the checksum of UDP, which IPv6 wants (RFC 8200 §8.1).
func sum(t testing.TB, c *net.IPConn) {
	t.Helper()
	const checksum, at = 7, 6 // IPV6_CHECKSUM, its place in the header
	rc, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var set error
	err = rc.Control(func(fd uintptr) { set = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IPV6, checksum, at) })
	if err != nil || set != nil {
		t.Fatal(err, set)
	}
}

// send sends msg from a port of the socket's address to another.
func (r *raw) send(from, to uint16, msg []byte) {
	r.t.Helper()
	b := binary.BigEndian.AppendUint16(nil, from)
	b = binary.BigEndian.AppendUint16(b, to)
	b = binary.BigEndian.AppendUint16(b, uint16(8+len(msg)))
	b = append(append(b, 0, 0), msg...)
	if _, err := r.WriteToIP(b, &net.IPAddr{IP: r.addr.AsSlice()}); err != nil {
		r.t.Fatal(err)
	}
}

// replies gives the replies that come from a port until the deadline, by the ports
// that they go to.
func (r *raw) replies(port uint16, until time.Time) map[uint16]int {
	r.t.Helper()
	if err := r.SetReadDeadline(until); err != nil {
		r.t.Fatal(err)
	}
	n := make(map[uint16]int)
	for b := make([]byte, 1<<16); ; {
		size, _, err := r.ReadFromIP(b)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return n
		}
		if err != nil {
			r.t.Fatal(err)
		}
		if size >= 8+headerLen && binary.BigEndian.Uint16(b) == port && b[8+2]&0x80 != 0 {
			n[binary.BigEndian.Uint16(b[2:])]++
		}
	}
}

// loops sends queries that would make the server answer itself, and others without
// end, or nobody.
func loops(t *testing.T, at place) {
	if at.tcp() {
		return // a connection has two ends
	}
	port := at.addr.Port()
	r := listenRaw(t, at.addr.Addr())
	for id := range uint16(20) {
		r.send(port, port, message(id, probe))
		r.send(0, port, message(id, probe))
	}
	// These come later: also to other sockets than those that had the above.
	var last uint16
	for range 20 {
		w := dial(t, at.path)
		w.ask(probe)
		last = netip.MustParseAddrPort(w.LocalAddr().String()).Port()
	}
	n := r.replies(port, time.Now().Add(time.Second/2))
	if n[port] > 0 || n[0] > 0 {
		t.Errorf("the server answered itself %d times, and port 0 %d times", n[port], n[0])
	}
	if n[last] == 0 {
		t.Error("the raw socket saw no replies at all")
	}
	if log := at.server.Log(); strings.Contains(log, "cannot send a reply") {
		t.Errorf("the server tried to answer port 0:\n%s", log)
	}
}
