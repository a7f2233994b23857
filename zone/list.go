package zone

import (
	"iter"
	"slices"
	"strings"
	"unsafe"
)

// maxChunk bounds the members of a chunk: changing one member of a large service
// copies a chunk and the slice of chunks, here about 1 KB and 8 KB for 100,000.
const maxChunk = 128

// list is an immutable set of members in the order of their first target. Most are
// small, and there are several for each instance.
type list struct {
	one  *chunk  // all members, while they fit into a chunk
	many *spread // else
}

type spread struct {
	chunks []*chunk
	n      int
}

// listOf makes a list of n members.
func listOf(n int, chunks ...*chunk) list {
	switch len(chunks) {
	case 0:
		return list{}
	case 1:
		return list{one: chunks[0]}
	}
	return list{many: &spread{chunks, n}}
}

// chunks are those of the list; nobody changes them.
func (l *list) chunks() []*chunk {
	switch {
	case l.one != nil:
		return unsafe.Slice(&l.one, 1)
	case l.many != nil:
		return l.many.chunks
	}
	return nil
}

// len counts the members.
func (l *list) len() int {
	switch {
	case l.one != nil:
		return len(l.one.m)
	case l.many != nil:
		return l.many.n
	}
	return 0
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
	chunks := l.chunks()
	ci, found = slices.BinarySearchFunc(chunks, target, func(c *chunk, t string) int {
		return c.m[0].compare(t)
	})
	if found {
		return ci, 0, true
	}
	if ci--; ci < 0 {
		return 0, 0, false
	}
	i, found = slices.BinarySearchFunc(chunks[ci].m, target, (*member).compare)
	return ci, i, found
}

func (l *list) get(target string) *member {
	if ci, i, ok := l.search(target); ok {
		return l.chunks()[ci].m[i]
	}
	return nil
}

// with gives the list with m, in the place of the member with its target if there is one.
func (l list) with(m *member) list {
	n := l.len()
	if n == 0 {
		return listOf(1, newChunk([]*member{m}))
	}
	ci, i, found := l.search(m.targets[0])
	chunks := l.chunks()
	old := chunks[ci].m
	ms := make([]*member, 0, len(old)+1)
	ms = append(append(ms, old[:i]...), m)
	if found {
		i++
	} else {
		n++
	}
	ms = append(ms, old[i:]...)
	if len(ms) <= maxChunk {
		// What a replaced member alone had stays in the mask: that costs a look.
		c := &chunk{mask: chunks[ci].mask | m.e.mask, m: ms}
		return l.replaced(n, ci, ci+1, c)
	}
	half := len(ms) / 2
	return l.replaced(n, ci, ci+1, newChunk(slices.Clone(ms[:half])), newChunk(slices.Clone(ms[half:])))
}

// without gives the list without the member that has this target.
func (l list) without(target string) list {
	ci, i, found := l.search(target)
	if !found {
		return l
	}
	n, chunks, next := l.len()-1, l.chunks(), ci+1
	ms := slices.Delete(slices.Clone(chunks[ci].m), i, i+1)
	switch {
	case len(ms) == 0:
		return l.replaced(n, ci, next)
	case next < len(chunks) && len(ms)+len(chunks[next].m) <= maxChunk/2:
		return l.replaced(n, ci, next+1, newChunk(append(ms, chunks[next].m...)))
	}
	return l.replaced(n, ci, next, newChunk(ms))
}

// replaced gives the list of n members that has other chunks from from to to.
func (l *list) replaced(n, from, to int, by ...*chunk) list {
	old := l.chunks()
	return listOf(n, slices.Concat(old[:from], by, old[to:])...)
}

// all is every member, from the first.
func (l *list) all() iter.Seq[*member] {
	return func(yield func(*member) bool) {
		for _, c := range l.chunks() {
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
		chunks := l.chunks()
		for ; ci < len(chunks); ci, i = ci+1, 0 {
			for _, m := range chunks[ci].m[i:] {
				if !yield(m) {
					return
				}
			}
		}
	}
}

// position is where a member stands in a list.
type position struct{ chunk, i int }

func (l *list) at(p position) *member { return l.chunks()[p.chunk].m[p.i] }

// from is every member with bits of both masks, once round from the one at start.
func (l *list) from(start position, mask, state uint64, yield func(*member) bool) {
	chunks := l.chunks()
	if len(chunks) == 0 {
		return
	}
	if !chunks[start.chunk].each(start.i, maxChunk+1, mask, state, yield) {
		return
	}
	for i := 1; i < len(chunks); i++ {
		if !chunks[(start.chunk+i)%len(chunks)].each(0, maxChunk+1, mask, state, yield) {
			return
		}
	}
	chunks[start.chunk].each(0, start.i, mask, state, yield)
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
