package dnsserver

import (
	"context"
	"net"
	"net/netip"
	"sync"
)

// conns are the open connections of a server over all transports, within its limits.
type conns struct {
	s  *Server
	n  *counters
	wg sync.WaitGroup

	mu     sync.Mutex // guards the following
	open   map[*conn]netip.Addr
	byAddr map[netip.Addr]int
}

func newConns(s *Server) *conns {
	return &conns{s: s, n: s.newCounters(), open: map[*conn]netip.Addr{}, byAddr: map[netip.Addr]int{}}
}

// start serves a connection in a goroutine of its own, or closes it at once.
func (cs *conns) start(ctx context.Context, nc net.Conn, over Transport) {
	c := newConn(cs.s, nc, over, cs.n)
	if !cs.add(c) {
		cs.n.refused.Add(1)
		reset(nc)
		return
	}
	cs.wg.Go(func() {
		c.run(ctx)
		cs.remove(c)
		nc.Close()
	})
}

// add takes a connection in. When there are as many as may be, the one that has
// been idle for longest makes room (RFC 9210 §4.2).
func (cs *conns) add(c *conn) bool {
	from := peer(addrPort(c.raw.RemoteAddr()).Addr())
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.byAddr[from] >= cs.s.o.MaxConnsPerIP {
		return false
	}
	if len(cs.open) >= cs.s.o.MaxConns && !cs.evictLocked() {
		return false
	}
	cs.open[c] = from
	cs.byAddr[from]++
	return true
}

func (cs *conns) remove(c *conn) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.removeLocked(c)
}

func (cs *conns) removeLocked(c *conn) {
	from, ok := cs.open[c]
	if !ok {
		return // it was evicted
	}
	delete(cs.open, c)
	if cs.byAddr[from]--; cs.byAddr[from] == 0 {
		delete(cs.byAddr, from)
	}
}

// evict closes the connection that has been idle for longest.
func (cs *conns) evict() {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.evictLocked()
}

// evictAmong is how many connections are looked at to find the oldest: all of them by
// default, and otherwise as many that the map happens to give, so that a flood of
// connections costs little each.
const evictAmong = 1000

func (cs *conns) evictLocked() bool {
	var oldest *conn
	var since int64
	seen := 0
	for c := range cs.open {
		if seen++; seen > evictAmong {
			break
		}
		if t := c.idle.Load(); c.busy.Load() == 0 && (oldest == nil || t < since) {
			oldest, since = c, t
		}
	}
	if oldest == nil {
		return false
	}
	cs.removeLocked(oldest)
	cs.n.evicted.Add(1)
	oldest.raw.Close() // does not wait for the other side
	return true
}

// expectQuery reports whether a connection of one transport has not asked anything yet.
func (cs *conns) expectQuery(over Transport) bool {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	for c := range cs.open {
		if c.over == over && !c.asked.Load() {
			return true
		}
	}
	return false
}

func (cs *conns) count() int {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	return len(cs.open)
}

// stop ends reading on all connections. It comes after Server.stopping is set, so
// that those which are added later see it.
func (cs *conns) stop() {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	for c := range cs.open {
		c.stop()
	}
}

// reset cuts all connections off.
func (cs *conns) reset() {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	for c := range cs.open {
		reset(c.raw)
	}
}

// reset closes a connection without the state that an orderly end leaves behind.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	c.Close()
}

func addrPort(a net.Addr) netip.AddrPort {
	return unmapped(a.(*net.TCPAddr).AddrPort())
}
