package dnsserver

import (
	"context"
	"encoding/binary"
	"errors"
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
	busy    atomic.Int32  // queries, or several together, being answered
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
// the server stops. Queries that have come together are answered by one write.
func (c *conn) serve(ctx context.Context) {
	defer c.waiting.Wait()
	var in inbox
	var out []byte
	for {
		c.armRead()
		msg, err := in.next(c.net)
		if err != nil {
			return
		}
		c.asked.Store(true)
		c.busy.Add(1)
		for ok := true; ok; msg, ok = in.whole() {
			if out, err = c.answer(ctx, msg, out); err != nil {
				break
			}
		}
		if e := c.write(out); err != nil || e != nil {
			return
		}
		out = keep(out)
		in.rest()
		c.rest()
	}
}

// maxTogether is how many octets of replies gather before they are written.
const maxTogether = 16 << 10

// errNoReply ends a connection: over TCP there is no other way not to answer.
var errNoReply = errors.New("the message gets no reply")

// answer appends the reply to msg, with its length before it, to out, or has it follow
// when it is there.
func (c *conn) answer(ctx context.Context, msg, out []byte) ([]byte, error) {
	if len(out) >= maxTogether {
		if err := c.write(out); err != nil {
			return nil, err
		}
		out = out[:0]
	}
	at := len(out)
	c.r.q = c.query()
	reply, wait := c.r.respond(ctx, msg, append(out, 0, 0))
	if wait {
		// There may be no place for a while: nobody waits for that with a reply.
		if err := c.write(out); err != nil {
			return nil, err
		}
		if out, at = out[:0], 0; c.later(ctx, msg) {
			return out, nil
		}
		reply = c.r.busy(append(out, 0, 0))
	}
	n := len(reply) - at - 2
	if n == 0 {
		return out, errNoReply
	}
	binary.BigEndian.PutUint16(reply[at:], uint16(n))
	return reply, nil
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
	c.busy.Add(1)
	done := func() {
		c.rest()
		<-c.places
		c.waiting.Done()
	}
	ok := c.s.waiters.start(ctx, &c.r.q, msg, 2, func(reply []byte) {
		defer done()
		if n := len(reply) - 2; n > 0 {
			binary.BigEndian.PutUint16(reply, uint16(n))
			_ = c.write(reply) // an error ends reading
		}
	})
	if !ok {
		done()
	}
	return ok
}

// write sends replies in one piece (RFC 7766 §8), when there are any. Whoever does not
// take its replies is cut off: nothing may follow a part of one.
func (c *conn) write(out []byte) (err error) {
	if len(out) == 0 {
		return nil
	}
	defer func() {
		if err != nil {
			c.raw.Close()
		}
	}()
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
const firstQuery = time.Second

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
