package zone

import (
	"iter"
	"slices"
	"strings"
)

// maxChunk bounds the members of a chunk: changing one member of a large service
// copies a chunk and the slice of chunks, here about 1 KB and 8 KB for 100,000.
const maxChunk = 128

// list is an immutable set of members in the order of their first target.
type list struct {
	chunks []*chunk
	n      int
}

// chunk is a run of members. Its mask is the union of theirs, so that a lookup
// passes over chunks in which nothing can be seen.
type chunk struct {
	mask uint64
	m    []*member
}

func newChunk(m []*member) *chunk {
	c := &chunk{m: m}
	for _, x := range m {
		c.mask |= x.e.mask
	}
	return c
}

func (x *member) compare(target string) int { return strings.Compare(x.targets[0], target) }

// search finds where target is or would be.
func (l *list) search(target string) (ci, i int, found bool) {
	ci, found = slices.BinarySearchFunc(l.chunks, target, func(c *chunk, t string) int {
		return c.m[0].compare(t)
	})
	if found {
		return ci, 0, true
	}
	if ci--; ci < 0 {
		return 0, 0, false
	}
	i, found = slices.BinarySearchFunc(l.chunks[ci].m, target, (*member).compare)
	return ci, i, found
}

func (l *list) get(target string) *member {
	if ci, i, ok := l.search(target); ok {
		return l.chunks[ci].m[i]
	}
	return nil
}

// with gives the list with m, in the place of the member with its target if there is one.
func (l list) with(m *member) list {
	if l.n == 0 {
		return list{[]*chunk{newChunk([]*member{m})}, 1}
	}
	ci, i, found := l.search(m.targets[0])
	old := l.chunks[ci].m
	ms := make([]*member, 0, len(old)+1)
	ms = append(append(ms, old[:i]...), m)
	if found {
		i++
	} else {
		l.n++
	}
	ms = append(ms, old[i:]...)
	if len(ms) <= maxChunk {
		// What a replaced member alone had stays in the mask: that costs a look.
		c := &chunk{mask: l.chunks[ci].mask | m.e.mask, m: ms}
		l.chunks = slices.Clone(l.chunks)
		l.chunks[ci] = c
		return l
	}
	half := len(ms) / 2
	chunks := make([]*chunk, 0, len(l.chunks)+1)
	chunks = append(chunks, l.chunks[:ci]...)
	chunks = append(chunks, newChunk(slices.Clone(ms[:half])), newChunk(slices.Clone(ms[half:])))
	l.chunks = append(chunks, l.chunks[ci+1:]...)
	return l
}

// without gives the list without the member that has this target.
func (l list) without(target string) list {
	ci, i, found := l.search(target)
	if !found {
		return l
	}
	l.n--
	ms := slices.Delete(slices.Clone(l.chunks[ci].m), i, i+1)
	l.chunks = slices.Clone(l.chunks)
	switch next := ci + 1; {
	case len(ms) == 0:
		l.chunks = slices.Delete(l.chunks, ci, ci+1)
	case next < len(l.chunks) && len(ms)+len(l.chunks[next].m) <= maxChunk/2:
		l.chunks[ci] = newChunk(append(ms, l.chunks[next].m...))
		l.chunks = slices.Delete(l.chunks, next, next+1)
	default:
		l.chunks[ci] = newChunk(ms)
	}
	return l
}

// all is every member, from the first.
func (l *list) all() iter.Seq[*member] {
	return func(yield func(*member) bool) {
		for _, c := range l.chunks {
			for _, m := range c.m {
				if !yield(m) {
					return
				}
			}
		}
	}
}

// after is every member from target on, whether it is there or not.
func (l *list) after(target string) iter.Seq[*member] {
	return func(yield func(*member) bool) {
		ci, i, _ := l.search(target)
		for ; ci < len(l.chunks); ci, i = ci+1, 0 {
			for _, m := range l.chunks[ci].m[i:] {
				if !yield(m) {
					return
				}
			}
		}
	}
}

// position is where a member stands in a list.
type position struct{ chunk, i int }

func (l *list) at(p position) *member { return l.chunks[p.chunk].m[p.i] }

// from is every member with bits of both masks, once round from the one at start.
func (l *list) from(start position, mask, state uint64, yield func(*member) bool) {
	if l.n == 0 {
		return
	}
	if !l.chunks[start.chunk].each(start.i, maxChunk+1, mask, state, yield) {
		return
	}
	for i := 1; i < len(l.chunks); i++ {
		if !l.chunks[(start.chunk+i)%len(l.chunks)].each(0, maxChunk+1, mask, state, yield) {
			return
		}
	}
	l.chunks[start.chunk].each(0, start.i, mask, state, yield)
}

func (c *chunk) each(from, to int, mask, state uint64, yield func(*member) bool) bool {
	if c.mask&mask == 0 || c.mask&state == 0 {
		return true
	}
	for _, m := range c.m[from:min(to, len(c.m))] {
		if x := m.e.mask; x&mask != 0 && x&state != 0 && !yield(m) {
			return false
		}
	}
	return true
}
