package zone

import (
	"slices"

	"github.com/rollcall-dns/rollcall/zone/hamt"
)

// browse is what browsing needs to know of all services (RFC 6763 §4.1). Each
// instance is in it once, under the first of its service names. It says in which
// services to look: the instances themselves are in the services' own sets, and a
// change of an instance that leaves its types, tags and state alone changes nothing
// here.
type browse struct {
	types  hamt.Map[string, *kind]  // by "_type._proto", in wire form
	protos [len(protoNames)]int     // how many types there are, by protocol
	long   hamt.Map[string, string] // targets by the labels that do not hold them
}

// kind is what is known of one type, and of its subtypes by "_tag" (RFC 6763 §7.1). It
// never changes once it is published.
type kind struct {
	edit *hamt.Edit // the batch that may still change it
	group
	subs hamt.Map[string, group]
}

// group counts instances.
type group struct {
	all int // up or not: while there is one the name exists
	// some are those that are up, or can be brought back, by service.
	some hamt.Map[string, int]
}

// maxSubtypes bounds the pairs of a tag and a type that one instance has a name
// for. With more it is still found by its types.
const maxSubtypes = 256

// rebrowse replaces what an old entry counts for by a new one; either may be nil.
func (w *writer) rebrowse(old, e *entry) {
	if old != nil && e != nil && sameOffer(old, e) {
		return
	}
	if old != nil {
		w.offer(old, -1)
	}
	if e != nil {
		w.offer(e, 1)
	}
}

// sameOffer reports whether two entries are browsed under the same names.
func sameOffer(a, b *entry) bool {
	return a.first.target == b.first.target && (a.mask == 0) == (b.mask == 0) && sameKeys(a, b)
}

// sameKeys reports whether two entries have the same ports and tags.
func sameKeys(a, b *entry) bool {
	return slices.Equal(a.in.Tags, b.in.Tags) &&
		slices.EqualFunc(a.spots(), b.spots(), func(x, y spot) bool { return slices.Equal(x.portList(), y.portList()) })
}

// offer counts an entry in, or out by -1.
func (w *writer) offer(e *entry, by int) {
	keyed := w.keyed.of(e)
	types, subs := keyed.types, keyed.subs
	if target := e.first.target; len(types) > 0 && len(target)-1 > maxLabel {
		if l := string(appendInstance(nil, target)); by > 0 {
			w.browse.long.Set(w.edit, l, target)
		} else {
			w.browse.long.Delete(w.edit, l)
		}
	}
	for i, t := range types {
		k := w.kind(t)
		k.count(w.edit, e, by)
		for _, sub := range subtypes(subs, i) {
			g, _ := k.subs.Get(sub)
			if g.count(w.edit, e, by); g.all > 0 {
				k.subs.Set(w.edit, sub, g)
			} else {
				k.subs.Delete(w.edit, sub)
			}
		}
		if k.all == 0 {
			w.browse.types.Delete(w.edit, t)
			w.browse.protos[protoOf(t)]--
		}
	}
}

// kind gives a type for changing.
func (w *writer) kind(t string) *kind {
	k, ok := w.browse.types.Get(t)
	if ok && k.edit == w.edit {
		return k
	}
	next := kind{}
	if ok {
		next = *k
	} else {
		w.browse.protos[protoOf(t)]++
	}
	next.edit = w.edit
	w.browse.types.Set(w.edit, t, &next)
	return &next
}

// protoOf is the protocol of a type.
func protoOf(t string) Proto {
	p, _ := ParseProto(first(cut(t))[1:])
	return p
}

// subtypes are those of an instance's subtypes that its type number i has.
func subtypes(subs []string, i int) []string {
	return subs[:min(len(subs), max(0, maxSubtypes-i*len(subs)))]
}

func (g *group) count(ed *hamt.Edit, e *entry, by int) {
	g.all += by
	if e.mask == 0 {
		return
	}
	service := e.first.service()
	n, _ := g.some.Get(service)
	if n += by; n > 0 {
		g.some.Set(ed, service, n)
	} else {
		g.some.Delete(ed, service)
	}
}

// typesOf are the types of an entry, "_http._tcp" in wire form: the ports that
// have a name, their own or that of IANA.
func typesOf(e *entry) []string {
	var types []string
	for i := range e.spots() {
		ports := e.spots()[i].portList()
		for j := range ports {
			p := &ports[j]
			if name, _ := portLabels(p); name != "" {
				types = append(types, label("_"+name)+label("_"+p.Proto.String()))
			}
		}
	}
	slices.Sort(types)
	return slices.Compact(types)
}

// subtypesOf are the tags of an entry as subtypes, "_v1".
func subtypesOf(e *entry) []string {
	var subs []string
	for _, t := range e.in.Tags {
		if l := tagLabel(t); l != "" && len(l) < maxLabel {
			subs = append(subs, "_"+l)
		}
	}
	slices.Sort(subs)
	return slices.Compact(subs)
}
