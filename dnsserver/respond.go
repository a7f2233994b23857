package dnsserver

import (
	"context"
	"fmt"
	"runtime/debug"

	"github.com/miekg/dns"
)

// responder turns queries into replies, for one goroutine: its memory is used
// again for the next query.
type responder struct {
	handler Handler
	log     *limitedLog
	n       *counters
	errors  *budget // nil: unlimited
	q       Query
	c       composer
}

// respond appends the reply to msg to out. It gives out as it was when there is
// none. The caller has set From, Local and Transport of r.q alone.
func (r *responder) respond(ctx context.Context, msg, out []byte) []byte {
	r.n.queries[r.q.Transport].Add(1)
	start := len(out)
	err := r.q.admit(msg)
	if err == nil {
		if out, err = r.answer(ctx, out); err != nil {
			r.failed(err)
		}
	} else if err == errDrop || r.errors != nil && !r.errors.spend(r.q.From.Addr()) {
		r.n.dropped.Add(1)
		return out
	}
	if err != nil {
		out = r.c.fail(&r.q, failureOf(err), out)
	}
	r.n.replied(out[start:])
	return out
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
	m, err := r.handler.Answer(ctx, &r.q)
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
