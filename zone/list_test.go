package zone

import (
	"fmt"
	"testing"
)

func TestChunksStaySmallAndFewWhileMembersComeAndGo(t *testing.T) {
	var l list
	name := func(i int) string { return label(fmt.Sprintf("h%04d", i*7919%5000)) + label("web") }
	for i := range 5000 {
		l = l.with(&member{e: &entry{mask: 1}, targets: []string{name(i)}})
	}
	wantChunks(t, &l, 5000)
	for i := range 4900 {
		l = l.without(name(i))
	}
	wantChunks(t, &l, 100)
	l = l.without("\x03not\x03web")
	for i := 4900; i < 5000; i++ {
		if l.get(name(i)) == nil {
			t.Fatalf("%q is lost", name(i))
		}
		l = l.without(name(i))
	}
	wantChunks(t, &l, 0)
}

// wantChunks wants n members in order, in chunks that are a third full on average.
func wantChunks(t *testing.T, l *list, n int) {
	t.Helper()
	last, count := "", 0
	for m := range l.all() {
		if m.targets[0] <= last {
			t.Fatalf("%q comes after %q", m.targets[0], last)
		}
		last = m.targets[0]
		count++
	}
	if l.len() != n || count != n {
		t.Fatalf("n = %d with %d members, want %d", l.len(), count, n)
	}
	for _, c := range l.chunks() {
		if len(c.m) == 0 || len(c.m) > maxChunk {
			t.Errorf("a chunk has %d members", len(c.m))
		}
	}
	if most := 1 + 3*n/maxChunk; len(l.chunks()) > most {
		t.Errorf("%d members are in %d chunks, want at most %d", n, len(l.chunks()), most)
	}
}
