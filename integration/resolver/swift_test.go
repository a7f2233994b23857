package resolver

import (
	"errors"
	"net"
	"net/netip"
	"testing"
)

// startSwift starts an upstream that gives every name an address, and does so little for
// it that it can be asked 20,000 times a second beside the asker: all others measure
// themselves.
func startSwift(t testing.TB) netip.AddrPort {
	t.Helper()
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadBuffer(4 << 20) // less loses more
	ended := make(chan struct{})
	t.Cleanup(func() {
		c.Close()
		<-ended
	})
	go func() {
		defer close(ended)
		answerSwiftly(c)
	}()
	return c.LocalAddr().(*net.UDPAddr).AddrPort()
}

func answerSwiftly(c *net.UDPConn) {
	b := make([]byte, 4096)
	for {
		n, from, err := c.ReadFromUDPAddrPort(b)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		end := 12
		for end < n && b[end] != 0 {
			end += 1 + int(b[end])
		}
		if end += 5; err != nil || end > n {
			continue
		}
		copy(b[2:12], "\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00")                                       // a reply with one record
		reply := append(b[:end], "\xc0\x0c\x00\x01\x00\x01\x00\x00\x0e\x10\x00\x04\xc0\x00\x02\x50"...) // an hour, 192.0.2.80
		c.WriteToUDPAddrPort(reply, from)
	}
}
