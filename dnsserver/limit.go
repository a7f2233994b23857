package dnsserver

import (
	"hash/maphash"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"
)

// What an asker may get over UDP in error replies to queries that are turned down, because
// they are not admitted or because too many wait: enough for any test of conformance, and
// too little to be of use against someone whose address is forged. They are hardly longer
// than their queries. A forged flood can at worst silence errors, never answers.
const (
	errorRate    = 1_000  // a second
	errorBurst   = 10_000 // at once
	errorBuckets = 1 << 10
)

// budget limits how often something is done for each of many keys, which share its
// buckets. It is safe for concurrent use.
type budget struct {
	each  int64          // nanoseconds that a bucket takes to earn one
	ahead int64          // nanoseconds of earnings that may be spent at once
	spent []atomic.Int64 // until when the earnings of a bucket are spent
	now   func() int64
}

func newBudget(perSecond, burst, buckets int, now func() int64) *budget {
	each := int64(time.Second) / int64(perSecond)
	return &budget{each: each, ahead: int64(burst-1) * each, spent: make([]atomic.Int64, buckets), now: now}
}

// newErrorBudget is that of all error replies of a server, by peer.
func newErrorBudget(now func() int64) *budget {
	return newBudget(errorRate, errorBurst, errorBuckets, now)
}

var budgetSeed = maphash.MakeSeed()

// spend takes one for a key, and reports whether it was there.
func (b *budget) spend(key uint64) bool {
	now, until := b.now(), &b.spent[key%uint64(len(b.spent))]
	for {
		was := until.Load()
		from := max(was, now)
		if from-now > b.ahead {
			return false
		}
		if until.CompareAndSwap(was, from+b.each) {
			return true
		}
	}
}

// peer is what limits count as one asker: an address, or for IPv6 its network, in
// which a host has as many addresses as it likes.
func peer(a netip.Addr) netip.Addr {
	if a = a.Unmap(); a.Is4() {
		return a
	}
	p, _ := a.WithZone("").Prefix(64)
	return p.Addr()
}

// began is the origin of sinceStart.
var began = time.Now()

func sinceStart() int64 { return int64(time.Since(began)) }

// complaint is a kind of trouble that a remote can cause.
type complaint int

const (
	failing complaint = iota
	reading
	sending
	accepting
	complaints int = iota
)

// limitedLog logs each kind of complaint at most once a second: a remote that causes
// them must not fill the disk. It is safe for concurrent use.
type limitedLog struct {
	log   *slog.Logger
	next  [complaints]atomic.Int64 // when the next may be logged
	muted [complaints]atomic.Int64 // how many were not, since
}

func (l *limitedLog) warn(c complaint, msg string, args ...any) {
	now, next := sinceStart(), l.next[c].Load()
	if now < next || !l.next[c].CompareAndSwap(next, now+int64(time.Second)) {
		l.muted[c].Add(1)
		return
	}
	if n := l.muted[c].Swap(0); n > 0 {
		args = append(args, "not_logged", n)
	}
	l.log.Warn(msg, args...)
}
