package hamt

import "hash/maphash"

// Path is the way to a key, a node a step. Get waits at each node until it is there from
// memory; where all of several paths are taken one step, and then the next, these
// waits overlap.
type Path[K comparable, V any] struct {
	next *node[K, V] // nil at the end
	hash uint64      // less the bits of the steps that were taken
	last *entry[K, V]
}

// Path gives the way from the root. It does not keep the key.
func (m *Map[K, V]) Path(key K) Path[K, V] {
	if m.root == nil {
		return Path[K, V]{}
	}
	return Path[K, V]{next: m.root, hash: maphash.Comparable(seed, key)}
}

// Step takes a step, and reports whether it has led on.
func (p *Path[K, V]) Step() bool {
	n := p.next
	if n == nil {
		return false
	}
	p.next = nil
	bit := slot(p.hash, 0)
	p.hash >>= width
	switch {
	case n.data&bit != 0:
		p.last = &n.entries[rank(n.data, bit)]
	case n.kids&bit != 0:
		p.next = n.children[rank(n.kids, bit)]
	}
	return p.next != nil
}

// End is what Get gives, once no step leads on. It finds none of several keys with one
// hash.
func (p *Path[K, V]) End(key K) (val V, ok bool) {
	if p.last == nil || p.last.key != key {
		return val, false
	}
	return p.last.val, true
}
