package dnsserver

import (
	"net"
	"testing"
)

// A socket that was empty has been waited for: it is what ends a row of rests.
func TestBatchKnowsWhetherItWasWaitedFor(t *testing.T) {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	check(t, err)
	defer c.Close()
	b, err := newBatch(c, false)
	check(t, err)
	found := true
	check(t, b.raw.Control(func(fd uintptr) { found = b.tryReceive(fd) }))
	if found || !b.waited {
		t.Errorf("of an empty socket: found something %v, waited %v", found, b.waited)
	}
	_, err = c.WriteTo([]byte("?"), c.LocalAddr())
	check(t, err)
	n, err := b.receive()
	check(t, err)
	b.turn.Unlock()
	if n != 1 || b.waited {
		t.Errorf("of a socket with a datagram: %d datagrams, waited %v", n, b.waited)
	}
}
