package hamt

import (
	"hash/maphash"
	"iter"
	"slices"
)

// Set is a persistent set of values that know their keys: what a Map from those keys to
// them takes, less the keys. The zero value is empty and ready to use. As with a Map,
// assigning makes a copy.
type Set[K comparable, V Keyed[K]] struct {
	root *bush[K, V]
	n    int
}

// Keyed is a value that knows its key, which stays the same while it is in a set.
type Keyed[K comparable] interface {
	comparable
	HashKey() K
}

const (
	fork    = 2 // bits of the hash used at each bush
	maxLeaf = 16
	deepest = 64 - 8 // where bits of the hash are tags only
)

// bush keeps values by the next bits of their hashes: those of each fork in a leaf, or in
// another bush when they are too many. Leaves are never empty.
type bush[K comparable, V Keyed[K]] struct {
	owner  *Edit
	mine   [1 << fork]bool // leaves that were made under owner
	bushes [1 << fork]*bush[K, V]
	leaves [1 << fork]*leaf[K, V]
}

// leaf is some values, with a part of their hashes that tells most of them apart.
type leaf[K comparable, V Keyed[K]] struct {
	tags [maxLeaf]uint8
	vals []V
}

// Len is the number of values.
func (s *Set[K, V]) Len() int { return s.n }

// Get finds the value that has a key.
func (s *Set[K, V]) Get(key K) (val V, ok bool) {
	hash := maphash.Comparable(seed, key)
	for b, at := s.root, hash; b != nil; at >>= fork {
		i := at % (1 << fork)
		if l := b.leaves[i]; l != nil {
			if j := l.find(tagOf(hash), key); j >= 0 {
				return l.vals[j], true
			}
			return val, false
		}
		b = b.bushes[i]
	}
	return val, false
}

// Put adds a value, or puts it in the place of the one with its key.
func (s *Set[K, V]) Put(ed *Edit, val V) {
	if s.root == nil {
		s.root = &bush[K, V]{owner: ed}
	}
	key := val.HashKey()
	root, added := s.root.put(ed, key, maphash.Comparable(seed, key), 0, val)
	s.root = root
	if added {
		s.n++
	}
}

// Delete removes the value that has a key; one that is not there changes nothing.
func (s *Set[K, V]) Delete(ed *Edit, key K) {
	if s.root == nil {
		return
	}
	root, removed := s.root.delete(ed, key, maphash.Comparable(seed, key), 0)
	s.root = root
	if removed {
		s.n--
	}
}

// All is every value, in no order.
func (s *Set[K, V]) All() iter.Seq[V] {
	return func(yield func(V) bool) {
		if s.root != nil {
			s.root.each(yield)
		}
	}
}

func (b *bush[K, V]) each(yield func(V) bool) bool {
	for i := range b.leaves {
		if l := b.leaves[i]; l != nil {
			for _, v := range l.vals {
				if !yield(v) {
					return false
				}
			}
		}
		if b.bushes[i] != nil && !b.bushes[i].each(yield) {
			return false
		}
	}
	return true
}

func tagOf(hash uint64) uint8 { return uint8(hash >> deepest) }

func forkOf(hash uint64, shift int) uint64 { return hash >> shift % (1 << fork) }

// find is the place of the value with a key, or -1.
func (l *leaf[K, V]) find(tag uint8, key K) int {
	for i, v := range l.vals {
		if (i >= maxLeaf || l.tags[i] == tag) && v.HashKey() == key {
			return i
		}
	}
	return -1
}

func (b *bush[K, V]) own(ed *Edit) *bush[K, V] {
	if ed != nil && b.owner == ed {
		return b
	}
	c := *b
	c.owner, c.mine = ed, [1 << fork]bool{}
	return &c
}

// ownLeaf gives a leaf that may be changed, in a bush that may be.
func (b *bush[K, V]) ownLeaf(i uint64) *leaf[K, V] {
	if l := b.leaves[i]; l == nil {
		b.leaves[i] = new(leaf[K, V])
	} else if !b.mine[i] {
		b.leaves[i] = &leaf[K, V]{l.tags, append(make([]V, 0, room(len(l.vals)+1)), l.vals...)}
	}
	b.mine[i] = true
	return b.leaves[i]
}

