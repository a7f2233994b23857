package conformance

import (
	"encoding/binary"
	"net"
	"net/netip"
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

// watch counts the replies that come from a port, by the ports that they go to, and
// gives them half a second after it was told to stop.
func (r *raw) watch(port uint16) (stop func() map[uint16]int) {
	n, done := make(map[uint16]int), make(chan struct{})
	go func() {
		defer close(done)
		for b := make([]byte, 1<<16); ; {
			size, _, err := r.ReadFromIP(b)
			if err != nil {
				return
			}
			if size >= 8+headerLen && binary.BigEndian.Uint16(b) == port && b[8+2]&0x80 != 0 {
				n[binary.BigEndian.Uint16(b[2:])]++
			}
		}
	}()
	return func() map[uint16]int {
		r.SetReadDeadline(time.Now().Add(time.Second / 2))
		<-done
		return n
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
	stop := r.watch(port)
	for id := range uint16(20) {
		r.send(port, port, message(id, probe))
		r.send(0, port, message(id, probe))
	}
	// These come later: also to other sockets than those that had the above.
	for range 20 {
		dial(t, at.path).ask(probe)
	}
	n := stop()
	if n[port] > 0 || n[0] > 0 {
		t.Errorf("the server answered itself %d times, and port 0 %d times", n[port], n[0])
	}
	if len(n) == 0 {
		t.Error("the raw socket saw no replies at all")
	}
	if log := at.server.Log(); strings.Contains(log, "cannot send a reply") {
		t.Errorf("the server tried to answer port 0:\n%s", log)
	}
}
