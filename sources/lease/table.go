package lease

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rollcall-dns/rollcall/zone"
)

// shards is how many parts a Table has, each with a lock of its own, so that
// renewals seldom meet.
const shards = 64

// Table holds leases by ID. One goroutine at a time, its owner, calls Grant,
// Release, Next and Expire; Renew, Get and Len are safe for concurrent use with
// these and each other. Make it with NewTable.
type Table struct {
	now    func() int64
	seed   maphash.Seed
	shards [shards]shard
	n      atomic.Int64
	wheel  wheel // the owner's
	guard  guard // the owner's

	granted, expired, removed atomic.Uint64
}

type shard struct {
	mu sync.RWMutex // guards the map; only the owner changes it
	m  map[string]*entry

	heard   atomic.Int64 // when a holder of one of them was heard last
	renewed atomic.Uint64
	_       [16]byte // keeps the locks on cache lines of their own
}

// entry is one lease. Readers of the zone see its deadline without the lock.
type entry struct {
	id    string
	lease zone.Lease

	mu     sync.Mutex // orders changes of the deadline, and guards those below, up to the next space
	period time.Duration
	held   int64  // the deadline without the guard; 0: it is not held
	from   uint32 // the hash of the address that its holder was heard from; 0: it was not
	dead   bool   // it was removed, and cannot be renewed any more

	next, prev *entry // in a slot of the wheel; the owner's
}

// NewTable gives an empty table that runs on the monotonic clock now, in
// nanoseconds: the same that is given to lookups in the zone. It must not go back.
func NewTable(now func() int64) *Table {
	t := &Table{now: now, seed: maphash.MakeSeed(), wheel: wheel{base: now()}}
	for i := range t.shards {
		t.shards[i].m = map[string]*entry{}
	}
	return t
}

func (t *Table) shard(id string) *shard {
	return &t.shards[maphash.String(t.seed, id)%shards]
}

func (t *Table) find(id string) *entry {
	s := t.shard(id)
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.m[id]
}

// Grant begins a lease that ends after period, which is at least 0, and reports
// whether there was none before. One that is known, even if it has just ended,
// keeps its *zone.Lease, and runs from now on with the new period. From is the address
// that asks for it; the zero Addr when nobody does, as after a restart.
func (t *Table) Grant(id string, from netip.Addr, period time.Duration) (l *zone.Lease, created bool) {
	e := t.find(id)
	s := t.shard(id)
	if created = e == nil; created {
		e = &entry{id: id}
		s.mu.Lock()
		s.m[id] = e
		s.mu.Unlock()
		t.n.Add(1)
		t.granted.Add(1)
	} else {
		s.renewed.Add(1)
	}
	now := t.now()
	t.countHeld(e.grant(now, t.hear(s, from, now), period))
	t.wheel.refile(e)
	return &e.lease, created
}

// Renew makes a lease last its period from now on. It never shortens one: of two
// renewals at once the later counts, in whatever order they come through. It
// reports false when there is no such lease, or it has ended: it is then not
// renewed, whoever holds it has to ask for another. From is the address that asks. The
// ID is in octets, as most heartbeats have it; it is not kept.
func (t *Table) Renew(id []byte, from netip.Addr) bool {
	s := &t.shards[maphash.Bytes(t.seed, id)%shards]
	s.mu.RLock()
	e := s.m[string(id)] // no copy
	s.mu.RUnlock()
	if e == nil {
		return false
	}
	now := t.now()
	ok, wasHeld := e.renew(now, t.hear(s, from, now))
	t.countHeld(wasHeld)
	if ok {
		s.renewed.Add(1)
	}
	return ok
}

// hear notes that somebody was heard, and gives the hash of the address.
func (t *Table) hear(s *shard, from netip.Addr, now int64) uint32 {
	if !from.IsValid() {
		return 0
	}
	s.heard.Store(now)
	return uint32(maphash.Comparable(t.seed, from)) | 1
}

