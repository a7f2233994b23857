package zone

import (
	"hash/maphash"
	"slices"
	"strings"
	"unique"

	"github.com/rollcall-dns/rollcall/zone/hamt"
)

// sets are the members of a service by "_port._proto", "tag" or for HTTPS, in wire form. It
// never changes. In most services all members are in each set: then it is only keys,
// one value for all services with these, and a change of a member leaves it alone.
type sets struct {
	whole  []string               // keys of sets of all members, in order
	parts  hamt.Map[string, list] // the other sets
	protos [len(protoNames)]int32 // how many sets there are of ports, by protocol
	tags   int32                  // how many sets there are of tags
}

var noSets sets

// set gives the members in a set; ok is false when there is no such set.
func (s *service) set(key string) (l list, ok bool) {
	if has(s.sets.whole, key) {
		return s.members, true
	}
	return s.sets.parts.Get(key)
}

// same reports whether the sets stay as they are when m comes into the place of old, and
// before were the members. Either may be nil.
func (s *sets) same(old, m *member, before list) bool {
	switch {
	case s.parts.Len() > 0:
		return false
	case m == nil:
		return true
	case old != nil:
		return sameKeys(old.e, m.e)
	}
	return before.len() > 0 && sameKeys(before.at(position{}).e, m.e)
}

// changed gives the sets when m has come into the place of old, and before have become
// after.
func (s *sets) changed(ed *hamt.Edit, old, m *member, before, after list) *sets {
	e := edited{sets: *s, edit: ed, size: after.len()}
	var gone, keys []string
	if m != nil {
		keys = keysOf(m.e)
		e.split(before, m, keys)
	}
	switch {
	case old == nil:
	case m != nil && sameKeys(old.e, m.e):
		gone = keys
	default:
		gone = keysOf(old.e)
	}
	for _, k := range gone {
		if l, ok := e.parts.Get(k); ok && !has(keys, k) {
			e.set(k, l.without(old.target))
		}
	}
	for _, k := range keys {
		if !has(e.whole, k) {
			l, _ := e.parts.Get(k)
			e.set(k, l.with(m))
		}
	}
	return &e.sets
}

func has(keys []string, k string) bool {
	_, ok := slices.BinarySearch(keys, k)
	return ok
}

// edited is sets under construction.
type edited struct {
	sets
	edit *hamt.Edit
	size int // how many members there will be
}

// split makes a set of others alone of each that has all members, but will not have m,
// which has these keys.
func (e *edited) split(before list, m *member, keys []string) {
	leaves := func(k string) bool { return !has(keys, k) }
	if !slices.ContainsFunc(e.whole, leaves) {
		return
	}
	others := before.without(m.target)
	for _, k := range e.whole {
		switch {
		case !leaves(k):
		case others.len() > 0:
			e.parts.Set(e.edit, k, others)
		default:
			e.count(k, -1)
		}
	}
	e.whole = slices.DeleteFunc(slices.Clone(e.whole), leaves)
}

// set makes l a set, if there is something in it.
func (e *edited) set(k string, l list) {
	_, had := e.parts.Get(k)
	if !had {
		k = unique.Make(k).Value() // most services share their few keys
	}
	switch l.len() {
	case 0:
		e.parts.Delete(e.edit, k)
		e.count(k, -1)
		return
	case e.size:
		e.parts.Delete(e.edit, k)
		i, _ := slices.BinarySearch(e.whole, k)
		e.whole = slices.Insert(slices.Clone(e.whole), i, k)
	default:
		e.parts.Set(e.edit, k, l)
	}
	if !had {
		e.count(k, 1)
	}
}

func (s *sets) count(set string, by int32) {
	if strings.HasSuffix(set, httpsLabel) {
		return
	}
	rest := cut(set)
	if p, ok := ParseProto(strings.TrimPrefix(first(rest), "_")); ok && first(rest) != TagLabel {
		s.protos[p] += by
		return
	}
	s.tags += by
}

// setLists are sets that services were given lately.
type setLists [256]*sets

// at is where sets with these keys, at least one, may be.
func (l *setLists) at(whole []string) (at **sets, found bool) {
	at = &l[uint8(maphash.Comparable(maskSeed, whole[0]))+uint8(len(whole))]
	return at, *at != nil && slices.Equal((*at).whole, whole)
}

// shared gives sets that are equal to s, if that has no parts.
func (l *setLists) shared(s *sets) *sets {
	if s.parts.Len() > 0 || len(s.whole) == 0 {
		return s
	}
	s.parts = hamt.Map[string, list]{} // that of others must not belong to the batch
	at, found := l.at(s.whole)
	if !found {
		*at = s
	}
	return *at
}

// whole gives sets of all members, which have these keys.
func (l *setLists) whole(keys []string) *sets {
	if len(keys) == 0 {
		return &noSets
	}
	at, found := l.at(keys)
	if !found {
		*at = &sets{whole: keys}
		for _, k := range keys {
			(*at).count(k, 1)
		}
	}
	return *at
}

// keyed is an entry with what its ports and tags are found by. More often than not the
// next one has the same.
type keyed struct {
	e           *entry
	sets        []string // keys of them
	types, subs []string // for browsing
}

// of gives what an entry is found by. It is not to be changed.
func (k *keyed) of(e *entry) *keyed {
	if k.e == nil || !sameKeys(k.e, e) {
		*k = keyed{e, keysOf(e), typesOf(e), subtypesOf(e)}
	}
	return k
}

// keysOf are the keys of all sets that an entry is in: by its ports, its tags and for
// HTTPS, in order and without repetition.
func keysOf(e *entry) []string {
	keys := append(setsOf(e), httpsSetsOf(e)...)
	slices.Sort(keys)
	return slices.Compact(keys)
}

// setsOf are those by ports and tags.
func setsOf(e *entry) []string {
	var keys []string
	for i := range e.spots() {
		ports := e.spots()[i].portList()
		for j := range ports {
			p := &ports[j]
			name, number := portLabels(p)
			proto := label("_" + p.Proto.String())
			if name != "" {
				keys = append(keys, label("_"+name)+proto)
			}
			keys = append(keys, label("_"+number)+proto)
		}
	}
	for _, t := range e.in.Tags {
		if l := tagLabel(t); l != "" {
			keys = append(keys, label(l)+label(TagLabel))
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}
