package dnsserver

import (
	"context"
	"fmt"
	"hash/maphash"
	"runtime/debug"

	"github.com/miekg/dns"
)

// responder turns queries into replies, for one goroutine: its memory is used
// again for the next query.
type responder struct {
	handler   Handler
	recursion *Askers
	log       *limitedLog
	n         *counters
	errors    *budget // of replies to what is turned down; nil: unlimited
	rates     *rates
	slips     uint
	q         Query
	c         composer
}

// respond appends the reply to msg to out. It gives out as it was when there is
// none: because it deserves none, or because it must be waited for. The caller has set
// From, Local and Transport of r.q alone.
func (r *responder) respond(ctx context.Context, msg, out []byte) (reply []byte, wait bool) {
	r.n.queries[r.q.Transport].Add(1)
	return r.reply(ctx, msg, out)
}

// reply is respond without counting the query.
func (r *responder) reply(ctx context.Context, msg, out []byte) (reply []byte, wait bool) {
	start := len(out)
	err := r.q.admit(msg)
	r.q.recursion = err == nil && r.q.Class == dns.ClassINET && r.recursion.Have(r.q.From.Addr())
	if err == nil && r.q.Class == dns.ClassCHAOS {
		err = r.c.self.tells(&r.q)
	}
	if err == nil {
		out, err = r.answer(ctx, out)
		switch {
		case err == ErrWait && !r.q.MayWait:
			return out, true
		case err != nil:
			r.failed(err)
		}
	} else if err = r.turnDown(err); err == errDrop {
		r.n.dropped.Add(1)
		return out, false
	}
	if err != nil {
		out = r.c.fail(&r.q, failureOf(err), out)
	}
	return r.limit(out, start), false
}

// limit gives out with the reply behind start, or what is sent instead where it is one
// too many.
func (r *responder) limit(out []byte, start int) []byte {
	if r.rates.exceeded(&r.q, out[start:], r.c.self) {
		r.n.limited.Add(1)
		if out = r.slip(out[:start]); len(out) == start {
			return out
		}
	}
	r.n.replied(out[start:])
	return out
}

// busy appends the reply to a query that would have to wait, and cannot; nothing when
// there are too many of them.
func (r *responder) busy(out []byte) []byte {
	r.n.busy.Add(1)
	err := r.turnDown(errBusy)
	if err == errDrop {
		r.n.dropped.Add(1)
		return out
	}
	return r.limit(r.c.fail(&r.q, failureOf(err), out), len(out))
}

// turnDown decides how a query that does not come to be answered is told so: not at all
// when there are too many of them, except to those who show a cookie. A wrong one is
// replaced (RFC 7873 §5.2.3): by a reply that is hardly longer than the query, and so
// has no NSID.
func (r *responder) turnDown(err error) error {
	if err == errDrop {
		return err
	}
	q := &r.q
	q.EDNS.nsid = false
	known := r.c.self.trusts(q)
	switch {
	case err == errNoQuestion && !known && len(q.EDNS.cookie) > clientCookieLen:
		return errCookie // RFC 7873 §5.4
	case known, r.errors == nil, r.errors.spend(maphash.Comparable(budgetSeed, peer(q.From.Addr()))):
		return err
	case q.EDNS.cookie != nil:
		return errCookie
	}
	return errDrop
}

// answer asks the handler and composes its answer. What panics in either costs
// this answer only.
func (r *responder) answer(ctx context.Context, out []byte) (reply []byte, err error) {
	defer func() {
		if v := recover(); v != nil {
			r.n.panics.Add(1)
			reply, err = out, fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	var m *dns.Msg
	if r.q.Class == dns.ClassCHAOS {
		m, err = r.c.self.answer(&r.q)
	} else if reply, done := r.c.direct(r.handler, &r.q, out); done {
		return reply, nil
	} else {
		m, err = r.handler.Answer(ctx, &r.q)
	}
	if err != nil {
		return out, err
	}
	if m == nil {
		return out, errNotOurs
	}
	return r.c.compose(&r.q, m, out)
}

// failed logs what is no ordinary failure.
func (r *responder) failed(err error) {
	if failureOf(err) != errServer {
		return
	}
	name, _, _ := dns.UnpackDomainName(r.q.Name, 0)
	r.log.warn(failing, "cannot answer", "name", name, "type", dns.Type(r.q.Type).String(), "from", r.q.From, "err", err)
}
