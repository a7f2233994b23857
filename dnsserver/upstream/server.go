package upstream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
)

// remembered is how long a server is spared what it did not understand.
const remembered = 10 * time.Minute

// server is what a client knows of one server.
type server struct {
	addr   Addr
	client *Client
	n      counters
	pool   pool
	remote *net.UDPAddr

	noEDNS until // it answers FORMERR to EDNS
	noCase until // it does not repeat the case of the question

	cookies cookieJar
}

func newServer(c *Client, a Addr) *server {
	s := &server{addr: a, client: c, remote: net.UDPAddrFromAddrPort(a.at)}
	s.pool.s = s
	return s
}

// until is a moment up to which something holds.
type until struct{ nano atomic.Int64 }

func (u *until) start(now time.Time) { u.nano.Store(now.Add(remembered).UnixNano()) }

func (u *until) holds(now time.Time) bool {
	n := u.nano.Load()
	return n != 0 && now.UnixNano() < n
}

// exchange asks with EDNS, and once without where the server does not know it
// (RFC 6891 §7).
func (s *server) exchange(ctx context.Context, q *query) (*dns.Msg, error) {
	s.n.queries.Add(1)
	now := time.Now()
	q.tls = s.addr.tls // where AD means something, too: nobody on the way could set it (RFC 6840 §5.8)
	q.edns, q.mixed = !s.noEDNS.holds(now), !s.noCase.holds(now)
	m, err := s.attempt(ctx, q)
	if err != nil || !unknown(m) || !q.edns {
		return m, err
	}
	q.edns = false
	plain, err := s.attempt(ctx, q)
	if err != nil {
		return m, nil
	}
	if !unknown(plain) {
		s.noEDNS.start(time.Now())
	}
	return plain, nil
}

// unknown reports whether a server did not understand, in one of the ways in which old
// ones say so.
func unknown(m *dns.Msg) bool {
	return m.Rcode == dns.RcodeFormatError || m.Rcode == dns.RcodeNotImplemented
}

// attempt asks over UDP, and over TCP when that is not enough or not safe.
func (s *server) attempt(ctx context.Context, q *query) (*dns.Msg, error) {
	if s.addr.tls {
		m, _, err := s.stream(ctx, q)
		return m, err
	}
	m, why := s.udp(ctx, q)
	if errors.Is(why, errCookie) {
		m, why = s.udp(ctx, q) // with the cookie that came
	}
	switch {
	case errors.Is(why, errFolded):
		return s.foldedCase(ctx, q)
	case errors.Is(why, errStranger), errors.Is(why, errCookie):
		return s.spoiltCookie(ctx, q, why)
	case errors.Is(why, errTruncated), errors.Is(why, errGuessed), errors.Is(why, errMalformed):
		return s.overTCP(ctx, q, why)
	}
	return m, why
}

func (s *server) overTCP(ctx context.Context, q *query, why error) (*dns.Msg, error) {
	m, _, err := s.stream(ctx, q)
	if err != nil {
		err = fmt.Errorf("over TCP, because %v: %w", why, err)
	}
	return m, err
}

// foldedCase deals with a reply that is right but for the case of its question, which
// is that of a server that does not repeat it, or of somebody who guessed all but that.
// TCP tells: from there the server itself speaks. One without TCP must be believed.
// From then on it is asked in the case of the asker.
func (s *server) foldedCase(ctx context.Context, q *query) (*dns.Msg, error) {
	m, v, err := s.stream(ctx, q)
	without := noTCP(ctx, err)
	if v == folded || without {
		s.noCase.start(time.Now())
	}
	if !without || ctx.Err() != nil {
		return m, err
	}
	q.mixed = false
	return s.udp(ctx, q)
}

// spoiltCookie deals with a reply that is right but for its cookie, as foldedCase does. No
// cookie is sent any more to one without TCP, and to one that refuses what it has just given.
func (s *server) spoiltCookie(ctx context.Context, q *query, why error) (*dns.Msg, error) {
	m, err := s.overTCP(ctx, q, why)
	without := noTCP(ctx, err)
	if without || errors.Is(why, errCookie) {
		s.cookies.spoilt()
	}
	if !without || ctx.Err() != nil {
		return m, err
	}
	return s.udp(ctx, q)
}

// noTCP reports whether a server could not be asked over TCP, and that is not because
// nobody waits any more. A firewall that drops what is TCP takes all the time there is.
func noTCP(ctx context.Context, err error) bool {
	return err != nil && !errors.Is(ctx.Err(), context.Canceled) && !errors.Is(err, ErrBusy)
}

// failed says why there is no reply: because of ctx, or of the server.
func (s *server) failed(ctx context.Context, err error) error {
	end, ends := ctx.Deadline()
	switch {
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case !errors.Is(err, os.ErrDeadlineExceeded):
	case ends && !time.Now().Before(end): // ctx is about to say so
		err = context.DeadlineExceeded
	default:
		err = ErrTimeout
	}
	if errors.Is(err, ErrTimeout) || errors.Is(err, context.DeadlineExceeded) {
		s.n.timeouts.Add(1)
	}
	return err
}