// room is for how many pointers there is room where n are kept: Go's sizes of objects leave
// some for one more.
func room(n int) int {
	if n < 4 {
		return n
	}
	return n + n%2
}

func (b *bush[K, V]) put(ed *Edit, key K, hash uint64, shift int, val V) (*bush[K, V], bool) {
	i := forkOf(hash, shift)
	c := b.own(ed)
	if kid := b.bushes[i]; kid != nil {
		var added bool
		c.bushes[i], added = kid.put(ed, key, hash, shift+fork, val)
		return c, added
	}
	l, j := b.leaves[i], -1
	if l != nil {
		j = l.find(tagOf(hash), key)
	}
	if j < 0 && l != nil && len(l.vals) >= maxLeaf && shift+fork < deepest {
		c.bushes[i], c.leaves[i] = l.forked(ed, shift+fork), nil
		c.bushes[i], _ = c.bushes[i].put(ed, key, hash, shift+fork, val)
		return c, true
	}
	l = c.ownLeaf(i)
	if j >= 0 {
		l.vals[j] = val
		return c, false
	}
	l.add(tagOf(hash), val)
	return c, true
}

// reserve makes room for n values more.
func (l *leaf[K, V]) reserve(n int) {
	if n += len(l.vals); n > cap(l.vals) {
		l.vals = append(make([]V, 0, room(n)), l.vals...)
	}
}

// forked gives the values of a leaf, which may be nil, as a bush.
func (l *leaf[K, V]) forked(ed *Edit, shift int) *bush[K, V] {
	b := &bush[K, V]{owner: ed}
	if l == nil {
		return b
	}
	for _, v := range l.vals {
		k := v.HashKey()
		b, _ = b.put(ed, k, maphash.Comparable(seed, k), shift, v)
	}
	return b
}

// add adds a value. Without room for its tag it is looked at whenever a key is looked for.
func (l *leaf[K, V]) add(tag uint8, val V) {
	l.reserve(1)
	n := len(l.vals)
	if l.vals = append(l.vals, val); n < maxLeaf {
		l.tags[n] = tag
	}
}

func (b *bush[K, V]) delete(ed *Edit, key K, hash uint64, shift int) (*bush[K, V], bool) {
	i := forkOf(hash, shift)
	if kid := b.bushes[i]; kid != nil {
		kid, removed := kid.delete(ed, key, hash, shift+fork)
		if !removed {
			return b, false
		}
		c := b.own(ed)
		if c.bushes[i] = kid; kid.small() {
			c.bushes[i], c.leaves[i] = nil, kid.folded()
		}
		return c, true
	}
	l := b.leaves[i]
	if l == nil {
		return b, false
	}
	j := l.find(tagOf(hash), key)
	if j < 0 {
		return b, false
	}
	c := b.own(ed)
	c.leaves[i] = l.without(j)
	return c, true
}

// without gives the leaf without value i, or nil when there is no other.
func (l *leaf[K, V]) without(i int) *leaf[K, V] {
	vals := remove(l.vals, i)
	if len(l.vals) > maxLeaf {
		return leafOf[K](vals)
	}
	if vals == nil {
		return nil
	}
	c := &leaf[K, V]{l.tags, vals}
	copy(c.tags[i:], l.tags[i+1:])
	return c
}

// leafOf makes a leaf of values, or nil of none.
func leafOf[K comparable, V Keyed[K]](vals []V) *leaf[K, V] {
	if len(vals) == 0 {
		return nil
	}
	l := &leaf[K, V]{vals: vals}
	for i, v := range vals[:min(len(vals), maxLeaf)] {
		l.tags[i] = tagOf(maphash.Comparable(seed, v.HashKey()))
	}
	return l
}

// small reports whether a bush has so few values that a leaf holds them, with room for more.
func (b *bush[K, V]) small() bool {
	n := 0
	for i, l := range b.leaves {
		if b.bushes[i] != nil {
			return false
		}
		if l != nil {
			n += len(l.vals)
		}
	}
	return n <= maxLeaf/2
}

// folded gives the values of a small bush as one leaf.
func (b *bush[K, V]) folded() *leaf[K, V] {
	var vals []V
	for _, l := range b.leaves {
		if l != nil {
			vals = append(vals, l.vals...)
		}
	}
	return leafOf[K](slices.Clip(vals))
}
