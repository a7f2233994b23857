package cache

import (
	"context"
	"hash/maphash"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sync/singleflight"

	"github.com/rollcall-dns/rollcall/dnsserver"
)

// Options are the bounds of a cache, and what it does beyond remembering.
type Options struct {
	// Bytes is the memory that all entries take together, with what is spent on finding
	// them. Zero or less keeps nothing.
	Bytes int
	// Growth is by how many percent the process outgrows what lives, because garbage is
	// collected only then: entries are accounted with it. Zero accounts for them alone.
	Growth int
	// Entries is how many there are at most. Zero is as many as Bytes hold.
	Entries int
	// Stale is for how long after its end an answer is kept, to be given when no other
	// can be had (RFC 8767): a day to three. Zero gives no such answers.
	Stale time.Duration
}

// Cache is a Handler that answers from memory, and asks the next one otherwise. Its
// methods are safe for concurrent use.
type Cache struct {
	next dnsserver.Handler
	o    Options
	now  func() time.Duration // since the cache began, on the monotonic clock
	seed maphash.Seed

	shards    []shard // a power of two
	renewals  renewals
	replacing singleflight.Group // of entries that have ended

	misses, stale, renewed atomic.Uint64
}

// New gives an empty cache before next. It must be closed.
func New(next dnsserver.Handler, o Options) *Cache {
	began := time.Now()
	return &Cache{
		next: next, o: o, now: func() time.Duration { return time.Since(began) }, seed: maphash.MakeSeed(),
		shards: newShards(o), renewals: newRenewals(),
	}
}

// Close ends the questions that are under way to renew entries, and waits for them.
// Questions are answered as before, but nothing is renewed ahead of its end any more.
func (c *Cache) Close() { c.renewals.close() }

// found is what the cache knows about a question.
type found struct {
	entry
	shard *shard
	hash  uint64
	now   time.Duration
	left  time.Duration // to its end; negative: since
}

// find looks a question up. What has ended is found as long as it is kept for bad times.
func (c *Cache) find(k *key) (f found, ok bool) {
	f.now, f.hash = c.now(), k.hash(c.seed)
	f.shard = c.shard(f.hash)
	f.entry, ok = f.shard.get(f.hash, f.now)
	if !ok || !f.wire.answers(k) {
		return f, false
	}
	f.left = f.wire.stored() + f.wire.life() - f.now
	return f, f.left > -c.o.Stale
}

// resting reports whether an entry has ended, and its renewal failed so lately that it
// is not tried again yet.
func (f *found) resting() bool { return f.left <= 0 && f.now < f.retry.time() }

// answerable reports whether the entry can be given without asking anybody.
func (f *found) answerable() bool { return f.left > 0 || f.resting() }

// Direct implements dnsserver.Direct.
func (c *Cache) Direct(q *dnsserver.Query, r *dnsserver.Reply) bool {
	var k key
	if !k.set(q) {
		return false
	}
	f, ok := c.find(&k)
	if !ok || !f.answerable() {
		return false
	}
	c.remembered(&f, r)
	c.renewEarly(q, &k, &f)
	return true
}

// remembered writes the reply that an entry is.
func (c *Cache) remembered(f *found, r *dnsserver.Reply) {
	if f.left > 0 {
		f.shard.hits.Add(1)
		if info, text, said := f.wire.info(); said {
			r.Explain(info, text)
		}
	} else {
		c.stale.Add(1)
		r.Explain(f.staleness(), "")
	}
	r.Rcode, r.AuthenticatedData = f.wire.rcode(), f.wire.authentic()
	f.write(r, rand.Uint32())
}

// message is the reply that an entry is, as a message.
func (c *Cache) message(q *dnsserver.Query, f *found) (*dns.Msg, error) {
	var r dnsserver.Reply
	r.Reset(q)
	c.remembered(f, &r)
	m := new(dns.Msg)
	return m, m.Unpack(r.Octets())
}

// Answer implements dnsserver.Handler.
func (c *Cache) Answer(ctx context.Context, q *dnsserver.Query) (*dns.Msg, error) {
	var k key
	if !k.set(q) {
		return c.next.Answer(ctx, q)
	}
	f, ok := c.find(&k)
	switch {
	case ok && f.answerable():
		return c.message(q, &f)
	case ok:
		return c.askOrStale(ctx, q, &k, &f)
	}
	return c.ask(ctx, q, &k)
}

// ask has the question answered by the next handler, and remembers what it says.
func (c *Cache) ask(ctx context.Context, q *dnsserver.Query, k *key) (*dns.Msg, error) {
	m, err := c.next.Answer(ctx, q)
	if err == nil && m != nil {
		c.learn(k, m)
	}
	if err != dnsserver.ErrWait {
		c.misses.Add(1)
	}
	return m, err
}

// learn remembers an answer, in place of what was known, and cuts its TTLs to what they
// are remembered with: the first who asks is told the same as all others. A failure
// changes nothing.
func (c *Cache) learn(k *key, m *dns.Msg) {
	if m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError {
		return
	}
	hash := k.hash(c.seed)
	if w, ok := encode(k, m, c.now()); ok {
		c.shard(hash).put(hash, entry{wire: w})
	} else {
		c.shard(hash).remove(hash)
	}
}
