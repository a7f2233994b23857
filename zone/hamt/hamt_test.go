package hamt_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/rollcall-dns/rollcall/zone/hamt"
)

func TestMapEqualsModelAndCopiesNeverChange(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var m hamt.Map[string, int]
	model := map[string]int{}
	type version struct {
		m     hamt.Map[string, int]
		model map[string]int
	}
	var old []version
	ed := new(hamt.Edit)
	for i := range 60_000 {
		k := fmt.Sprint(rng.IntN(4000))
		if rng.IntN(5) < 2 {
			m.Delete(ed, k)
			delete(model, k)
		} else {
			m.Set(ed, k, i)
			model[k] = i
		}
		if i%5000 == 0 {
			old = append(old, version{m, maps.Clone(model)})
			ed = new(hamt.Edit)
		}
	}
	for _, v := range append(old, version{m, model}) {
		wantSame(t, &v.m, v.model)
	}
	for k := range model {
		m.Delete(nil, k)
	}
	if n := m.Len(); n != 0 {
		t.Errorf("Len after deleting all = %d", n)
	}
	for k := range m.All() {
		t.Errorf("%q is left", k)
	}
}

func wantSame(t *testing.T, m *hamt.Map[string, int], model map[string]int) {
	t.Helper()
	if m.Len() != len(model) {
		t.Fatalf("Len = %d, want %d", m.Len(), len(model))
	}
	for k, want := range model {
		if got, ok := m.Get(k); !ok || got != want {
			t.Fatalf("Get(%q) = %d, %v, want %d", k, got, ok, want)
		}
	}
	if got := maps.Collect(m.All()); !maps.Equal(got, model) {
		t.Fatalf("All gives %d keys, want %d", len(got), len(model))
	}
	if _, ok := m.Get("absent"); ok {
		t.Fatal(`Get("absent") found something`)
	}
	wantPaths(t, m, model)
}

// wantPaths wants paths to lead to all keys when they are taken together, and to no other.
func wantPaths(t *testing.T, m *hamt.Map[string, int], model map[string]int) {
	t.Helper()
	keys := append(slices.Collect(maps.Keys(model)), "absent", "")
	var paths []hamt.Path[string, int]
	for _, k := range keys {
		paths = append(paths, m.Path(k))
	}
	for on := true; on; {
		on = false
		for i := range paths {
			on = paths[i].Step() || on
		}
	}
	for i, k := range keys {
		want, there := model[k]
		if got, ok := paths[i].End(k); ok != there || got != want {
			t.Fatalf("the path to %q ends at %d, %v, want %d, %v", k, got, ok, want, there)
		}
	}
}

func TestGetAllocatesNothing(t *testing.T) {
	var m hamt.Map[string, int]
	for i := range 1000 {
		m.Set(nil, fmt.Sprint(i), i)
	}
	if n := testing.AllocsPerRun(100, func() { m.Get("500"); m.Get("none") }); n != 0 {
		t.Errorf("Get allocates %v times", n)
	}
}

func TestWithoutAnEditNothingIsChangedInPlace(t *testing.T) {
	var m hamt.Map[int, int]
	for i := range 100 {
		m.Set(nil, i, i)
	}
	old := m
	for i := range 100 {
		m.Set(nil, i, -i)
		m.Delete(nil, i/2)
	}
	for i := range 100 {
		if v, ok := old.Get(i); !ok || v != i {
			t.Fatalf("the copy has %d, %v under %d", v, ok, i)
		}
	}
}
