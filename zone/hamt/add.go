package hamt

import (
	"cmp"
	"hash/maphash"
	"math/bits"
	"slices"
)

// Add adds values, but those whose key is there already, or comes twice, which it gives
// back. Many are added in a fraction of the time that they take one by one: in the order
// of their hashes each goes where the one before went, and no other value is looked at.
func (s *Set[K, V]) Add(ed *Edit, vals []V) (met []V) {
	if len(vals) == 0 {
		return nil
	}
	if s.root == nil {
		s.root = &bush[K, V]{owner: ed}
	}
	all := make([]hashed, len(vals))
	for i, v := range vals { // bits that are used first are to count most
		all[i] = hashed{bits.Reverse64(maphash.Comparable(seed, v.HashKey())), i}
	}
	slices.SortFunc(all, func(a, b hashed) int { return cmp.Compare(a.hash, b.hash) })
	for i := range all {
		all[i].hash = bits.Reverse64(all[i].hash)
	}
	m := merging[K, V]{edit: ed, vals: vals}
	s.root = m.add(s.root, all, 0)
	s.n += len(vals) - len(m.met)
	return m.met
}

// hashed says which value has a hash. It has no pointer: the collector has no part in
// sorting a million of them.
type hashed struct {
	hash uint64
	i    int
}

// merging is an Add under way.
type merging[K comparable, V Keyed[K]] struct {
	edit *Edit
	vals []V
	met  []V
}

func (m *merging[K, V]) add(b *bush[K, V], all []hashed, shift int) *bush[K, V] {
	b = b.own(m.edit)
	for len(all) > 0 {
		i, n := forkOf(all[0].hash, shift), 1
		for n < len(all) && forkOf(all[n].hash, shift) == i {
			n++
		}
		if b.spreads(i, n, shift) {
			kid := b.bushes[i]
			if kid == nil {
				kid = b.leaves[i].forked(m.edit, shift+fork)
			}
			b.bushes[i], b.leaves[i] = m.add(kid, all[:n], shift+fork), nil
		} else {
			m.addToLeaf(b.ownLeaf(i), all[:n])
		}
		all = all[n:]
	}
	return b
}

func (m *merging[K, V]) addToLeaf(l *leaf[K, V], all []hashed) {
	l.reserve(len(all))
	for _, h := range all {
		tag, v := tagOf(h.hash), m.vals[h.i]
		if l.may(tag) && l.find(tag, v.HashKey()) >= 0 {
			m.met = append(m.met, v)
		} else {
			l.add(tag, v)
		}
	}
}

// spreads reports whether what is at a fork is in a bush when there are n values more.
func (b *bush[K, V]) spreads(i uint64, n, shift int) bool {
	if b.bushes[i] != nil {
		return true
	}
	if l := b.leaves[i]; l != nil {
		n += len(l.vals)
	}
	return n > maxLeaf && shift+fork < deepest
}

// may reports whether a value with a tag can be in the leaf.
func (l *leaf[K, V]) may(tag uint8) bool {
	return len(l.vals) > maxLeaf || slices.Contains(l.tags[:len(l.vals)], tag)
}
