package cache

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sync/singleflight"

	"github.com/rollcall-dns/rollcall/dnsserver"
)

const (
	// popular is in how many different seconds an entry was asked for that is renewed
	// before its end, so that nobody has to wait for it: in the last tenth of its life.
	popular = 3
	// patience is how long an asker waits before getting an answer that has ended, and
	// recheck how long after a failure nobody waits at all (RFC 8767 §5).
	patience = 1800 * time.Millisecond
	recheck  = 30 * time.Second
	// renewTime bounds one renewal, whatever the next handler does.
	renewTime = 10 * time.Second
	// maxRenewals are under way at a time.
	maxRenewals = 64
)

// renewals are the questions that are asked for nobody, or go on when nobody waits for
// their answers any more. Each has a goroutine.
type renewals struct {
	ctx    context.Context
	cancel context.CancelFunc
	places chan struct{} // holds an element for each
}

func newRenewals() renewals {
	r := renewals{places: make(chan struct{}, maxRenewals)}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r
}

// take gives a place, if there is one, for one call of do.
func (r *renewals) take() bool {
	select {
	case r.places <- struct{}{}:
		return true
	default:
		return false
	}
}

// do calls f, and gives the place back.
func (r *renewals) do(f func(context.Context)) {
	defer func() { <-r.places }()
	ctx, cancel := context.WithTimeout(r.ctx, renewTime)
	defer cancel()
	f(ctx)
}

// close ends what is under way, waits for it, and leaves no place for more.
func (r *renewals) close() {
	r.cancel()
	for range cap(r.places) {
		r.places <- struct{}{}
	}
}

// renewEarly asks for a popular entry again when its end is near.
func (c *Cache) renewEarly(q *dnsserver.Query, k *key, f *found) {
	if f.left <= 0 || f.left > f.wire.life()/10 || f.asked < popular {
		return
	}
	if !f.claim(recheck) {
		return
	}
	again, kept := q.Again(), *k
	if c.renewals.take() {
		go c.renewals.do(func(ctx context.Context) { c.renew(ctx, again, &kept) })
		c.renewed.Add(1)
	}
}

// renew asks, and remembers the answer. A panic of the next handler is that of nobody's
// question: whoever asks next sees it.
func (c *Cache) renew(ctx context.Context, q *dnsserver.Query, k *key) (m *dns.Msg, err error) {
	defer func() {
		if v := recover(); v != nil {
			m, err = nil, fmt.Errorf("panic: %v", v)
		}
	}()
	return c.ask(ctx, q, k)
}

// askOrStale asks for an entry that has ended, and gives it nevertheless when there is no
// good answer in time (RFC 8767 §5).
func (c *Cache) askOrStale(ctx context.Context, q *dnsserver.Query, k *key, f *found) (*dns.Msg, error) {
	if !q.MayWait {
		m, err := c.ask(ctx, q, k)
		if err == dnsserver.ErrWait || !failed(m, err) {
			return m, err
		}
		return c.message(q, f)
	}
	t := time.NewTimer(patience)
	defer t.Stop()
	select {
	case r := <-c.replacement(q, k):
		if m, _ := r.Val.(*dns.Msg); !failed(m, r.Err) {
			return m.Copy(), nil // others may have the same
		}
	case <-t.C:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	f.claim(recheck) // nobody waits for that long again
	return c.message(q, f)
}

// replacement asks for an entry that has ended, once for all who wait for it. Where too
// many are asked for it fails at once. What is asked goes on when nobody waits any more.
func (c *Cache) replacement(q *dnsserver.Query, k *key) <-chan singleflight.Result {
	again, kept := q.Again(), *k
	return c.replacing.DoChan(string(k.octets()), func() (reply any, err error) {
		if !c.renewals.take() { // also after close
			return nil, errBusy
		}
		c.renewals.do(func(ctx context.Context) { reply, err = c.renew(ctx, again, &kept) })
		return reply, err
	})
}

var errBusy = errors.New("too many answers are renewed")

// failed reports whether an answer says nothing about the name (RFC 8767 §4).
func failed(m *dns.Msg, err error) bool {
	return err != nil || m == nil || m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError
}
