package dnsserver

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"time"
)

// udpLoop reads and answers the datagrams of one socket, one after another: the
// answers are made in less time than starting a goroutine takes.
type udpLoop struct {
	server   *Server
	conn     *net.UDPConn
	addr     netip.AddrPort
	wildcard bool // the address that was asked comes with each datagram
	r        responder
}

func (s *Server) newUDP(c *net.UDPConn, addr netip.AddrPort) *udpLoop {
	return &udpLoop{
		server:   s,
		conn:     c,
		addr:     addr,
		wildcard: addr.Addr().IsUnspecified(),
		r:        s.newResponder(s.newCounters(), s.errors),
	}
}

// readPause is how long a socket rests after a failed read.
const readPause = 10 * time.Millisecond

// serve returns when reading is stopped, or with an error when the socket is gone.
func (u *udpLoop) serve(ctx context.Context) error {
	in, out := make([]byte, 1<<16), make([]byte, 0, maxUDPSize)
	var control []byte
	if u.wildcard {
		control = make([]byte, infoSpace)
	}
	for {
		n, nc, _, from, err := u.conn.ReadMsgUDPAddrPort(in, control)
		switch {
		case err == nil:
			u.answer(ctx, in[:n], out[:0], control[:nc], from)
		case u.server.stopping.Load():
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		default:
			u.r.n.errors.Add(1)
			u.server.log.warn(reading, "cannot read queries", "address", u.addr, "err", err)
			pause(ctx, readPause)
		}
	}
}

func (u *udpLoop) answer(ctx context.Context, msg, out, control []byte, from netip.AddrPort) {
	local := u.addr
	if u.wildcard {
		asked, ok := askedAddr(control)
		if !ok {
			u.r.n.queries[UDP].Add(1)
			u.r.n.dropped.Add(1)
			return
		}
		local = netip.AddrPortFrom(asked, u.addr.Port())
	}
	u.r.q = Query{From: unmapped(from), Local: local, Transport: UDP}
	reply, wait := u.r.respond(ctx, msg, out)
	if wait && !u.later(ctx, msg, control, from) {
		reply = u.r.busy(out)
	}
	u.send(reply, control, from)
}

// later answers msg when its answer is there.
func (u *udpLoop) later(ctx context.Context, msg, control []byte, from netip.AddrPort) bool {
	control = slices.Clone(control)
	return u.server.waiters.start(ctx, &u.r.q, msg, 0, func(reply []byte) { u.send(reply, control, from) })
}

// send sends a reply, when there is one.
func (u *udpLoop) send(reply, control []byte, from netip.AddrPort) {
	if len(reply) == 0 {
		return
	}
	if _, _, err := u.conn.WriteMsgUDPAddrPort(reply, control, from); err != nil {
		u.r.n.errors.Add(1)
		u.server.log.warn(sending, "cannot send a reply", "address", u.addr, "to", from, "err", err)
	}
}

func unmapped(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}
