package upstream

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"syscall"
	"time"

	"github.com/miekg/dns"
)

// Why an attempt over UDP is followed by one over TCP.
var (
	errGuessed = errors.New("replies to other questions came")
	errFolded  = errors.New("the reply has the question in another case")
)

// Ports are drawn from here up (decision 0012). portTries is how many are tried before
// the system is left to choose.
const (
	firstPort = 16384
	portTries = 4
)

// maxForeign is how many messages that are no reply are ignored before the question is
// asked over TCP.
const maxForeign = 8

// udp asks from a socket of its own and waits for the reply to what it has sent. What
// else comes does not end the waiting (RFC 5452 §9.1).
func (s *server) udp(ctx context.Context, q *query) (*dns.Msg, error) {
	q.draw()
	c, err := dial(s.remote, &q.local, q.ports())
	if err != nil {
		return nil, err
	}
	defer c.Close()
	began := time.Now()
	if q.cookie = nil; q.edns {
		q.cookie = s.cookies.take(q.cookieBuf[:0], c.LocalAddr(), began)
	}
	q.write(q.id())
	end := began.Add(s.client.o.Timeout)
	if d, ok := ctx.Deadline(); ok && d.Before(end) {
		end = d
	}
	_ = c.SetDeadline(end) // fails only where c is closed
	if ctx.Done() != nil {
		stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
		defer stop()
	}
	if _, err := c.Write(q.packed()); err != nil {
		return nil, s.failed(ctx, err)
	}
	msg, err := s.receive(c, q)
	if err != nil {
		err = s.failed(ctx, err)
		if errors.Is(err, ErrTimeout) || errors.Is(err, context.DeadlineExceeded) {
			s.cookies.unanswered(q.cookie, time.Now())
		}
		return nil, err
	}
	s.n.took(time.Since(began))
	m, err := s.readReply(q, msg)
	if err != nil {
		return nil, err
	}
	if err := s.cookies.judge(q.cookie, q.reply.cookie, q.reply.badCookie); err != nil {
		if err == errStranger {
			s.n.mismatches.Add(1)
		}
		return nil, err
	}
	return m, nil
}

// receive returns the reply, cut off where it is too long for datagrams.
func (s *server) receive(c *net.UDPConn, q *query) ([]byte, error) {
	for range maxForeign {
		n, err := c.Read(q.in[:])
		if err != nil {
			return nil, err
		}
		msg := q.in[:n]
		v := q.judge(msg)
		if v != accepted {
			s.n.mismatches.Add(1)
		}
		switch {
		case v == wrongID:
			return nil, errGuessed
		case v == folded:
			return nil, errFolded
		case v == accepted && (truncated(msg) || n == len(q.in)):
			return nil, errTruncated
		case v == accepted:
			return msg, nil
		}
	}
	return nil, errGuessed
}

func truncated(msg []byte) bool { return binary.BigEndian.Uint16(msg[2:])&bitTC != 0 }

// readReply reads a reply that was accepted.
func (s *server) readReply(q *query, msg []byte) (*dns.Msg, error) {
	m, err := q.read(msg)
	if err != nil {
		s.n.malformed.Add(1)
	}
	return m, err
}

// ports are those to try, of what was drawn.
func (q *query) ports() (p [portTries]uint16) {
	for i := range p {
		n := binary.BigEndian.Uint16(q.random[2+2*i:])
		p[i] = firstPort + uint16(uint32(n)*(1<<16-firstPort)>>16)
	}
	return p
}

// dial connects a socket, so that the system passes on what comes from the server's
// address and port alone, and at once that nobody listens there.
func dial(remote, local *net.UDPAddr, ports [portTries]uint16) (c *net.UDPConn, err error) {
	network := "udp4"
	if remote.IP.To4() == nil {
		network = "udp6"
	}
	for _, port := range ports {
		local.Port = int(port)
		if c, err = net.DialUDP(network, local, remote); !errors.Is(err, syscall.EADDRINUSE) {
			return c, err
		}
	}
	return net.DialUDP(network, nil, remote)
}
