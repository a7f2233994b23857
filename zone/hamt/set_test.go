package hamt_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/rollcall-dns/rollcall/zone/hamt"
)

type word struct {
	key string
	val int
}

func (w *word) HashKey() string { return w.key }

func TestSetEqualsModelAndCopiesNeverChange(t *testing.T) {
	type version struct {
		s     hamt.Set[string, *word]
		model map[string]*word
	}
	rng := rand.New(rand.NewPCG(1, 2))
	now := version{model: map[string]*word{}}
	var old []version
	ed := new(hamt.Edit)
	change := func(i, adds int) {
		w := &word{fmt.Sprint(rng.IntN(4000)), i}
		if rng.IntN(10) < adds {
			now.s.Put(ed, w)
			now.model[w.key] = w
		} else {
			now.s.Delete(ed, w.key)
			delete(now.model, w.key)
		}
		if i%1000 == 0 {
			old = append(old, version{now.s, maps.Clone(now.model)})
			ed = new(hamt.Edit)
		}
	}
	for i := range 30_000 {
		change(i, 7)
	}
	for i := range 30_000 {
		change(i, 1) // it shrinks
	}
	for _, v := range append(old, now) {
		wantWords(t, &v.s, v.model)
	}
	for k := range now.model {
		now.s.Delete(nil, k)
	}
	wantWords(t, &now.s, nil)
}

func wantWords(t *testing.T, s *hamt.Set[string, *word], model map[string]*word) {
	t.Helper()
	all := map[string]*word{}
	for w := range s.All() {
		all[w.key] = w
	}
	if s.Len() != len(model) || !maps.Equal(all, model) {
		t.Fatalf("Len = %d, All gives %d, want %d", s.Len(), len(all), len(model))
	}
	for k, want := range model {
		if got, ok := s.Get(k); !ok || got != want {
			t.Fatalf("Get(%q) = %v, %v, want %v", k, got, ok, want)
		}
	}
	if got, ok := s.Get("absent"); ok {
		t.Fatalf(`Get("absent") = %v`, got)
	}
}

func TestGetOfASetAllocatesNothing(t *testing.T) {
	var s hamt.Set[string, *word]
	for i := range 1000 {
		s.Put(nil, &word{fmt.Sprint(i), i})
	}
	if n := testing.AllocsPerRun(100, func() { s.Get("500"); s.Get("none") }); n != 0 {
		t.Errorf("Get allocates %v times", n)
	}
}

func TestWithoutAnEditNothingOfASetIsChangedInPlace(t *testing.T) {
	var s hamt.Set[string, *word]
	model := map[string]*word{}
	put := func(i, val int) {
		w := &word{fmt.Sprint(i), val}
		s.Put(nil, w)
		model[w.key] = w
	}
	for i := range 1000 {
		put(i, i)
	}
	old, was := s, maps.Clone(model)
	for i := range 1000 {
		put(i, -i)
		if i%3 > 0 {
			s.Delete(nil, fmt.Sprint(i))
			delete(model, fmt.Sprint(i))
		}
	}
	wantWords(t, &old, was)
	wantWords(t, &s, model)
}

// Add is to be Put for many, but for those whose key it meets.
func TestAddEqualsModelAndCopiesNeverChange(t *testing.T) {
	type version struct {
		s     hamt.Set[string, *word]
		model map[string]*word
	}
	rng := rand.New(rand.NewPCG(1, 5))
	now := version{model: map[string]*word{}}
	var old []version
	ed := new(hamt.Edit)
	for i := range 60 {
		var batch []*word
		met := map[*word]bool{}
		for range rng.IntN(1 << rng.IntN(12)) {
			w := &word{fmt.Sprint(rng.IntN(20_000)), i}
			switch had, ok := now.model[w.key]; {
			case !ok:
				now.model[w.key] = w
				batch = append(batch, w)
			case had.val < i:
				met[w] = true
			}
		}
		batch = slices.AppendSeq(batch, maps.Keys(met))
		got := now.s.Add(ed, batch)
		if len(got) != len(met) || slices.ContainsFunc(got, func(w *word) bool { return !met[w] }) {
			t.Fatalf("Add has met %d, want %d", len(got), len(met))
		}
		for k := range now.model {
			if rng.IntN(3) == 0 {
				now.s.Delete(ed, k)
				delete(now.model, k)
			}
		}
		if i%3 == 0 {
			old = append(old, version{now.s, maps.Clone(now.model)})
			ed = new(hamt.Edit)
		}
	}
	for _, v := range append(old, now) {
		wantWords(t, &v.s, v.model)
	}
	var s hamt.Set[string, *word]
	a, b := &word{"a", 1}, &word{"a", 2}
	if met := s.Add(nil, []*word{a, b}); s.Len() != 1 || len(met) != 1 {
		t.Errorf("two with one key: %d in the set, %d given back", s.Len(), len(met))
	}
}
