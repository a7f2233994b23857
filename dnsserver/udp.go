package dnsserver

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"time"
)

// udpLoop reads and answers the datagrams of one socket, batch by batch: an answer is
// made in less time than starting a goroutine takes, and much less than a system call.
type udpLoop struct {
	server    *Server
	conn      *net.UDPConn
	addr      netip.AddrPort
	wildcard  bool   // the address that was asked comes with each datagram
	batch     *batch // of whoever has its turn, as are the following
	queue     queue
	coalescer coalescer
	names     [MaxAhead][]byte // of questions that are read ahead
	r         responder
}

func (s *Server) newUDP(c *net.UDPConn, addr netip.AddrPort) (*udpLoop, error) {
	wildcard := addr.Addr().IsUnspecified()
	b, err := newBatch(c, wildcard)
	return &udpLoop{
		server:    s,
		conn:      c,
		addr:      addr,
		wildcard:  wildcard,
		batch:     b,
		queue:     queue{conn: c, now: sinceStart},
		coalescer: coalescer{now: sinceStart},
		r:         s.newResponder(s.newCounters(), s.errors),
	}, err
}

// readPause is how long a socket rests after a failed read.
const readPause = 10 * time.Millisecond

// serve returns when reading is stopped, or with an error when the socket is gone.
func (u *udpLoop) serve(ctx context.Context) error {
	for !u.server.stopping.Load() {
		n, err := u.batch.receive()
		switch {
		case err == nil:
			u.coalescer.begin(u.batch.waited)
			u.answer(ctx, n)
			u.batch.turn.Unlock()
			if u.coalescer.end(n) && !u.server.waiters.crowded() {
				u.coalescer.rest()
			}
		case u.server.stopping.Load():
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

// glance answers what waits in the socket now, unless somebody does so already.
func (u *udpLoop) glance(ctx context.Context) {
	if u.server.stopping.Load() || !u.batch.turn.TryLock() {
		return
	}
	defer u.batch.turn.Unlock()
	if n := u.batch.take(); n > 0 {
		u.answer(ctx, n)
	}
}

// answer answers the first n datagrams of the batch. The caller has its turn.
func (u *udpLoop) answer(ctx context.Context, n int) {
	b := u.batch
	for i := range n {
		if i%MaxAhead == 0 {
			u.ahead(i, n)
		}
		msg, control, from := b.datagram(i)
		if reply := u.reply(ctx, msg, b.room(i), control, from); len(reply) > 0 {
			b.reply(i, reply)
		}
	}
	if failed, err := b.send(); failed > 0 {
		u.failed(failed, err)
	}
	u.queue.took(b.full(n))
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
