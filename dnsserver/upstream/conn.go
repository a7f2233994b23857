package upstream

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// errLost is the end of a connection that had been open.
var errLost = errors.New("the server closed the connection")

// conn is one TCP or TLS connection with the calls that are under way on it (RFC 7766
// §6.2.1.1). Its goroutine, run, opens it, reads it and closes it.
type conn struct {
	pool   *pool
	cancel context.CancelFunc // closes it

	users int  // calls; guarded by pool.mu
	alone bool // there is one call, and no other may come; guarded by pool.mu

	ready chan struct{} // closed when net or err is set
	net   net.Conn
	heard atomic.Int64 // when the last reply came, in nanoseconds since start

	mu    sync.Mutex // guards the following
	calls map[uint16]chan *message
	err   error // why there are no more calls
}

// message is a reply in memory that is used again.
type message struct{ b []byte }

var messages = sync.Pool{New: func() any { return new(message) }}

// keepMessage is the size of messages whose memory is kept.
const keepMessage = 4 << 10

func (m *message) free() {
	if cap(m.b) <= keepMessage {
		messages.Put(m)
	}
}

func newConn(p *pool) *conn {
	return &conn{pool: p, ready: make(chan struct{}), calls: map[uint16]chan *message{}}
}

// run returns when the connection is lost or idle, or the client closed.
func (c *conn) run(ctx context.Context) {
	nc, err := c.pool.dial(ctx)
	if err != nil {
		if c.pool.s.client.ctx.Err() != nil {
			err = ErrClosed
		}
		c.end(fmt.Errorf("connect: %w", err))
		close(c.ready)
		return
	}
	c.net = nc
	_ = nc.SetReadDeadline(c.pool.deadline())
	close(c.ready)
	stop := context.AfterFunc(ctx, func() { nc.Close() })
	defer stop()
	err = c.readAll()
	nc.Close()
	if c.pool.s.client.ctx.Err() != nil {
		c.end(ErrClosed)
		return
	}
	c.end(fmt.Errorf("%w: %w", errLost, err))
}

// end fails all calls. The connection leaves the pool first, so that those who ask
// again get another.
func (c *conn) end(err error) {
	c.mu.Lock()
	c.err = err // before: a connection that was alone must not come to the pool afterwards
	c.mu.Unlock()
	c.pool.remove(c)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, reply := range c.calls {
		close(reply)
	}
	clear(c.calls)
}

// readAll gives replies to the calls that they belong to, in whatever order they come.
func (c *conn) readAll() error {
	br := bufio.NewReaderSize(c.net, 1<<10)
	for {
		m, err := readMessage(br)
		if err != nil {
			return err
		}
		_ = c.net.SetReadDeadline(c.pool.deadline())
		c.heard.Store(sinceStart())
		if len(m.b) < headerLen {
			return errMalformed
		}
		c.deliver(binary.BigEndian.Uint16(m.b), m)
	}
}

// readMessage gives memory for what has come, not for what is announced.
func readMessage(r io.Reader) (*message, error) {
	var head [lengthLen]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	m := messages.Get().(*message)
	n, have := int(binary.BigEndian.Uint16(head[:])), 0
	for {
		want := min(n, max(cap(m.b), 2*have, 512))
		if want > cap(m.b) {
			m.b = append(make([]byte, 0, want), m.b[:have]...)
		}
		m.b = m.b[:want]
		if _, err := io.ReadFull(r, m.b[have:]); err != nil {
			return nil, err
		}
		if have = want; have == n {
			return m, nil
		}
	}
}

// deliver passes over replies whose caller has gone, or has one. The identity stays
// with the caller, or the next one to draw it could lose it to him.
func (c *conn) deliver(id uint16, m *message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case c.calls[id] <- m: // has room for one; nil has none
	default:
		m.free()
	}
}

// call sends a query and waits for the reply.
func (c *conn) call(ctx context.Context, q *query) (*message, error) {
	select {
	case <-c.ready:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	q.draw()
	id, reply, err := c.register(q.id())
	if err != nil {
		return nil, err
	}
	defer c.forget(id)
	q.write(id)
	began := sinceStart()
	if err := c.send(q.framed()); err != nil {
		return nil, err
	}
	select {
	case m, ok := <-reply:
		if !ok {
			return nil, c.why()
		}
		c.pool.s.n.took(time.Duration(sinceStart() - began))
		return m, nil
	case <-ctx.Done():
		c.giveUp(began)
		return nil, ctx.Err()
	}
}

// register finds an identity that no other call has.
func (c *conn) register(id uint16) (uint16, chan *message, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return 0, nil, c.err
	}
	for c.calls[id] != nil {
		var b [2]byte
		rand.Read(b[:])
		id = binary.BigEndian.Uint16(b[:])
	}
	reply := make(chan *message, 1)
	c.calls[id] = reply
	return id, reply, nil
}

func (c *conn) forget(id uint16) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.calls, id)
}

func (c *conn) why() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// send writes length and message in one piece (RFC 7766 §8). It waits only where a
// server reads nothing for thousands of queries, and then not for long.
func (c *conn) send(framed []byte) error {
	now := time.Now()
	_ = c.net.SetReadDeadline(now.Add(c.pool.s.client.o.IdleTimeout))
	_ = c.net.SetWriteDeadline(now.Add(c.pool.s.client.o.Timeout))
	if _, err := c.net.Write(framed); err != nil {
		c.cancel() // nothing may follow a part of a message
		return fmt.Errorf("%w: %w", errLost, err)
	}
	return nil
}

// giveUp closes a connection on which nothing came since a query was sent long ago: it
// may be dead without anybody having said so, and would hold up those who ask next.
func (c *conn) giveUp(since int64) {
	long := time.Duration(sinceStart()-since) > c.pool.s.client.o.Timeout/2
	if long && c.heard.Load() < since {
		c.pool.remove(c)
		c.cancel()
	}
}

var start = time.Now()

// sinceStart is monotonic.
func sinceStart() int64 { return int64(time.Since(start)) }
