package zone

import (
	"iter"

	"github.com/rollcall-dns/rollcall/zone/hamt"
)

// held is what one source has in the zone. It never changes once it is published.
type held struct {
	edit    *hamt.Edit               // the batch that may still change it
	entries hamt.Set[string, *entry] // by ID, up or not
	statics hamt.Map[string, *fixed] // by ID
	counts
}

// counts is how many entries, by their state, and static records there are.
type counts struct {
	states [len(stateNames)]int
	static int
}

func (c *counts) instances() (n int) {
	for _, in := range c.states {
		n += in
	}
	return n
}

// HashKey is what the entries of a source are found by.
func (e *entry) HashKey() string { return e.in.ID }

// entry finds an instance.
func (s *state) entry(k Key) (*entry, bool) {
	if h, ok := s.sources.Get(k.Source); ok {
		return h.entries.Get(k.ID)
	}
	return nil, false
}

// static finds a static record.
func (s *state) static(k Key) (*fixed, bool) {
	if h, ok := s.sources.Get(k.Source); ok {
		return h.statics.Get(k.ID)
	}
	return nil, false
}

// entries is every instance, up or not.
func (s *state) entries() iter.Seq[*entry] {
	return func(yield func(*entry) bool) {
		for _, h := range s.sources.All() {
			for e := range h.entries.All() {
				if !yield(e) {
					return
				}
			}
		}
	}
}

// statics is every static record.
func (s *state) statics() iter.Seq2[Key, *fixed] {
	return func(yield func(Key, *fixed) bool) {
		for _, h := range s.sources.All() {
			for _, f := range h.statics.All() {
				if !yield(f.key, f) {
					return
				}
			}
		}
	}
}

// ids are those of a source's instances and static records.
func (s *state) ids(source string) iter.Seq[string] {
	return func(yield func(string) bool) {
		h, ok := s.sources.Get(source)
		if !ok {
			return
		}
		for e := range h.entries.All() {
			if !yield(e.in.ID) {
				return
			}
		}
		for id := range h.statics.All() {
			if !yield(id) {
				return
			}
		}
	}
}

// held gives what a source has for changing.
func (w *writer) held(source string) *held {
	h, ok := w.sources.Get(source)
	if ok && h.edit == w.edit {
		return h
	}
	next := held{}
	if ok {
		next = *h
	}
	next.edit = w.edit
	w.sources.Set(w.edit, source, &next)
	return &next
}

// enter puts an entry in the place of the one with its key.
func (w *writer) enter(e *entry) {
	w.settle()
	h := w.held(e.source.Value())
	if old, ok := h.entries.Get(e.in.ID); ok {
		w.count(h, old.in.State, -1)
	}
	h.entries.Put(w.edit, e)
	w.count(h, e.in.State, 1)
}

// leave takes an entry away.
func (w *writer) leave(e *entry) {
	w.settle()
	h := w.held(e.source.Value())
	h.entries.Delete(w.edit, e.in.ID)
	w.count(h, e.in.State, -1)
}

func (w *writer) count(h *held, st State, by int) {
	h.states[st] += by
	w.all.states[st] += by
}

// enterStatic and leaveStatic do the same for a static record.
func (w *writer) enterStatic(f *fixed) {
	h := w.held(f.key.Source)
	h.statics.Set(w.edit, f.key.ID, f)
	h.static++
	w.all.static++
}

func (w *writer) leaveStatic(f *fixed) {
	h := w.held(f.key.Source)
	h.statics.Delete(w.edit, f.key.ID)
	h.static--
	w.all.static--
}
