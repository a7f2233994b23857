package hamt

import (
	"fmt"
	"hash/maphash"
	"slices"
	"testing"
)

type text string

func (s text) HashKey() string { return string(s) }

// What is in one bush, or in one leaf, of any set stands together.
func TestArrangePutsTogetherWhatASetHoldsTogether(t *testing.T) {
	var vals []text
	for i := range 5000 {
		vals = append(vals, text(fmt.Sprint(i)))
	}
	before := slices.Clone(vals)
	Arrange(vals)
	for depth := 1; depth <= 4; depth++ {
		left := map[uint64]bool{}
		last := uint64(1) << 63
		for _, v := range vals {
			bush := maphash.Comparable(seed, v.HashKey()) % (1 << (fork * depth))
			if bush != last && left[bush] {
				t.Fatalf("depth %d: %q comes to a bush that was left", depth, v)
			}
			left[last], last = true, bush
		}
	}
	slices.Sort(before)
	if slices.Sort(vals); !slices.Equal(vals, before) {
		t.Error("Arrange has lost some")
	}
}
