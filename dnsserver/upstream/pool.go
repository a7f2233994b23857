package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/miekg/dns"
)

const (
	maxCalls = 64 // under way on one connection
	manyCall = 16 // from here on another connection is opened
)

// pool is the connections to one server.
type pool struct {
	s *server

	mu    sync.Mutex // guards the following
	conns []*conn
}

// stream asks over TCP or TLS, and once more over a new connection where an old one
// turns out to be lost. The verdict is accepted or folded.
func (s *server) stream(ctx context.Context, q *query) (*dns.Msg, verdict, error) {
	if s.addr.tls {
		s.n.tls.Add(1)
	} else {
		s.n.tcp.Add(1)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.client.o.Timeout, ErrTimeout)
	defer cancel()
	msg, used, err := s.pool.call(ctx, q, false)
	if used && errors.Is(err, errLost) {
		msg, _, err = s.pool.call(ctx, q, true)
	}
	if err != nil {
		return nil, foreign, s.failed(ctx, err)
	}
	defer msg.free()
	v := q.judge(msg.b)
	if v != accepted && v != folded {
		s.n.mismatches.Add(1)
		return nil, v, ErrMismatch
	}
	if truncated(msg.b) {
		return nil, v, errTruncated
	}
	m, err := s.readReply(q, msg.b)
	return m, v, err
}

// call asks over one of the connections; used says that it was open before.
func (p *pool) call(ctx context.Context, q *query, fresh bool) (msg *message, used bool, err error) {
	c, used, err := p.take(fresh)
	if err != nil {
		return nil, false, err
	}
	defer p.leave(c)
	msg, err = c.call(ctx, q)
	return msg, used, err
}

// take chooses the connection with the fewest calls, or opens another one.
func (p *pool) take(fresh bool) (c *conn, used bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.conns) > 0 {
		c = slices.MinFunc(p.conns, func(a, b *conn) int { return a.users - b.users })
	}
	room := len(p.conns) < p.s.client.o.MaxConns
	switch {
	case c != nil && (c.users < manyCall && !fresh || !room):
		if c.users >= maxCalls {
			return nil, false, ErrBusy
		}
		used = true
	default:
		if c, err = p.open(); err != nil {
			return nil, false, err
		}
	}
	c.users++
	return c, used, nil
}

func (p *pool) leave(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.users--
}

// remove is called when c is not to be used any more.
func (p *pool) remove(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns = slices.DeleteFunc(p.conns, func(o *conn) bool { return o == c })
}

// open starts a connection. The caller holds p.mu.
func (p *pool) open() (*conn, error) {
	cl := p.s.client
	cl.mu.RLock() // against Close, which waits for what was started before
	defer cl.mu.RUnlock()
	if cl.ctx.Err() != nil {
		return nil, ErrClosed
	}
	c := newConn(p)
	p.conns = append(p.conns, c)
	cl.wg.Go(func() { c.run(cl.ctx) })
	return c, nil
}

// dial connects, and with TLS verifies the server, within one time-out.
func (p *pool) dial(ctx context.Context) (net.Conn, error) {
	p.s.n.dials.Add(1)
	cl := p.s.client
	ctx, cancel := context.WithTimeoutCause(ctx, cl.o.Timeout, ErrTimeout)
	defer cancel()
	c, err := new(net.Dialer).DialContext(ctx, "tcp", p.s.addr.at.String())
	if err != nil || !p.s.addr.tls {
		return c, err
	}
	config := cl.tls.Clone()
	config.ServerName = p.s.addr.verifyName()
	t := tls.Client(c, config)
	if err := t.HandshakeContext(ctx); err != nil {
		c.Close()
		return nil, err
	}
	return t, nil
}

// deadline is when a connection that does nothing from now on is given up.
func (p *pool) deadline() time.Time { return time.Now().Add(p.s.client.o.IdleTimeout) }
