package main

import (
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// How long a server that ends waits for a request that may be on its way: who has just
// connected is about to ask, and who has had an answer may be.
const (
	firstWait = time.Second
	nextWait  = time.Second / 2
)

// serverConn is one connection of an HTTP server. When the server ends, it is the one
// who reads that gives up waiting for a request: nobody else could know that none has
// come.
type serverConn struct {
	net.Conn
	of      *conns
	release func()
	direct  direct

	mu       sync.Mutex // guards the fields below
	until    time.Time  // when the wait for a request is over, once the server ends; zero: there is one
	deadline time.Time  // for reading, as HTTP has set it
}

// awaits says that a request may come from now on.
func (c *serverConn) awaits(wait time.Duration) { c.set(time.Now().Add(wait)) }

// heard says that a request has begun: it has the time that HTTP gives it.
func (c *serverConn) heard() { c.set(time.Time{}) }

func (c *serverConn) set(until time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	changed := c.until != until
	c.until = until
	if changed && c.of.ending.Load() {
		_ = c.arm()
	}
}

// hurry limits the wait for a request, now that the server ends.
func (c *serverConn) hurry() {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.arm()
}

// Read implements net.Conn. What it reads and answers itself net/http never sees.
func (c *serverConn) Read(b []byte) (int, error) {
	for {
		n, err := c.read(b)
		if n == 0 || err != nil {
			return n, err
		}
		if answered, err := c.answer(b[:n]); !answered {
			return n, nil
		} else if err != nil {
			return 0, err
		}
	}
}

func (c *serverConn) read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if errors.Is(err, os.ErrDeadlineExceeded) && c.tired() {
		n, err = c.last(b, err)
	}
	if n > 0 {
		c.heard()
	}
	return n, err
}

// tired reports whether the wait for a request has ended, and not that for its rest.
func (c *serverConn) tired() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.of.ending.Load() && !c.until.IsZero()
}

// last reads what came while the wait ended.
func (c *serverConn) last(b []byte, late error) (n int, err error) {
	raw, err := c.Conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return 0, late
	}
	if raw.Control(func(fd uintptr) { n, err = syscall.Read(int(fd), b) }) != nil || err != nil || n <= 0 {
		return 0, late
	}
	return n, nil
}

// SetReadDeadline implements net.Conn.
func (c *serverConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = t
	return c.arm()
}

// arm sets the deadline for reading. The caller holds mu.
func (c *serverConn) arm() error {
	d := c.deadline
	if c.of.ending.Load() && !c.until.IsZero() && (d.IsZero() || c.until.Before(d)) {
		d = c.until
	}
	return c.Conn.SetReadDeadline(d)
}

// Close implements net.Conn.
func (c *serverConn) Close() error {
	defer c.release()
	return c.Conn.Close()
}
