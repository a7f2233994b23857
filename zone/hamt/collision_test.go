package hamt

import (
	"hash/maphash"
	"testing"
)

// Two keys with one 64-bit hash cannot be made on demand, so the level below the
// last bit is driven by hand.
func TestKeysWithOneHashLiveSideBySide(t *testing.T) {
	n := &node[string, int]{}
	for i, k := range []string{"a", "b", "c", "b"} {
		var added bool
		n, added = n.set(nil, 7, maxShift, entry[string, int]{k, i})
		if added == (i == 3) {
			t.Errorf("set %q for time %d: added = %v", k, i, added)
		}
	}
	if i := n.find("b"); i < 0 || n.entries[i].val != 3 {
		t.Errorf("b is not 3: %+v", n.entries)
	}
	n, removed := n.delete(nil, 7, maxShift, "a")
	if !removed || n.find("a") >= 0 || n.find("c") < 0 {
		t.Errorf("after deleting a: %+v", n.entries)
	}
	if _, removed := n.delete(nil, 7, maxShift, "zz"); removed {
		t.Error("deleted what was not there")
	}
}

type number int

func (n number) HashKey() int { return int(n) }

// Here one leaf is made to hold more than it has tags for.
func TestValuesWithOneHashLiveSideBySideInASet(t *testing.T) {
	const n, hash = 2*maxLeaf + 3, 7 << deepest
	b := &bush[int, number]{}
	for i := range n {
		b, _ = b.put(nil, i, hash, deepest-fork, number(i))
	}
	l := b.leaves[0]
	for i := range n {
		if l.find(7, i) < 0 {
			t.Fatalf("%d is lost among %d", i, n)
		}
	}
	for i := range n {
		l := l.without(l.find(7, i))
		for j := range n {
			tag := tagOf(maphash.Comparable(seed, j)) // its own, now that tags are worked out anew
			if found := l.find(tag, j) >= 0; found != (i != j) {
				t.Fatalf("without %d, found %d: %v", i, j, found)
			}
		}
	}
}
