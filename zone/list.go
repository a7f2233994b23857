package zone

import (
	"iter"
	"slices"
	"sort"
	"strings"
)

// The members of a chunk, and the chunks of a run, are few: changing one member of
// 100,000 copies its chunk, its run and the slice of runs, each less than 1 KB.
const (
	maxChunk = 64
	maxRun   = 64
)

// list is an immutable set of members in the order of their first target. Most are
// small, and there are several for each instance.
type list struct {
	one  *chunk  // all members, while they fit into a chunk
	many *spread // else
}

type spread struct {
	runs []*run
	n    int
}

// run is some chunks in a row. Its mask is the union of theirs.
type run struct {
	mask   uint64
	chunks []*chunk
}

func newRun(chunks []*chunk) *run {
	r := &run{chunks: chunks}
	for _, c := range chunks {
		r.mask |= c.mask
	}
	return r
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

func (x *member) compare(target string) int { return strings.Compare(x.target, target) }

// position is where a member stands in a list.
type position struct{ run, chunk, i int }

// search finds where target is or would be in a list that is not empty.
func (l *list) search(target string) (p position, found bool) {
	c := l.one
	if c == nil {
		runs := l.many.runs
		p.run = last(runs, func(r *run) bool { return r.chunks[0].m[0].compare(target) <= 0 })
		chunks := runs[p.run].chunks
		p.chunk = last(chunks, func(c *chunk) bool { return c.m[0].compare(target) <= 0 })
		c = chunks[p.chunk]
	}
	p.i, found = slices.BinarySearchFunc(c.m, target, (*member).compare)
	return p, found
}

// last is the place of the last element that begins before something, or 0.
func last[T any](s []T, before func(T) bool) int {
	i := sort.Search(len(s), func(i int) bool { return !before(s[i]) })
	return max(i, 1) - 1
}

func (l *list) chunk(p position) *chunk {
	if l.one != nil {
		return l.one
	}
	return l.many.runs[p.run].chunks[p.chunk]
}

func (l *list) at(p position) *member { return l.chunk(p).m[p.i] }

func (l *list) get(target string) *member {
	if l.len() == 0 {
		return nil
	}
	if p, ok := l.search(target); ok {
		return l.at(p)
	}
	return nil
}

// with gives the list with m, in the place of the member with its target if there is one.
func (l list) with(m *member) list {
	if l.len() == 0 {
		return list{one: newChunk([]*member{m})}
	}
	p, found := l.search(m.target)
	c := l.chunk(p)
	switch {
	case found:
		return l.spliced(p, 0, c.replaced(p.i, m))
	case len(c.m) < maxChunk:
		return l.spliced(p, 1, &chunk{c.mask | m.e.mask, spliced(c.m, p.i, 0, m)})
	}
	ms := spliced(c.m, p.i, 0, m)
	half := len(ms) / 2
	return l.spliced(p, 1, newChunk(slices.Clone(ms[:half])), newChunk(slices.Clone(ms[half:])))
}

// without gives the list without the member that has this target.
func (l list) without(target string) list {
	if l.len() == 0 {
		return l
	}
	p, found := l.search(target)
	switch c := l.chunk(p); {
	case !found:
		return l
	case len(c.m) == 1:
		return l.spliced(p, -1)
	default:
		return l.spliced(p, -1, newChunk(spliced(c.m, p.i, 1)))
	}
}

// spliced gives the list with by in the place of the chunk at p, and n more members.
func (l *list) spliced(p position, n int, by ...*chunk) list {
	n += l.len()
	switch {
	case l.one != nil && len(by) == 1:
		return list{one: by[0]}
	case l.one != nil:
		return listOf(n, newRun(by))
	}
	runs := l.many.runs
	chunks := joined(spliced(runs[p.run].chunks, p.chunk, 1, by...), p.chunk, (*chunk).and)
	var with []*run
	switch half := len(chunks) / 2; {
	case len(chunks) > maxRun:
		with = []*run{newRun(slices.Clone(chunks[:half])), newRun(slices.Clone(chunks[half:]))}
	case len(chunks) > 0:
		with = []*run{newRun(chunks)}
	}
	return listOf(n, joined(spliced(runs, p.run, 1, with...), p.run, (*run).and)...)
}

// listOf makes a list of n members.
func listOf(n int, runs ...*run) list {
	switch {
	case n == 0:
		return list{}
	case len(runs) == 1 && len(runs[0].chunks) == 1:
		return list{one: runs[0].chunks[0]}
	}
	return list{many: &spread{runs, n}}
}

// joined puts what is at i together with what is behind it and before it, where both have
// become small: so no two in a row are, whichever members go. It may change the slice that
// it is given.
func joined[T any](s []T, i int, and func(a, b T) (both T, small bool)) []T {
	for j := i; j >= max(i-1, 0); j-- {
		if j+1 >= len(s) {
			continue
		}
		if both, small := and(s[j], s[j+1]); small {
			s = slices.Replace(s, j, j+2, both)
		}
	}
	return s
}

func (c *chunk) and(next *chunk) (both *chunk, small bool) {
	if len(c.m)+len(next.m) > maxChunk/2 {
		return nil, false
	}
	return newChunk(slices.Concat(c.m, next.m)), true
}

func (r *run) and(next *run) (both *run, small bool) {
	if len(r.chunks)+len(next.chunks) > maxRun/2 {
		return nil, false
	}
	return newRun(joined(slices.Concat(r.chunks, next.chunks), len(r.chunks)-1, (*chunk).and)), true
}

// spliced gives a copy of s with by in the place of n elements from i on. It wastes no
// capacity, as such slices live long.
func spliced[T any](s []T, i, n int, by ...T) []T {
	c := make([]T, len(s)-n+len(by))
	copy(c, s[:i])
	copy(c[i:], by)
	copy(c[i+len(by):], s[i+n:])
	return c
}

// replaced gives a copy of the chunk with m in the place of member i.
func (c *chunk) replaced(i int, m *member) *chunk {
	old := c.m[i].e.mask
	ms := spliced(c.m, i, 1, m)
	if old&^m.e.mask == 0 {
		return &chunk{c.mask | m.e.mask, ms}
	}
	return newChunk(ms)
}

// all is every member, from the first.
func (l *list) all() iter.Seq[*member] { return l.since(position{}) }

// after is every member from target on, whether it is there or not.
func (l *list) after(target string) iter.Seq[*member] {
	if l.len() == 0 {
		return l.all()
	}
	p, _ := l.search(target)
	return l.since(p)
}

// since is every member from the one at p on.
func (l *list) since(p position) iter.Seq[*member] {
	return func(yield func(*member) bool) {
		switch {
		case l.one != nil:
			l.one.since(p.i, yield)
		case l.many != nil:
			l.many.since(p, yield)
		}
	}
}

func (s *spread) since(p position, yield func(*member) bool) {
	for _, r := range s.runs[p.run:] {
		for _, c := range r.chunks[p.chunk:] {
			if !c.since(p.i, yield) {
				return
			}
			p.i = 0
		}
		p.chunk = 0
	}
}

func (c *chunk) since(i int, yield func(*member) bool) bool {
	for _, m := range c.m[i:] {
		if !yield(m) {
			return false
		}
	}
	return true
}

// from is every member with bits of both masks, once round from the one at start.
func (l *list) from(start position, mask, state uint64, yield func(*member) bool) {
	switch {
	case l.one != nil:
		_ = l.one.each(start.i, maxChunk, mask, state, yield) && l.one.each(0, start.i, mask, state, yield)
	case l.many != nil:
		l.many.from(start, mask, state, yield)
	}
}

func (s *spread) from(start position, mask, state uint64, yield func(*member) bool) {
	r := s.runs[start.run]
	c := r.chunks[start.chunk]
	if !c.each(start.i, maxChunk, mask, state, yield) || !r.each(start.chunk+1, maxRun, mask, state, yield) {
		return
	}
	for i := 1; i < len(s.runs); i++ {
		if !s.runs[(start.run+i)%len(s.runs)].each(0, maxRun, mask, state, yield) {
			return
		}
	}
	_ = r.each(0, start.chunk, mask, state, yield) && c.each(0, start.i, mask, state, yield)
}

func (r *run) each(from, to int, mask, state uint64, yield func(*member) bool) bool {
	if r.mask&mask == 0 || r.mask&state == 0 {
		return true
	}
	for _, c := range r.chunks[min(from, len(r.chunks)):min(to, len(r.chunks))] {
		if !c.each(0, maxChunk, mask, state, yield) {
			return false
		}
	}
	return true
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
