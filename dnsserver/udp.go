package dnsserver

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"time"
)

// udpLoop reads and answers the datagrams of one socket, batch by batch: an answer is
// made in less time than starting a goroutine takes, and much less than a system call.
type udpLoop struct {
	server   *Server
	conn     *net.UDPConn
	addr     netip.AddrPort
	wildcard bool // the address that was asked comes with each datagram
	queue    queue
	glancing bool // the next read has a deadline
	r        responder
}

func (s *Server) newUDP(c *net.UDPConn, addr netip.AddrPort) *udpLoop {
	return &udpLoop{
		server:   s,
		conn:     c,
		addr:     addr,
		wildcard: addr.Addr().IsUnspecified(),
		queue:    queue{conn: c},
		r:        s.newResponder(s.newCounters(), s.errors),
	}
}

// readPause is how long a socket rests after a failed read.
const readPause = 10 * time.Millisecond

// serve returns when reading is stopped, or with an error when the socket is gone.
func (u *udpLoop) serve(ctx context.Context) error {
	b, err := newBatch(u.conn, u.wildcard)
	if err != nil {
		return err
	}
	for u.glance() {
		n, err := b.receive()
		switch {
		case err == nil:
			u.answer(ctx, b, n)
			u.queue.took(b.full(n))
		case u.server.stopping.Load():
			return nil
		case errors.Is(err, os.ErrDeadlineExceeded): // a glance
		case errors.Is(err, net.ErrClosed):
			return err
		default:
			u.r.n.errors.Add(1)
			u.server.log.warn(reading, "cannot read queries", "address", u.addr, "err", err)
			pause(ctx, readPause)
		}
	}
	return nil
}

// glances is the time from one look at the socket to the next while many queries wait.
// Go's scheduler looks for datagrams only when it has nothing else to run, and every 10 ms;
// at timers it looks before each goroutine that it runs. So those that ask others keep
// this one from what it can answer from memory for no longer than that.
const glances = 500 * time.Microsecond

// glance has the next read end soon while many queries wait. It reports false when the
// server has been told to stop, whose deadline it may have undone.
func (u *udpLoop) glance() bool {
	crowded := u.server.waiters.crowded()
	if crowded {
		_ = u.conn.SetReadDeadline(time.Now().Add(glances)) // the read tells of a socket that is gone
	} else if u.glancing {
		_ = u.conn.SetReadDeadline(time.Time{})
	}
	u.glancing = crowded
	return !u.server.stopping.Load()
}

// answer answers the first n datagrams of a batch.
func (u *udpLoop) answer(ctx context.Context, b *batch, n int) {
	for i := range n {
		msg, control, from := b.datagram(i)
		if reply := u.reply(ctx, msg, b.room(i), control, from); len(reply) > 0 {
			b.reply(i, reply)
		}
	}
	if failed, err := b.send(); failed > 0 {
		u.failed(failed, err)
	}
}

// reply appends the reply to msg to out, or nothing.
func (u *udpLoop) reply(ctx context.Context, msg, out, control []byte, from netip.AddrPort) []byte {
	local := u.addr
	if u.wildcard {
		asked, ok := askedAddr(control)
		if !ok {
			u.r.n.queries[UDP].Add(1)
			u.r.n.dropped.Add(1)
			return nil
		}
		local = netip.AddrPortFrom(asked, u.addr.Port())
	}
	u.r.q = Query{From: unmapped(from), Local: local, Transport: UDP}
	reply, wait := u.r.respond(ctx, msg, out)
	if wait && !u.later(ctx, msg, control, from) {
		reply = u.r.busy(out)
	}
	return reply
}

// later answers msg when its answer is there.
func (u *udpLoop) later(ctx context.Context, msg, control []byte, from netip.AddrPort) bool {
	control = slices.Clone(control)
	return u.server.waiters.start(ctx, &u.r.q, msg, 0, func(reply []byte) {
		if len(reply) == 0 {
			return
		}
		if _, _, err := u.conn.WriteMsgUDPAddrPort(reply, control, from); err != nil {
			u.failed(1, err)
		}
	})
}

func (u *udpLoop) failed(replies int, err error) {
	u.r.n.errors.Add(uint64(replies))
	u.server.log.warn(sending, "cannot send replies", "address", u.addr, "replies", replies, "err", err)
}

func unmapped(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}
