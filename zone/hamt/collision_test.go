package hamt

import "testing"

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
