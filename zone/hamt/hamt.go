// Package hamt is a persistent hash map: copies are free, and a change copies
// only the path to what it changes. Maps that share structure may be read from
// any number of goroutines while one of them is changed.
package hamt

import (
	"hash/maphash"
	"iter"
	"math/bits"
)

const (
	width    = 5 // bits of the hash used at each level
	maxShift = 65
)

// seed is random for each process, so that nobody can choose names that collide.
var seed = maphash.MakeSeed()

// Map is a persistent map. The zero value is empty and ready to use. Assigning a
// Map makes a copy that later changes of the original do not touch, as long as
// the Edit that made changes to one of them is not used again for the other.
type Map[K comparable, V any] struct {
	root *node[K, V]
	n    int
}

// Edit owns the nodes that were made under it and may change them in place, so
// that a batch of changes copies each path once. Use a new one after each
// publication of the map. A nil Edit owns nothing.
type Edit struct{ _ byte }

type entry[K comparable, V any] struct {
	key K
	val V
}

// node keeps entries and children apart, each in the order of their slot. Below
// the last bits of the hash a node is a plain list of colliding entries.
type node[K comparable, V any] struct {
	owner    *Edit
	data     uint32 // slots that hold an entry
	kids     uint32 // slots that hold a child
	entries  []entry[K, V]
	children []*node[K, V]
}

// Len is the number of keys.
func (m *Map[K, V]) Len() int { return m.n }

// Get finds the value of a key. It does not keep the key.
func (m *Map[K, V]) Get(key K) (val V, ok bool) {
	n := m.root
	if n == nil {
		return val, false
	}
	hash := maphash.Comparable(seed, key)
	for shift := 0; shift < maxShift; shift += width {
		bit := slot(hash, shift)
		if n.data&bit != 0 {
			if e := &n.entries[rank(n.data, bit)]; e.key == key {
				return e.val, true
			}
			return val, false
		}
		if n.kids&bit == 0 {
			return val, false
		}
		n = n.children[rank(n.kids, bit)]
	}
	if i := n.find(key); i >= 0 {
		return n.entries[i].val, true
	}
	return val, false
}

// Set adds or replaces the value of a key.
func (m *Map[K, V]) Set(ed *Edit, key K, val V) {
	if m.root == nil {
		m.root = &node[K, V]{owner: ed}
	}
	root, added := m.root.set(ed, maphash.Comparable(seed, key), 0, entry[K, V]{key, val})
	m.root = root
	if added {
		m.n++
	}
}

// Delete removes a key; one that is not there changes nothing.
func (m *Map[K, V]) Delete(ed *Edit, key K) {
	if m.root == nil {
		return
	}
	root, removed := m.root.delete(ed, maphash.Comparable(seed, key), 0, key)
	m.root = root
	if removed {
		m.n--
	}
}

// All is every key with its value, in no order.
func (m *Map[K, V]) All() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		if m.root != nil {
			m.root.each(yield)
		}
	}
}

func (n *node[K, V]) each(yield func(K, V) bool) bool {
	for i := range n.entries {
		if !yield(n.entries[i].key, n.entries[i].val) {
			return false
		}
	}
	for _, c := range n.children {
		if !c.each(yield) {
			return false
		}
	}
	return true
}

func slot(hash uint64, shift int) uint32 { return 1 << (hash >> shift & (1<<width - 1)) }

func rank(bitmap, bit uint32) int { return bits.OnesCount32(bitmap & (bit - 1)) }

func (n *node[K, V]) find(key K) int {
	for i := range n.entries {
		if n.entries[i].key == key {
			return i
		}
	}
	return -1
}

// own gives a node that may be changed under ed: n itself, or a copy of its
// head. The slices of a copy are still shared.
func (n *node[K, V]) own(ed *Edit) *node[K, V] {
	if ed != nil && n.owner == ed {
		return n
	}
	c := *n
	c.owner = ed
	return &c
}

func (n *node[K, V]) set(ed *Edit, hash uint64, shift int, e entry[K, V]) (*node[K, V], bool) {
	if shift >= maxShift {
		c := n.own(ed)
		if i := n.find(e.key); i >= 0 {
			c.entries = replace(n.entries, i, e)
			return c, false
		}
		c.entries = insert(n.entries, len(n.entries), e)
		return c, true
	}
	bit := slot(hash, shift)
	c := n.own(ed)
	switch {
	case n.kids&bit != 0:
		i := rank(n.kids, bit)
		kid, added := n.children[i].set(ed, hash, shift+width, e)
		if kid != n.children[i] {
			c.children = replace(n.children, i, kid)
		}
		return c, added
	case n.data&bit == 0:
		c.entries = insert(n.entries, rank(n.data, bit), e)
		c.data |= bit
		return c, true
	}
	i := rank(n.data, bit)
	old := n.entries[i]
	if old.key == e.key {
		c.entries = replace(n.entries, i, e)
		return c, false
	}
	// Two keys in one slot: both move a level down.
	kid := &node[K, V]{owner: ed}
	kid, _ = kid.set(ed, maphash.Comparable(seed, old.key), shift+width, old)
	kid, _ = kid.set(ed, hash, shift+width, e)
	c.entries = remove(n.entries, i)
	c.data &^= bit
	c.children = insert(n.children, rank(n.kids, bit), kid)
	c.kids |= bit
	return c, true
}

// delete gives nil for a node that became empty.
func (n *node[K, V]) delete(ed *Edit, hash uint64, shift int, key K) (*node[K, V], bool) {
	if shift >= maxShift {
		i := n.find(key)
		if i < 0 {
			return n, false
		}
		return n.without(ed, i, 0), true
	}
	bit := slot(hash, shift)
	if n.data&bit != 0 {
		i := rank(n.data, bit)
		if n.entries[i].key != key {
			return n, false
		}
		return n.without(ed, i, bit), true
	}
	if n.kids&bit == 0 {
		return n, false
	}
	i := rank(n.kids, bit)
	kid, removed := n.children[i].delete(ed, hash, shift+width, key)
	if !removed {
		return n, false
	}
	c := n.own(ed)
	if len(kid.children) > 0 || len(kid.entries) > 1 {
		c.children = replace(n.children, i, kid)
		return c, true
	}
	// A child with one entry is folded into its parent, so that the shape of a
	// map depends on its keys alone.
	c.children = remove(n.children, i)
	c.kids &^= bit
	c.entries = insert(n.entries, rank(n.data, bit), kid.entries[0])
	c.data |= bit
	return c, true
}

// without gives the node less its entry i.
func (n *node[K, V]) without(ed *Edit, i int, bit uint32) *node[K, V] {
	c := n.own(ed)
	c.entries = remove(n.entries, i)
	c.data &^= bit
	return c
}

// The three below never change what they are given, and waste no capacity:
// there are many of these slices, and they live long.

func replace[T any](s []T, i int, v T) []T {
	c := make([]T, len(s))
	copy(c, s)
	c[i] = v
	return c
}

func insert[T any](s []T, i int, v T) []T {
	c := make([]T, len(s)+1)
	copy(c, s[:i])
	c[i] = v
	copy(c[i+1:], s[i:])
	return c
}

func remove[T any](s []T, i int) []T {
	if len(s) == 1 {
		return nil
	}
	c := make([]T, len(s)-1)
	copy(c, s[:i])
	copy(c[i:], s[i+1:])
	return c
}
