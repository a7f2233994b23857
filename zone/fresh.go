package zone

import (
	"iter"
	"slices"
)

// fresh are entries that came one after another, all of one source and in the order of
// their IDs. They are not yet in the sets in which every entry is found by its ID and by
// its address: to add many together takes a fraction of the time, most of which a
// processor waits for memory.
//
// They stay here until somebody looks for one of them, or all are published. That an ID
// behind the last one is not among them is seen without looking.
type fresh []*entry

// maxFresh is how many of them room is kept for.
const maxFresh = 1000

// may reports whether one of them can have a key.
func (f fresh) may(k Key) bool {
	return len(f) > 0 && f[0].source.Value() == k.Source && k.ID <= f[len(f)-1].in.ID
}

// add adds an entry to those of its source, and to those who have its addresses. It may
// take the place of one with its key that has no address any more.
func (w *writer) add(e *entry) {
	if len(w.fresh) > 0 && w.fresh[0].source != e.source {
		w.settle()
	}
	if _, known := w.entry(e.key()); known {
		w.enter(e)
		w.holders.add(w.edit, &e.first)
		return
	}
	if n := len(w.fresh); n == cap(w.fresh) {
		w.fresh = slices.Grow(w.fresh, max(n, 8)) // append makes many arrays of a long one
	}
	w.fresh = append(w.fresh, e)
	w.count(w.held(e.source.Value()), e.in.State, 1)
}

// settle puts what is fresh where it belongs.
func (w *writer) settle() {
	if len(w.fresh) == 0 {
		return
	}
	h := w.held(w.fresh[0].source.Value())
	h.entries.Add(w.edit, w.fresh)
	w.holders.addAll(w.edit, w.fresh)
	if clear(w.fresh); cap(w.fresh) > maxFresh {
		w.fresh = nil
	}
	w.fresh = w.fresh[:0]
}

// entry finds an instance.
func (w *writer) entry(k Key) (*entry, bool) {
	if w.fresh.may(k) {
		w.settle()
	}
	return w.state.entry(k)
}

// knows reports whether there is an instance or a static record.
func (w *writer) knows(k Key) bool {
	_, instance := w.entry(k)
	_, static := w.static(k)
	return instance || static
}

// entries is every instance, up or not.
func (w *writer) entries() iter.Seq[*entry] {
	w.settle()
	return w.state.entries()
}

// ids are those of a source's instances and static records.
func (w *writer) ids(source string) iter.Seq[string] {
	w.settle()
	return w.state.ids(source)
}
