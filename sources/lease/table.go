package lease

import (
	"hash/maphash"
	"iter"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rollcall-dns/rollcall/zone"
)

// shards is how many parts a Table has, each with a lock of its own, so that
// renewals seldom meet.
const shards = 64

// Table holds leases by ID, each with what its owner keeps beside it. An ID has 65,535
// octets at most. One goroutine at a time, the owner, calls Grant, Keep, Release, All, Next
// and Expire; all else is safe for concurrent use with these and each other. Make it with
// NewTable.
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
	mu    sync.Mutex // guards the index, which only the owner changes, and the entries in it
	index index

	heard   atomic.Int64 // when a holder of one of them was heard last
	renewed atomic.Uint64
	_       [24]byte // keeps the locks on cache lines of their own
}

// entry is one lease. There are a million: it fills one line of memory, and what is kept
// beside a lease is in one text with its ID.
type entry struct {
	lease zone.Lease // readers of the zone see the deadline without the lock; whoever has that moves it

	// The shard's lock guards these. Only the owner changes the text.
	text   string // the ID, and then what is kept
	period time.Duration
	held   int64  // the deadline without the guard; 0: it is not held
	from   uint32 // the hash of the address that its holder was heard from; 0: it was not
	idSize uint16
	gone   bool // it is in the index no more

	next, prev *entry // in a slot of the wheel; the owner's
}

func newEntry(id string) *entry { return &entry{text: id, idSize: uint16(len(id))} }

func (e *entry) id() string   { return e.text[:e.idSize] }
func (e *entry) kept() string { return e.text[e.idSize:] }

// NewTable gives an empty table that runs on the monotonic clock now, in
// nanoseconds: the same that is given to lookups in the zone. It must not go back.
func NewTable(now func() int64) *Table {
	return &Table{now: now, seed: maphash.MakeSeed(), wheel: wheel{base: now()}}
}

// place gives the shard in which an ID is, and its hash there, which is not 0.
func (t *Table) place(id []byte) (*shard, uint32) {
	h := maphash.Bytes(t.seed, id)
	return &t.shards[h%shards], uint32(h>>32) | 1
}

func (t *Table) shard(id string) *shard {
	s, _ := t.place([]byte(id))
	return s
}

// find gives a lease, or nil, and the shard that it is in, which the caller unlocks.
func (t *Table) find(id string) (*shard, *entry) {
	s, hash := t.place([]byte(id))
	s.mu.Lock()
	return s, s.index.find(hash, []byte(id))
}

// Grant begins a lease that ends after period, which is at least 0, and reports
// whether there was none before. One that is known, even if it has just ended,
// keeps its *zone.Lease, and runs from now on with the new period. From is the address
// that asks for it; the zero Addr when nobody does, as after a restart.
func (t *Table) Grant(id string, from netip.Addr, period time.Duration) (l *zone.Lease, created bool) {
	now := t.now()
	s, hash := t.place([]byte(id))
	s.mu.Lock()
	e := s.index.find(hash, []byte(id))
	if created = e == nil; created {
		e = newEntry(id)
		s.index.add(hash, e)
		t.n.Add(1)
		t.granted.Add(1)
	} else {
		s.renewed.Add(1)
	}
	t.release(e)
	e.period, e.from = period, t.hashOf(from)
	s.hear(from, now)
	e.lease.Extend(now + int64(period))
	s.mu.Unlock()
	t.wheel.refile(e)
	return &e.lease, created
}

// release lets the guard no longer hold a lease.
func (t *Table) release(e *entry) {
	if e.held != 0 {
		e.held = 0
		t.guard.held.Add(-1)
	}
}

// Release ends a lease at once. It reports false when there is none.
func (t *Table) Release(id string) bool {
	s, e := t.find(id)
	if e != nil {
		t.forget(e)
		t.removed.Add(1)
	}
	s.mu.Unlock()
	if e != nil {
		e.unlink()
	}
	return e != nil
}

// forget takes a lease out of its shard, which is locked.
func (t *Table) forget(e *entry) {
	t.release(e)
	e.gone = true
	s, hash := t.place([]byte(e.id()))
	s.index.remove(hash, e)
	t.n.Add(-1)
}

// Get gives a lease's period, and what is left of it: 0 or less when it has
// ended and was not yet removed.
func (t *Table) Get(id string) (period, left time.Duration, ok bool) {
	now := t.now()
	s, e := t.find(id)
	defer s.mu.Unlock()
	if e == nil {
		return 0, 0, false
	}
	return e.period, time.Duration(e.lease.Deadline() - now), true
}

// Keep keeps data beside a lease that there is, in the place of what was kept before. It
// gives the ID as it is kept, so that who keeps that too does not keep another copy.
func (t *Table) Keep(id, data string) (same string) {
	s, e := t.find(id)
	defer s.mu.Unlock()
	e.text = id + data
	return e.id()
}

// Kept gives what is kept beside a lease, and what the zone knows of it; "" and nil when
// there is none.
func (t *Table) Kept(id string) (data string, l *zone.Lease) {
	s, e := t.find(id)
	defer s.mu.Unlock()
	if e == nil {
		return "", nil
	}
	return e.kept(), &e.lease
}

// Granted is a lease with what is kept beside it.
type Granted struct {
	ID, Kept string
	Lease    *zone.Lease
}

// All is all leases, in no order. Only the owner may call it: what nobody else changes it
// reads without the locks.
func (t *Table) All() []Granted {
	all := make([]Granted, 0, t.Len())
	for i := range t.shards {
		for e := range t.shards[i].index.all() {
			all = append(all, Granted{e.id(), e.kept(), &e.lease})
		}
	}
	return all
}

// Records is what is kept beside all leases, in no order. What the owner changes
// meanwhile is given as it was or as it is.
func (t *Table) Records() iter.Seq[Record] {
	return func(yield func(Record) bool) {
		var part []Record
		for i := range t.shards {
			part = t.shards[i].records(part[:0])
			for _, r := range part {
				if !yield(r) {
					return
				}
			}
		}
	}
}

func (s *shard) records(to []Record) []Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	for e := range s.index.all() {
		to = append(to, Record{e.id(), []byte(e.kept())})
	}
	return to
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
		if t.hold(e, now) || !t.end(e, now) {
			t.wheel.refile(e)
			continue
		}
		t.expired.Add(1)
		ids = append(ids, e.id())
	}
	return ids
}

// hold holds a lease that ends at now or a moment later, if it is to be held. One that
// was renewed just now is left as it is.
func (t *Table) hold(e *entry, now int64) bool {
	until, ok := t.holds(e, now)
	if !ok {
		return false
	}
	s := t.shard(e.id())
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.lease.Deadline() > now+early {
		return true
	}
	if e.held == 0 {
		e.held = e.lease.Deadline()
		t.guard.count()
	}
	e.lease.Extend(until)
	return true
}

// end removes a lease, unless it was renewed before.
func (t *Table) end(e *entry, now int64) bool {
	s := t.shard(e.id())
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.lease.Deadline() > now {
		return false
	}
	t.forget(e)
	return true
}
