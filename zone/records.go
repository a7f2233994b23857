package zone

import (
	"cmp"
	"iter"
	"slices"
	"strings"
)

// Listed is a record with its owner, and the network for whose askers it is.
type Listed struct {
	Owner   Name
	Network string // as its source names it; "" is anywhere, or a record that does not depend on the asker
	Record
}

// Names lists the names at which an instance is found, in the first domain: its
// services, its ports, its tags, and its targets.
func (s *Snapshot) Names(k Key) []Name {
	e, ok := s.entry(k)
	if !ok {
		return nil
	}
	d := s.domains[0]
	var names []Name
	sets := slices.DeleteFunc(keysOf(e), func(k string) bool { return k == httpsLabel })
	for m := range e.members() {
		service := m.service()
		names = append(names, Name(service)+d)
		for _, set := range sets {
			names = append(names, Name(set+service)+d)
		}
		for _, t := range m.targets() {
			names = append(names, Name(t)+d)
		}
	}
	return names
}

// Records is every record of the first domain and of the reverse zones that does
// not depend on time, ordered as DNSSEC does (RFC 4034 §6.1) and then by type,
// network and data. It includes the tags one by one, and not stacked. A TTL is
// that of its record alone, without the lease.
func (s *Snapshot) Records() iter.Seq[Listed] {
	return func(yield func(Listed) bool) {
		var all []Listed
		d := s.domains[0]
		add := func(owner string, on netSet, r Record) {
			l := Listed{Owner: Name(owner) + d, Record: r}
			for n := range on.all() {
				l.Network = n.name()
				all = append(all, l)
			}
			if on.empty() {
				all = append(all, l)
			}
		}
		add("", netSet{}, s.SOA(d))
		add("", netSet{}, Record{Type: TypeNS, TTL: s.negTTL, body: selfName, tail: d})
		for _, f := range s.statics() {
			if s.shadow(f) == nil {
				add(f.owner, netSet{}, f.under(d))
			}
		}
		s.listBrowsing(d, func(l Listed) { all = append(all, l) })
		for e := range s.entries() {
			if e.mask == 0 {
				continue
			}
			for m := range e.members() {
				if !s.answers(m) {
					continue
				}
				m.list(m.service(), d, add)
				m.listHTTPS(m.service(), d, add)
				if m == &e.first {
					e.listTypes(d, add)
					m.listPointers(d, func(l Listed) { all = append(all, l) })
				}
			}
		}
		slices.SortFunc(all, func(a, b Listed) int {
			return cmp.Or(a.compare(b), cmp.Compare(a.TTL, b.TTL)) // of repetitions the shortest stays, as in answers
		})
		all = slices.CompactFunc(all, func(a, b Listed) bool { return a.compare(b) == 0 })
		for _, l := range all {
			if !yield(l) {
				return
			}
		}
	}
}

// list gives the records of one member.
func (m *member) list(service string, d Name, add func(owner string, on netSet, r Record)) {
	e := m.e
	sets := setsOf(e)
	for i := range e.spots() {
		g, on := e.spots()[i].group, e.spots()[i].nets
		r := Record{TTL: e.ttl}
		r.setAddress(m, i)
		add(service, on, r)
		add(m.to(g), on, r)
		for _, set := range sets {
			if lastLabel(set) == TagLabel {
				add(set+service, on, r)
			}
		}
		ports := e.spots()[i].portList()
		for j := range ports {
			srv := Record{Type: TypeSRV, TTL: e.ttl, size: 6, body: m.to(g), tail: d}
			srvHead(&srv.head, &e.in, &ports[j])
			add(service, on, srv)
			add(m.to(g), on, srv)
			for _, set := range sets {
				if ps := portSetOf(set); lastLabel(set) == TagLabel || ps.has(&ports[j]) {
					add(set+service, on, srv)
				}
			}
		}
	}
	if e.in.txt != "" {
		txt := Record{Type: TypeTXT, TTL: e.ttl, body: e.in.txt}
		add(service, netSet{}, txt)
		for _, t := range m.targets() {
			add(t, netSet{}, txt)
		}
	}
}

func (m *member) listPointers(d Name, add func(Listed)) {
	for i := range m.e.spots() {
		add(Listed{
			Owner:  ReverseName(m.e.spots()[i].addr()),
			Record: Record{Type: TypePTR, TTL: m.e.ttl, body: m.to(m.e.spots()[i].group), tail: d},
		})
	}
}

func (l Listed) compare(o Listed) int {
	return cmp.Or(
		compareNames(l.Owner, o.Owner),
		cmp.Compare(l.Type, o.Type),
		strings.Compare(l.Network, o.Network),
		strings.Compare(string(l.AppendRdata(nil)), string(o.AppendRdata(nil))),
	)
}

// compareNames orders names by their labels from the right (RFC 4034 §6.1).
func compareNames(a, b Name) int {
	la, lb := labelsOf(a), labelsOf(b)
	for i := 1; i <= min(len(la), len(lb)); i++ {
		if c := strings.Compare(la[len(la)-i], lb[len(lb)-i]); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(la), len(lb))
}

func labelsOf(n Name) []string {
	var ls []string
	for rest := string(n[:len(n)-1]); rest != ""; rest = cut(rest) {
		ls = append(ls, first(rest))
	}
	return ls
}
