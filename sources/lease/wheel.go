package lease

import (
	"cmp"
	"iter"
	"math/bits"
	"slices"
	"time"
)

// The wheel turns a tick at a time. Its three levels of 256 slots span 46 hours;
// what lies beyond is looked at again when that time has come.
const (
	tick   = int64(10 * time.Millisecond)
	levels = 3
	slots  = 256
	span   = 1<<(8*levels) - 1 // ticks
)

// wheel is a hierarchical timing wheel: a slot of level 0 holds the leases of one
// tick, one of level 1 those of 256 ticks, and so on. Renewals do not move
// anything: an entry is filed again when its slot is due and its deadline is not.
// The zero value begins at time 0.
type wheel struct {
	base   int64 // the time of tick 0
	cur    int64 // the tick that was reached
	slot   [levels][slots]entry
	filled [levels]bitmap // slots that may hold entries
	due    entry          // a ring of entries that have ended, in order
}

// bitmap has a bit for each slot of a level.
type bitmap [slots / 64]uint64

func (b *bitmap) set(i int)   { b[i/64] |= 1 << (i % 64) }
func (b *bitmap) clear(i int) { b[i/64] &^= 1 << (i % 64) }

// after is how many slots after i the next one is set, going round: 1 to 256.
func (b *bitmap) after(i int) (dist int, ok bool) {
	for d := 1; d <= slots; {
		at := (i + d) % slots
		if rest := b[at/64] >> (at % 64); rest != 0 {
			if d += bits.TrailingZeros64(rest); d <= slots {
				return d, true
			}
			break
		}
		d += 64 - at%64
	}
	return 0, false
}

// The slots and due are rings, in which an entry of the wheel's own stands for
// the beginning. A zero one is an empty ring.

func (e *entry) pushTo(ring *entry) {
	if ring.next == nil {
		ring.next, ring.prev = ring, ring
	}
	e.prev, e.next = ring.prev, ring
	e.prev.next, ring.prev = e, e
}

func (e *entry) unlink() {
	if e.next != nil {
		e.prev.next, e.next.prev = e.next, e.prev
		e.next, e.prev = nil, nil
	}
}

// take empties a ring, one by one, so that each entry is dealt with while it is in the
// processor's cache, which holds not all of a ring. None is put back into it meanwhile.
func (ring *entry) take() iter.Seq[*entry] {
	return func(yield func(*entry) bool) {
		for e := ring.next; e != nil && e != ring; e = ring.next {
			e.unlink()
			if !yield(e) {
				return
			}
		}
	}
}

// refile moves an entry to where its deadline says, after the tick reached.
func (w *wheel) refile(e *entry) {
	e.unlink()
	w.file(e, w.cur+1)
}

// file puts an entry that is nowhere into the slot of the first tick at which its
// lease has ended, but not before the tick first.
func (w *wheel) file(e *entry, first int64) {
	at := (e.lease.Deadline() - w.base + tick - 1) / tick
	at = min(max(at, first), w.cur+span)
	level := 0
	for d := at - w.cur; d >= slots; d >>= 8 {
		level++
	}
	i := int(at >> (8 * level) % slots)
	e.pushTo(&w.slot[level][i])
	w.filled[level].set(i)
}

// nextTick is the first tick after cur at which a slot is due.
func (w *wheel) nextTick() (at int64, ok bool) {
	for level := range levels {
		unit := w.cur >> (8 * level)
		d, filled := w.filled[level].after(int(unit % slots))
		if begin := (unit + int64(d)) << (8 * level); filled && (!ok || begin < at) {
			at, ok = begin, true
		}
	}
	return at, ok
}

// next is the time at which there is something to do.
func (w *wheel) next() (at int64, ok bool) {
	if w.due.next != nil && w.due.next != &w.due {
		return w.base + w.cur*tick, true
	}
	t, ok := w.nextTick()
	return w.base + t*tick, ok
}

// advance moves to due what has ended at now.
func (w *wheel) advance(now int64) {
	end := (now - w.base) / tick
	for {
		at, ok := w.nextTick()
		if !ok || at > end {
			break
		}
		w.cur = at
		w.turn(now)
	}
	w.cur = max(w.cur, end)
}

// turn does what is to be done at the tick reached: slots of higher levels that
// begin here are filed again, level 0 has ended or was renewed.
func (w *wheel) turn(now int64) {
	for level := levels - 1; level > 0; level-- {
		if w.cur&(1<<(8*level)-1) != 0 {
			continue
		}
		for e := range w.empty(level) {
			w.file(e, w.cur)
		}
	}
	var ended []*entry
	for e := range w.empty(0) {
		if e.lease.Deadline() > now {
			w.file(e, w.cur+1)
			continue
		}
		ended = append(ended, e)
	}
	slices.SortStableFunc(ended, func(a, b *entry) int { return cmp.Compare(a.lease.Deadline(), b.lease.Deadline()) })
	for _, e := range ended {
		e.pushTo(&w.due)
	}
}

// empty takes all out of the slot of a level that is due. What is filed meanwhile goes
// into another: a slot spans less than a turn of its level.
func (w *wheel) empty(level int) iter.Seq[*entry] {
	i := int(w.cur >> (8 * level) % slots)
	w.filled[level].clear(i)
	return w.slot[level][i].take()
}

// pop takes the first that is due, or gives nil.
func (w *wheel) pop() *entry {
	e := w.due.next
	if e == nil || e == &w.due {
		return nil
	}
	e.unlink()
	return e
}
