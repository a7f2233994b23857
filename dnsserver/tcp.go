package dnsserver

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// How long the accept loop rests after failures that follow one another.
const (
	acceptPause    = 5 * time.Millisecond
	acceptPauseMax = time.Second
)

// accept takes connections until running is done. A failure to accept passes by
// itself, or when connections are closed: idle ones are, when descriptors are short.
func (s *Server) accept(running, answering context.Context, l net.Listener, over Transport) error {
	wait := acceptPause
	for {
		c, err := l.Accept()
		switch {
		case err == nil:
			wait = acceptPause
			s.conns.start(answering, c, over)
			continue
		case s.stopping.Load():
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
			s.conns.evict()
		}
		s.conns.n.errors.Add(1)
		s.log.warn(accepting, "cannot accept a connection", "address", l.Addr(), "err", err)
		pause(running, wait)
		wait = min(2*wait, acceptPauseMax)
	}
}

// conn answers the queries of one connection. What is answered from memory is
// answered in the order in which it comes; what must wait follows when it can.
type conn struct {
	raw     net.Conn  // the socket
	net     net.Conn  // what is read and written: the socket, or TLS over it
	over    Transport // TCP, TLS or HTTPS
	s       *Server
	r       responder
	waiting sync.WaitGroup
	places  chan struct{} // for queries that wait; nil before the first
	busy    atomic.Int32  // queries being answered
	idle    atomic.Int64  // since when, in nanoseconds since start, while none is
	asked   atomic.Bool   // it has sent a query
	http    atomic.Bool   // an HTTP server reads from it
}

// newConn readies a connection that has just come.
func newConn(s *Server, c net.Conn, over Transport, n *counters) *conn {
	tc := &conn{raw: c, net: c, over: over, s: s, r: s.newResponder(n, nil)}
	tc.idle.Store(sinceStart())
	return tc
}

// keepBuffer is the size of buffers that a connection keeps while it is idle.
const keepBuffer = 4 << 10

// maxWaitingHere is how many queries of one connection may wait. The next is not read
// before there is a place.
const maxWaitingHere = 32

// run serves the connection in the way of its transport until it is over.
func (c *conn) run(ctx context.Context) {
	if c.over.encrypted() {
		if !c.handshake() {
			return
		}
		defer c.goodbye()
	}
	if c.over == HTTPS {
		c.s.https.serve(c)
		return
	}
	c.serve(ctx)
}

// query is what is known of a query before it is read.
func (c *conn) query() Query {
	return Query{From: addrPort(c.raw.RemoteAddr()), Local: addrPort(c.raw.LocalAddr()), Transport: c.over}
}

// serve returns when the asker is done, too slow or sends what is no query, or when
// the server stops.
func (c *conn) serve(ctx context.Context) {
	defer c.waiting.Wait()
	br := bufio.NewReaderSize(c.net, 1<<10)
	var in, out []byte
	for {
		var err error
		if in, err = c.read(br, in); err != nil {
			return
		}
		c.asked.Store(true)
		c.busy.Add(1)
		out = append(out[:0], 0, 0)
		c.r.q = c.query()
		var wait bool
		if out, wait = c.r.respond(ctx, in, out); wait {
			if c.later(ctx, in) {
				continue
			}
			out = c.r.busy(out)
		}
		if len(out) == 2 || c.write(out) != nil {
			return
		}
		if cap(in) > keepBuffer || cap(out) > keepBuffer {
			in, out = nil, nil
		}
		c.rest()
	}
}

// later answers msg when its answer is there. It reports false when there is no place
// for it.
func (c *conn) later(ctx context.Context, msg []byte) bool {
	if c.places == nil {
		c.places = make(chan struct{}, maxWaitingHere)
	}
	select {
	case c.places <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	c.waiting.Add(1)
	done := func() {
		<-c.places
		c.waiting.Done()
	}
	ok := c.s.waiters.start(ctx, &c.r.q, msg, 2, func(reply []byte) {
		defer done()
		_ = c.write(reply) // an error ends reading
		c.rest()
	})
	if !ok {
		done()
	}
	return ok
}

// read reads one message into in, or a larger buffer. Its deadline is not moved by
// parts of a message: who sends one octet at a time is not served for ever (RFC 7766
// §6.2.3).
func (c *conn) read(br *bufio.Reader, in []byte) ([]byte, error) {
	c.armRead()
	var head [2]byte
	if _, err := io.ReadFull(br, head[:]); err != nil {
		return in, err
	}
	n, have := int(binary.BigEndian.Uint16(head[:])), 0
	for {
		// Memory is given for what has come, not for what is announced.
		want := min(n, max(cap(in), 2*have, minUDPSize))
		if want > cap(in) {
			in = append(make([]byte, 0, want), in[:have]...)
		}
		in = in[:want]
		if _, err := io.ReadFull(br, in[have:]); err != nil {
			return in, err
		}
		if have = want; have == n {
			return in, nil
		}
	}
}

// write sends length and message in one piece (RFC 7766 §8), and nothing when there is
// no message. Whoever does not take its replies is cut off: nothing may follow a part of
// one.
func (c *conn) write(out []byte) (err error) {
	if len(out) == 2 {
		return nil
	}
	defer func() {
		if err != nil {
			c.raw.Close()
		}
	}()
	binary.BigEndian.PutUint16(out, uint16(len(out)-2))
	if err := c.net.SetWriteDeadline(time.Now().Add(c.s.o.WriteTimeout)); err != nil {
		return err
	}
	_, err = c.net.Write(out)
	return err
}

// rest says that a query has been answered.
func (c *conn) rest() {
	c.idle.Store(sinceStart())
	c.busy.Add(-1)
}

// armRead starts the idle time-out, unless reading is over.
func (c *conn) armRead() {
	_ = c.net.SetReadDeadline(time.Now().Add(c.s.o.IdleTimeout))
	if c.s.stopping.Load() { // after the line above: stop may have come between
		c.stop()
	}
}

// firstQuery is how long a connection that has just come has to ask, when the server
// stops: its query is on the way, and whoever takes over does not get it.
const firstQuery = 500 * time.Millisecond

// stop ends reading; what has been read is still answered. What HTTP reads is its own
// matter.
func (c *conn) stop() {
	end := time.Unix(1, 0)
	if !c.asked.Load() {
		end = time.Now().Add(firstQuery)
	}
	if !c.http.Load() {
		_ = c.raw.SetReadDeadline(end)
	}
}