func (t *Table) countHeld(ended bool) {
	if ended {
		t.guard.held.Add(-1)
	}
}

// Release ends a lease at once. It reports false when there is none.
func (t *Table) Release(id string) bool {
	e := t.find(id)
	if e == nil {
		return false
	}
	t.countHeld(e.kill())
	e.unlink()
	t.forget(e)
	t.removed.Add(1)
	return true
}

func (t *Table) forget(e *entry) {
	s := t.shard(e.id)
	s.mu.Lock()
	delete(s.m, e.id)
	s.mu.Unlock()
	t.n.Add(-1)
}

// Get gives a lease's period, and what is left of it: 0 or less when it has
// ended and was not yet removed.
func (t *Table) Get(id string) (period, left time.Duration, ok bool) {
	e := t.find(id)
	if e == nil {
		return 0, 0, false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.period, time.Duration(e.lease.Deadline() - t.now()), true
}

// Lease gives what the zone knows of a lease; nil when there is none.
func (t *Table) Lease(id string) *zone.Lease {
	if e := t.find(id); e != nil {
		return &e.lease
	}
	return nil
}

// Len counts the leases.
func (t *Table) Len() int { return int(t.n.Load()) }

// Next is the time at which Expire should be called next, of the clock given to
// NewTable; ok is false when there is nothing to wait for. It is never more than
// 10 ms after the end of a lease, or 60 ms while nobody is heard. Renewals may make it
// too early.
func (t *Table) Next() (at int64, ok bool) {
	at, ok = t.wheel.next()
	if t.silent(at - early) {
		at -= early
	}
	return at, ok
}

// silent reports whether leases that end soon after a time may have to be held.
func (t *Table) silent(at int64) bool {
	return t.guard.held.Load() > 0 || at-t.lastHeard() >= leastSilence
}

// Expire removes leases that have ended, at most max of them, and gives their IDs
// in the order in which they ended, as far as 10 ms tell. None of them has been
// renewed since, nor can be.
//
// Where at least five instances from at least two addresses were heard within a
// period, and then none at all, it is the server that cannot hear: leases are held, for
// at most two periods, with less than a second left. When somebody is heard again the
// others have one period to follow.
func (t *Table) Expire(max int) []string {
	now := t.now()
	ahead := now
	if t.silent(now) {
		ahead += early
	}
	t.wheel.advance(ahead)
	var ids []string
	for len(ids) < max {
		e := t.wheel.pop()
		if e == nil {
			break
		}
		if t.hold(e, now) {
			continue
		}
		ended, wasHeld := e.end(now)
		if !ended {
			t.wheel.refile(e)
			continue
		}
		t.countHeld(wasHeld)
		t.forget(e)
		t.expired.Add(1)
		ids = append(ids, e.id)
	}
	return ids
}

// hold holds a lease that ends at now or a moment later, if it is to be held.
func (t *Table) hold(e *entry, now int64) bool {
	until, ok := t.holds(e, now)
	if !ok {
		return false
	}
	if e.hold(now, until) {
		t.guard.count()
	}
	t.wheel.refile(e)
	return true
}

func (e *entry) grant(now int64, from uint32, period time.Duration) (wasHeld bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	wasHeld = e.held != 0
	e.period, e.held, e.from = period, 0, from
	e.lease.Extend(now + int64(period))
	return wasHeld
}

func (e *entry) renew(now int64, from uint32) (ok, wasHeld bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	deadline := e.lease.Deadline()
	if e.dead || deadline <= now {
		return false, false
	}
	wasHeld = e.held != 0
	e.held, e.from = 0, from
	e.lease.Extend(max(deadline, now+int64(e.period)))
	return true, wasHeld
}

// end makes sure that a lease that has ended cannot be renewed, and reports
// false when it was renewed before.
func (e *entry) end(now int64) (ended, wasHeld bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.dead = e.lease.Deadline() <= now
	return e.dead, e.dead && e.held != 0
}

func (e *entry) kill() (wasHeld bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.dead = true
	return e.held != 0
}
