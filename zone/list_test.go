package zone

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
)

func TestChunksStaySmallAndFewWhileMembersComeAndGo(t *testing.T) {
	var l list
	name := func(i int) string { return label(fmt.Sprintf("h%04d", i*7919%5000)) + label("web") }
	for i := range 5000 {
		l = l.with(&member{e: &entry{mask: 1}, target: name(i)})
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

// A chunk that is left with few members has no neighbour with few: else a member would be
// drawn after thousands of throws that hit nothing.
func TestMembersThatStayAreInFewChunks(t *testing.T) {
	const n = 20_000
	name := func(i int) string { return label(fmt.Sprintf("h%05d", i)) + label("web") }
	var all list
	for i := range n {
		all = all.with(&member{e: &entry{mask: 1}, target: name(i)})
	}
	stays := map[string]bool{} // one of each run
	for _, r := range all.many.runs {
		stays[r.chunks[len(r.chunks)/2].m[0].target] = true
	}
	for _, order := range []struct {
		name string
		of   func(i int) int
	}{
		{"from the first on", func(i int) int { return i }},
		{"from the last on", func(i int) int { return n - 1 - i }},
	} {
		l := all
		for i := range n {
			if target := name(order.of(i)); !stays[target] {
				l = l.without(target)
			}
		}
		if l.len() != len(stays) || l.one == nil {
			t.Errorf("%s: %d members are in %d chunks, want %d in one", order.name, l.len(), len(chunksOf(&l)), len(stays))
		}
	}
	wantChunks(t, &all, n)
}

// wantChunks wants n members in order, in chunks that are a third full on average.
func wantChunks(t *testing.T, l *list, n int) {
	t.Helper()
	last, count := "", 0
	for m := range l.all() {
		if m.target <= last {
			t.Fatalf("%q comes after %q", m.target, last)
		}
		last = m.target
		count++
	}
	if l.len() != n || count != n {
		t.Fatalf("n = %d with %d members, want %d", l.len(), count, n)
	}
	chunks := chunksOf(l)
	for _, c := range chunks {
		if len(c.m) == 0 || len(c.m) > maxChunk {
			t.Errorf("a chunk has %d members", len(c.m))
		}
	}
	if most := 1 + 3*n/maxChunk; len(chunks) > most {
		t.Errorf("%d members are in %d chunks, want at most %d", n, len(chunks), most)
	}
}

// chunksOf are all chunks of a list.
func chunksOf(l *list) (chunks []*chunk) {
	if l.one != nil {
		return []*chunk{l.one}
	}
	if l.many == nil {
		return nil
	}
	for _, r := range l.many.runs {
		chunks = append(chunks, r.chunks...)
	}
	return chunks
}

func TestListEqualsModelAndCopiesNeverChange(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	type version struct {
		l     list
		model map[string]*member
	}
	var old []version
	now := version{model: map[string]*member{}}
	for step := range 60_000 {
		target := label(fmt.Sprintf("h%04d", rng.IntN(9000))) + label("web")
		if rng.IntN(5) < 2 {
			now.l = now.l.without(target)
			delete(now.model, target)
		} else {
			m := &member{e: &entry{mask: 1 << rng.IntN(8)}, target: target}
			now.l = now.l.with(m)
			now.model[target] = m
		}
		if step%10_000 == 5_000 {
			old = append(old, version{now.l, maps.Clone(now.model)})
		}
	}
	for _, v := range append(old, now) {
		wantChunks(t, &v.l, len(v.model))
		for target, m := range v.model {
			if v.l.get(target) != m {
				t.Fatalf("%q is another, or lost, of %d", target, len(v.model))
			}
		}
		wantMasks(t, &v.l)
	}
}

// wantMasks wants masks to be those of the members, and no more.
func wantMasks(t *testing.T, l *list) {
	t.Helper()
	for _, r := range l.many.runs {
		var inRun uint64
		for _, c := range r.chunks {
			if want := newChunk(c.m).mask; c.mask != want {
				t.Errorf("a chunk has mask %x, want %x", c.mask, want)
			}
			inRun |= c.mask
		}
		if r.mask != inRun || len(r.chunks) == 0 || len(r.chunks) > maxRun {
			t.Errorf("a run of %d chunks has mask %x, want %x", len(r.chunks), r.mask, inRun)
		}
	}
}

// What is copied is what a change of one member costs, and what the collector has to look at.
func TestReplacingAMemberCopiesItsChunkAlone(t *testing.T) {
	var before list
	name := func(i int) string { return label(fmt.Sprintf("h%05d", i)) + label("web") }
	for i := range 20_000 {
		before = before.with(&member{e: &entry{mask: 1}, target: name(i)})
	}
	after := before.with(&member{e: &entry{mask: 1}, target: name(777)})
	runs, chunks := 0, 0
	for i, r := range after.many.runs {
		if r == before.many.runs[i] {
			continue
		}
		runs++
		for j, c := range r.chunks {
			if c != before.many.runs[i].chunks[j] {
				chunks++
			}
		}
	}
	if runs != 1 || chunks != 1 {
		t.Errorf("%d runs and %d of their chunks are new, want one of each", runs, chunks)
	}
}
