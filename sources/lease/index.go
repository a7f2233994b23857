package lease

import (
	"iter"
	"sync/atomic"
)

// index finds the leases of a shard by a hash of their IDs. One goroutine at a time changes
// it; what looks at it meanwhile can miss an entry, or get another. The zero value is empty.
type index struct {
	cells atomic.Pointer[cells]
	n     int
}

// cells hold entries in the order of their hashes: each is in the cell that its hash is
// home to, or in the first behind that was free. Hashes stand apart from the entries, so
// that no entry is read but the one that is sought: it is seldom in a cache.
type cells struct {
	hashes  []atomic.Uint32 // 0: the cell is free
	entries []atomic.Pointer[entry]
}

const minCells = 8

// room is how many entries fit: the more, the longer the way to the right one.
func (s *cells) room() int { return len(s.hashes) * 7 / 8 }

func (s *cells) home(hash uint32) int { return int(uint64(hash) * uint64(len(s.hashes)) >> 32) }

func (s *cells) after(cell int) int {
	if cell++; cell < len(s.hashes) {
		return cell
	}
	return 0
}

// seek gives the first cell from one on that has this hash, or is free.
func (s *cells) seek(cell int, hash uint32) int {
	for {
		if h := s.hashes[cell].Load(); h == hash || h == 0 {
			return cell
		}
		cell = s.after(cell)
	}
}

// fill puts an entry into a free cell.
func (s *cells) fill(hash uint32, e *entry) {
	cell := s.home(hash)
	for s.hashes[cell].Load() != 0 {
		cell = s.after(cell)
	}
	s.set(cell, hash, e)
}

func (s *cells) set(cell int, hash uint32, e *entry) {
	s.entries[cell].Store(e)
	s.hashes[cell].Store(hash)
}

// free takes out what is in a cell, and moves up those behind it that stand behind their
// home because of it.
func (s *cells) free(cell int) {
	for next := s.after(cell); ; next = s.after(next) {
		h := s.hashes[next].Load()
		if h == 0 {
			break
		}
		if s.between(s.home(h), next) >= s.between(cell, next) {
			s.set(cell, h, s.entries[next].Load())
			cell = next
		}
	}
	s.set(cell, 0, nil)
}

// between is how many cells it is from one to another, going round.
func (s *cells) between(from, to int) int {
	if to < from {
		to += len(s.hashes)
	}
	return to - from
}

// find gives the entry of an ID, or nil.
func (x *index) find(hash uint32, id []byte) *entry {
	s := x.cells.Load()
	if s == nil {
		return nil
	}
	for cell := s.home(hash); ; cell = s.after(cell) {
		if cell = s.seek(cell, hash); s.hashes[cell].Load() == 0 {
			return nil
		}
		if e := s.entries[cell].Load(); e.id() == string(id) { // no copy
			return e
		}
	}
}

// guess gives the entry that an ID with this hash most likely has, without reading it;
// or nil. Unlike the others, it may be called while the index is changed.
func (x *index) guess(hash uint32) *entry {
	s := x.cells.Load()
	if s == nil {
		return nil
	}
	return s.entries[s.seek(s.home(hash), hash)].Load()
}

// add adds an entry whose ID is in none yet.
func (x *index) add(hash uint32, e *entry) {
	s := x.cells.Load()
	if s == nil || x.n == s.room() {
		s = x.grow(s)
	}
	s.fill(hash, e)
	x.n++
}

// grow makes a quarter more cells: memory for a million leases is dearer than to go
// through the hashes once more.
func (x *index) grow(old *cells) *cells {
	n := minCells
	if old != nil {
		n = len(old.hashes) * 5 / 4
	}
	s := &cells{make([]atomic.Uint32, n), make([]atomic.Pointer[entry], n)}
	if old != nil {
		for i := range old.hashes {
			if h := old.hashes[i].Load(); h != 0 {
				s.fill(h, old.entries[i].Load())
			}
		}
	}
	x.cells.Store(s)
	return s
}

// remove takes an entry out that is in it.
func (x *index) remove(hash uint32, e *entry) {
	s := x.cells.Load()
	cell := s.home(hash)
	for s.entries[cell].Load() != e {
		cell = s.after(cell)
	}
	s.free(cell)
	x.n--
}

// all gives the entries.
func (x *index) all() iter.Seq[*entry] {
	return func(yield func(*entry) bool) {
		s := x.cells.Load()
		if s == nil {
			return
		}
		for i := range s.entries {
			if e := s.entries[i].Load(); e != nil && !yield(e) {
				return
			}
		}
	}
}
