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
	maxCalls  = 64 // under way on one connection, and calls alone on one
	manyCalls = 16 // from here on another connection is opened
)

// pool is the connections to one server.
type pool struct {
	s *server

	mu    sync.Mutex // guards the following
	conns []*conn    // that calls may share
	alone int        // calls that are alone on others
}

// stream asks over TCP or TLS, and once more over a connection of its own where one that
// it shares turns out to be lost: it may have been idle for longer than the server likes,
// or the server closes it after each reply. The verdict is accepted or folded.
func (s *server) stream(ctx context.Context, q *query) (*dns.Msg, verdict, error) {
	if s.addr.tls {
		s.n.tls.Add(1)
	} else {
		s.n.tcp.Add(1)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.client.o.Timeout, ErrTimeout)
	defer cancel()
	msg, err := s.pool.call(ctx, q, false)
	if errors.Is(err, errLost) {
		msg, err = s.pool.call(ctx, q, true)
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
	if err == nil {
		s.cookies.hear(q.cookie, q.reply.cookie)
	}
	return m, v, err
}

// call asks over one connection.
func (p *pool) call(ctx context.Context, q *query, alone bool) (*message, error) {
	c, err := p.take(alone)
	if err != nil {
		return nil, err
	}
	defer p.leave(c)
	return c.call(ctx, q)
}

// take chooses the connection with the fewest calls, or opens another one. For a call
// that is to be alone on it, that one is not for others yet.
func (p *pool) take(alone bool) (c *conn, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.conns) > 0 {
		c = slices.MinFunc(p.conns, func(a, b *conn) int { return a.users - b.users })
	}
	switch {
	case alone && p.alone < maxCalls:
		if c, err = p.open(); err != nil {
			return nil, err
		}
		c.alone = true
		p.alone++
	case !alone && p.room() && (c == nil || c.users >= manyCalls):
		if c, err = p.open(); err != nil {
			return nil, err
		}
		p.conns = append(p.conns, c)
	case alone, c.users >= maxCalls:
		return nil, ErrBusy
	}
	c.users++
	return c, nil
}

func (p *pool) room() bool { return len(p.conns) < p.s.client.o.MaxConns }

// leave ends a call. A connection that it was alone on is then for all, or closed.
func (p *pool) leave(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.users--
	if !c.alone {
		return
	}
	c.alone = false
	p.alone--
	if p.room() && c.why() == nil {
		p.conns = append(p.conns, c)
	} else {
		c.cancel()
	}
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
	var ctx context.Context
	ctx, c.cancel = context.WithCancel(cl.ctx)
	cl.wg.Go(func() {
		defer c.cancel()
		c.run(ctx)
	})
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
