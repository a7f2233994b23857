package dnsserver

import (
	"hash/maphash"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"
)

// What an asker may get over UDP in error replies to queries that admission turns
// down: enough for any test of conformance, and too little to be of use against
// someone whose address is forged. They are hardly longer than their queries.
const (
	errorRate  = 1_000  // a second
	errorBurst = 10_000 // at once
)

// budget limits the error replies to each source, with one bucket for many
// sources: a forged flood can at worst silence errors, never answers. It is used by
// one goroutine.
type budget struct {
	free [256]int64 // when the bucket is full again, in nanoseconds since began
	now  func() int64
}

func newBudget(now func() int64) *budget { return &budget{now: now} }

var budgetSeed = maphash.MakeSeed()

// spend takes one reply to a, and reports whether it may be sent.
func (b *budget) spend(a netip.Addr) bool {
	const each = int64(time.Second) / errorRate
	full := &b.free[maphash.Comparable(budgetSeed, peer(a))%uint64(len(b.free))]
	now := b.now()
	if *full = max(*full, now); *full-now > (errorBurst-1)*each {
		return false
	}
	*full += each
	return true
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
