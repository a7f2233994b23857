package forward

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/miekg/dns"

	"github.com/rollcall-dns/rollcall/dnsserver"
)

// When the next server is asked although the one before may still answer: after twice
// the time that it takes usually, within bounds. It is longer each time round.
const (
	soonest = 100 * time.Millisecond
	latest  = 400 * time.Millisecond
)

// maxTries is how often one question is asked, of whomever.
const maxTries = 6

// explore is how seldom another than the fastest is asked beside it, to see whether it
// still is.
const explore = 32

// plan is who is asked, in this order, and whether the second is asked at once, for us
// to learn how it is.
func (g *group) plan() (order []*server, both bool) {
	type ranked struct {
		*server
		standing
	}
	var all []ranked
	for _, s := range g.servers {
		if st := s.standing(); !st.loop {
			all = append(all, ranked{s, st})
		}
	}
	slices.SortStableFunc(all, func(a, b ranked) int {
		switch {
		case a.doubtful == b.doubtful:
			return cmp.Compare(a.standing.rtt, b.standing.rtt)
		case a.doubtful:
			return 1
		}
		return -1
	})
	for _, r := range all {
		order = append(order, r.server)
	}
	n := g.asked.Add(1)
	if n%explore == 0 && len(all) > 1 {
		other := 1 + int(n/explore)%(len(all)-1)
		if both = !all[other].doubtful; both {
			order[1], order[other] = order[other], order[1]
		}
	}
	return order, both
}

// reply is what one server gave.
type reply struct {
	m   *dns.Msg
	err error
}

// race is one question to the servers of a plan, one after another.
type race struct {
	f       *Forwarder
	ask     *dns.Msg
	order   []*server
	tries   int // so far
	out     int // of these, without a reply yet
	replies chan reply
	wg      sync.WaitGroup
}

// race asks the servers of a group: the next at once when one fails, and soon when it
// keeps us waiting. The first answer counts. When it returns nothing is under way any
// more.
func (f *Forwarder) race(ctx context.Context, g *group, ask *dns.Msg) (*dns.Msg, error) {
	order, both := g.plan()
	if len(order) == 0 {
		return nil, errNobody
	}
	r := &race{f: f, ask: ask, order: order, replies: make(chan reply, maxTries)}
	defer r.wg.Wait()
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	if both {
		r.next(ctx)
	}
	return r.run(ctx)
}

// next asks the server whose turn it is, and gives how long to wait for it.
func (r *race) next(ctx context.Context) time.Duration {
	s := r.order[r.tries%len(r.order)]
	wait := s.due() << (r.tries / len(r.order))
	r.tries++
	r.out++
	r.wg.Go(func() { r.replies <- r.f.try(ctx, s, r.ask) })
	return wait
}

func (r *race) run(ctx context.Context) (*dns.Msg, error) {
	wait := time.NewTimer(r.next(ctx))
	defer wait.Stop()
	var last error
	for {
		select {
		case reply := <-r.replies:
			if reply.err == nil {
				return reply.m, nil
			}
			last = reply.err
			switch r.out--; {
			case r.tries < len(r.order): // each is asked once, whatever the others say
				wait.Reset(r.next(ctx))
			case r.out == 0:
				return nil, last
			}
		case <-wait.C:
			if r.tries < min(maxTries, len(r.order)+2) {
				wait.Reset(r.next(ctx))
			}
		case <-ctx.Done():
			return nil, cmp.Or(last, context.Cause(ctx))
		}
	}
}

// due is how long a server is waited for before the next is asked.
func (s *server) due() time.Duration {
	st := s.standing()
	if st.rtt == 0 {
		return latest
	}
	return min(max(2*st.rtt, soonest), latest)
}

// try asks one server once.
func (f *Forwarder) try(ctx context.Context, s *server, ask *dns.Msg) reply {
	if !s.begin() {
		return reply{err: errBusy}
	}
	began := time.Now()
	m, err := f.o.Client.Exchange(ctx, s.addr, ask)
	if err == nil {
		attribute(m)
		err = unusable(m)
	}
	o := answered
	switch {
	case err != nil && ctx.Err() == context.Canceled:
		o = pending
	case err != nil:
		o = missed
	}
	f.ended(s, o, time.Since(began))
	return reply{m, err}
}

// attribute has the extended error of a reply say that it is not ours.
func attribute(m *dns.Msg) {
	if e := dnsserver.ExplanationOf(m); e != nil {
		e.ExtraText = dnsserver.FromUpstream
	}
}

// unusable says why a reply is no answer, so that another server is asked.
func unusable(m *dns.Msg) error {
	switch m.Rcode {
	case dns.RcodeSuccess:
		if len(m.Answer) == 0 && !m.RecursionAvailable && referral(m.Ns) {
			return errReferral
		}
		return nil
	case dns.RcodeNameError, dns.RcodeYXDomain: // RFC 6672 §2.2
		return nil
	}
	return rcodeError{m.Rcode, dnsserver.ExplanationOf(m)}
}

func referral(ns []dns.RR) bool {
	return slices.ContainsFunc(ns, func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeNS }) &&
		!slices.ContainsFunc(ns, func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeSOA })
}
