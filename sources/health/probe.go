package health

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/rollcall-dns/rollcall/zone"
)

// worker does one probe after the other.
type worker struct {
	buf []byte // of HTTP
}

// dialer connects to addresses only, and sends no keep-alives: no connection is
// kept.
var dialer = net.Dialer{KeepAlive: -1}

// probe tries the spots of an instance, from the best one on, until it is connected
// to one; that one decides. It gives the spot, and why it did not pass.
func (w *worker) probe(ctx context.Context, c *zone.Check, spots []zone.Spot, best int) (spot int, err error) {
	deadline := time.Now().Add(c.Timeout)
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	if len(spots) == 0 {
		return 0, errors.New("it has no address to check")
	}
	var missed []*unreachable
	for i := range spots {
		spot = (best + i) % len(spots)
		share := time.Until(deadline) / time.Duration(len(spots)-i)
		err = w.try(ctx, c, &spots[spot], share)
		miss, ok := err.(*unreachable)
		if !ok {
			break
		}
		missed = append(missed, miss)
		if ctx.Err() != nil {
			break
		}
	}
	if err == nil {
		return spot, nil
	}
	for _, m := range missed {
		if m.ours() {
			return spot, &blindError{m}
		}
	}
	if len(missed) > 1 && len(missed) == len(spots) {
		err = allUnreachable(missed)
	}
	return spot, said(err, c)
}

// try probes one spot. Share is how long it may take to reach it.
func (w *worker) try(ctx context.Context, c *zone.Check, s *zone.Spot, share time.Duration) error {
	if s.Proto == zone.UDP {
		return tryDNS(ctx, c, s, share)
	}
	conn, err := connect(ctx, s, share)
	if err != nil {
		return &unreachable{s, err}
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })()
	switch c.Kind {
	case zone.CheckHTTP, zone.CheckHTTPS:
		return w.tryHTTP(ctx, c, s, conn)
	case zone.CheckGRPC, zone.CheckGRPCS:
		return tryGRPC(ctx, c, s, conn)
	case zone.CheckDNS:
		return exchange(ctx, c, s, conn)
	}
	return nil
}

// connect reaches a spot over TCP. The connection ends with ctx.
func connect(ctx context.Context, s *zone.Spot, share time.Duration) (*net.TCPConn, error) {
	dialing, cancel := context.WithTimeout(ctx, share)
	defer cancel()
	conn, err := dialer.DialTCP(dialing, "tcp", netip.AddrPort{}, s.Addr)
	if err != nil {
		return nil, err
	}
	deadline, _ := ctx.Deadline()
	conn.SetDeadline(deadline)
	return conn, nil
}

// unreachable is a spot to which there is no connection.
type unreachable struct {
	spot *zone.Spot
	err  error
}

func (u *unreachable) Unwrap() error { return u.err }

func (u *unreachable) Error() string {
	text := "connect to " + u.spot.Addr.String() + ": " + cause(u.err)
	if u.spot.Network != "" && (away(u.err) || timedOut(u.err)) {
		text += fmt.Sprintf(": is rollcall on the network %q?", u.spot.Network)
	}
	return text
}

// ours reports whether it was this machine that could not ask: it has no file
// descriptor, memory or port left. Over IPv6 the latter also means that it has no
// address of that family.
func (u *unreachable) ours() bool {
	for _, e := range [...]error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(u.err, e) {
			return true
		}
	}
	return errors.Is(u.err, syscall.EADDRNOTAVAIL) && u.spot.Addr.Addr().Is4()
}

// blindError says that a probe could not be made: it tells nothing of the instance.
type blindError struct{ err error }

func (b *blindError) Error() string { return b.err.Error() }

// away reports whether the network, and not the instance, has refused.
func away(err error) bool {
	return errors.Is(err, syscall.ENETUNREACH) || errors.Is(err, syscall.EHOSTUNREACH) ||
		errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.EPERM)
}

func timedOut(err error) bool {
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded)
}

// allUnreachable is an instance of which no spot can be reached.
type allUnreachable []*unreachable

func (a allUnreachable) Error() string {
	texts := make([]string, 0, 3)
	for _, u := range a[:min(3, len(a))] {
		texts = append(texts, u.Error())
	}
	if more := len(a) - len(texts); more > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", more))
	}
	return "none of its addresses can be reached: " + strings.Join(texts, "; ")
}

// maxReason bounds what is told of a failure.
const maxReason = 400

// said puts a failure into words for operators: the same ones for the same failure,
// because others are news, which are published.
func said(err error, c *zone.Check) error {
	text := err.Error()
	if timedOut(err) {
		text = strings.Replace(text, noAnswer, fmt.Sprintf("%s within %s", noAnswer, c.Timeout), 1)
	}
	if len(text) > maxReason {
		text = text[:maxReason] + "…"
	}
	return errors.New(strings.ToValidUTF8(text, "?"))
}

const noAnswer = "no answer"

// cause is what went wrong at the bottom, without the ports and times that differ
// each time.
func cause(err error) string {
	var errno syscall.Errno
	var op *net.OpError
	switch {
	case timedOut(err):
		return noAnswer
	case errors.As(err, &errno):
		return errno.Error()
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection was closed before the answer was whole"
	case errors.As(err, &op):
		return op.Err.Error()
	}
	return err.Error()
}
