package dnsserver

import (
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

// A queue that is never emptied is shortened, and one that is may hold bursts again.
func TestQueueThatStandsIsShort(t *testing.T) {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	check(t, err)
	defer c.Close()
	check(t, c.SetReadBuffer(burstBuffer))
	long := bufferOf(t, c)
	q := queue{conn: c}
	batches := func(n int, full bool) int {
		for range n {
			q.took(full)
		}
		return bufferOf(t, c)
	}
	steps := []struct {
		name  string
		n     int
		full  bool
		short bool
	}{
		{"a burst", standing - 1, true, false},
		{"its end", 1, false, false},
		{"another", standing - 1, true, false},
		{"that does not end", 1, true, true},
		{"a pause", standing - 1, false, true},
		{"more", 1, true, true},
		{"and at last its end", standing, false, false},
	}
	for _, s := range steps {
		if size := batches(s.n, s.full); (size < long) != s.short {
			t.Errorf("%s: the queue holds %d octets of %d", s.name, size, long)
		}
	}
}

func bufferOf(t *testing.T, c *net.UDPConn) (size int) {
	t.Helper()
	raw, err := c.SyscallConn()
	check(t, err)
	var e error
	check(t, raw.Control(func(fd uintptr) { size, e = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF) }))
	check(t, e)
	return size
}
