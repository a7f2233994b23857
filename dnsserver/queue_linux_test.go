package dnsserver

import (
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A queue that is never emptied is shortened, and one that is may hold bursts again.
func TestQueueThatStandsIsShort(t *testing.T) {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	check(t, err)
	defer c.Close()
	check(t, c.SetReadBuffer(burstBuffer))
	long := bufferOf(t, c)
	now := int64(0)
	q := queue{conn: c, now: func() int64 { return now }}
	batches := func(n int, full bool) int {
		for range n {
			now += int64(2 * time.Millisecond)
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

// What takes no time is no reason to drop anything.
func TestQueueThatStandsIsAsLongAsItMayWait(t *testing.T) {
	const queries = (standing - 1) * batchSize
	for _, tt := range []struct {
		each time.Duration // query
		want int           // that may wait
	}{
		{time.Microsecond, burstBuffer / queryBuffer},
		{8 * time.Microsecond, 1250},
		{32 * time.Microsecond, 312},
		{time.Millisecond, shortestBuffer / queryBuffer},
		{0, burstBuffer / queryBuffer},
	} {
		if got := standingBuffer(int64(tt.each)*queries) / queryBuffer; got != tt.want {
			t.Errorf("%v for each query: %d may wait, want %d", tt.each, got, tt.want)
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
