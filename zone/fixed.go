package zone

import (
	"cmp"
	"slices"
	"strings"

	"github.com/rollcall-dns/rollcall/zone/hamt"
)

// fixed is a static record made ready for answering. It never changes.
type fixed struct {
	key   Key
	in    Static
	owner string // relative, wire form
	// record has its target, if it has one, as its body: relative to the domain that
	// is asked when relative is set.
	record   Record
	relative bool
}

// compileStatic derives all that does not depend on others. The record is valid.
func (w *writer) compileStatic(key Key, st Static) *fixed {
	f := &fixed{key: key, in: st}
	f.owner, _, _ = parseTarget(st.Owner)
	f.record = Record{Type: st.Type, TTL: uint32(st.TTL.Seconds())}
	if st.TTL == 0 {
		f.record.TTL = w.ttl
	}
	if st.Type == TypeTXT {
		f.record.body = string(st.Data)
		return f
	}
	f.record.size = uint8(copy(f.record.head[:], st.Data))
	if st.Target != "" {
		var absolute bool
		f.record.body, absolute, _ = parseTarget(st.Target)
		f.relative = !absolute
	}
	return f
}

// under gives the record as it is below an apex. A target below the apex comes in
// two parts, as those of instances do, so that repetitions are seen.
func (f *fixed) under(apex Name) Record {
	r := f.record
	if f.relative {
		r.tail = apex
	} else if f.in.Target != "" {
		if rel, ok := below(Name(r.body), apex); ok {
			r.body, r.tail = rel, apex
		}
	}
	return r
}

// fixedSet is the static records of one name, in the order of their types and
// keys. It never changes once it is published.
type fixedSet struct {
	edit    *hamt.Edit // the batch that may still change it
	records []*fixed
}

func (f *fixed) compare(o *fixed) int {
	return cmp.Or(
		cmp.Compare(f.record.Type, o.record.Type),
		cmp.Compare(f.key.Source, o.key.Source),
		cmp.Compare(f.key.ID, o.key.ID),
	)
}

// of gives the records of one type.
func (s *fixedSet) of(typ uint16) []*fixed {
	byType := func(f *fixed, t uint16) int { return cmp.Compare(f.record.Type, t) }
	from, found := slices.BinarySearchFunc(s.records, typ, byType)
	if !found {
		return nil
	}
	to := from
	for to < len(s.records) && s.records[to].record.Type == typ {
		to++
	}
	return s.records[from:to]
}

// alias is the CNAME record of a name that has nothing else, or nil. Of several
// the first counts.
func (s *fixedSet) alias() *fixed {
	if c := s.of(TypeCNAME); len(c) == len(s.records) {
		return c[0]
	}
	return nil
}

// maxFixed bounds the static records of one name: an answer does not hold more.
const maxFixed = maxRecords

// putStatic adds or replaces a static record.
func (w *writer) putStatic(source string, o *owned, st *Static) error {
	key := Key{source, st.ID}
	if err := w.admit(key, o, st.Validate()); err != nil {
		return err
	}
	old, known := w.static(key)
	if known && old.in.Equal(st) {
		return nil
	}
	w.drop(key) // also an instance of this ID
	f := w.compileStatic(key, *st)
	if set := w.fixedAt(f.owner); set != nil && len(set.records) >= maxFixed {
		return &FieldError{Field: "Owner", Value: st.Owner, Reason: "must have at most 4096 static records"}
	}
	w.enterStatic(f)
	w.changeFixed(f, func(l []*fixed, i int) []*fixed { return slices.Insert(l, i, f) })
	w.changed = true
	return nil
}

func (w *writer) removeStatic(f *fixed) {
	w.leaveStatic(f)
	w.changeFixed(f, func(l []*fixed, i int) []*fixed { return slices.Delete(l, i, i+1) })
}

func (w *writer) fixedAt(owner string) *fixedSet {
	if n, ok := w.nodes.Get(owner); ok {
		return n.set
	}
	return nil
}

// changeFixed edits the records of a name, at the place where f is or belongs.
func (w *writer) changeFixed(f *fixed, edit func(l []*fixed, i int) []*fixed) {
	n, ok := w.nodes.Get(f.owner)
	next := node{}
	if ok {
		next = *n
	} else {
		w.countChild(f.owner, 1)
	}
	set := &fixedSet{edit: w.edit}
	switch {
	case next.set == nil:
	case next.set.edit == w.edit:
		set.records = next.set.records
	default:
		set.records = slices.Clone(next.set.records)
	}
	i, _ := slices.BinarySearchFunc(set.records, f, (*fixed).compare)
	set.records = edit(set.records, i)
	if next.set = set; len(set.records) == 0 {
		next.set = nil
	}
	w.setNode(f.owner, next)
	switch parent, ok := strings.CutPrefix(f.owner, wildLabel); {
	case ok && next.set != nil:
		w.wild.Set(w.edit, parent, next.set)
	case ok:
		w.wild.Delete(w.edit, parent)
	}
}
