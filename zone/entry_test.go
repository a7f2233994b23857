package zone

import (
	"testing"
	"unsafe"
)

// The allocator has sizes of 160 and 176 octets: one word more costs 16 octets for each
// instance. What a lookup reads of each member stands together.
func TestEntryFitsIntoItsSize(t *testing.T) {
	if n := unsafe.Sizeof(solo{}); n > 160 {
		t.Errorf("an entry with one endpoint takes %d octets, want at most 160", n)
	}
	var e entry
	if end := unsafe.Offsetof(e.in) + unsafe.Offsetof(e.in.State); end > 80 {
		t.Errorf("the state of an entry is at octet %d, want it within the first 80", end)
	}
}

func TestEqualListsOfPortsAreShared(t *testing.T) {
	var l portLists
	http := l.shared([]Port{{Name: "http", Number: 80}})
	for _, tt := range []struct {
		name string
		give []Port
		same bool
	}{
		{"equal", []Port{{Name: "http", Number: 80}}, true},
		{"other in the same place", []Port{{Name: "web", Number: 80}}, false},
		{"that again", []Port{{Name: "web", Number: 80}}, false},
		{"replaced meanwhile", []Port{{Name: "http", Number: 80}}, false},
	} {
		got := l.shared(tt.give)
		if got[0] != tt.give[0] || (&got[0] == &http[0]) != tt.same {
			t.Errorf("%s: got %v, shared %v, want %v, shared %v", tt.name, got, &got[0] == &http[0], tt.give, tt.same)
		}
	}
	if got := l.shared(nil); len(got) != 0 {
		t.Errorf("no ports: got %v", got)
	}
}
