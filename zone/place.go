package zone

import (
	"iter"
	"net/netip"
	"slices"
)

// replace puts an entry in the place of an old one, which may be nil. One that has the
// names of the old one takes its place, and what both have alike stays as it is.
func (w *writer) replace(old, e *entry) {
	if old == nil || !sameNames(old, e) {
		w.move(old, e)
		return
	}
	w.changed = true
	w.enter(e)
	w.swap(old, e)
	w.repoint(&old.first, &e.first)
	w.rebrowse(old, e)
}

// sameNames reports whether an entry can have the targets that another one of its key has.
func sameNames(a, b *entry) bool {
	return a.in.Host == b.in.Host && a.in.Service == b.in.Service && slices.Equal(a.in.Aliases, b.in.Aliases) && a.groups() == b.groups()
}

// move takes an old entry, which may be nil, out of its services, and puts another
// one into its own, with the best names that are free.
func (w *writer) move(old, e *entry) {
	if old != nil {
		w.remove(old)
	}
	w.changed = true
	w.enter(e)
	// All services first: one of them may claim the name of a host in another.
	in := e.instance()
	names, wish := namesOf(in), hostOf(in)
	for _, name := range names {
		if _, created := w.service(name); created {
			w.yield(name)
		}
	}
	for i, name := range names {
		svc, _ := w.service(name)
		m := e.member(i)
		m.targets = targetsOf(m.targets, w.hostFor(svc, e, wish), svc.name, e.groups())
		svc.change(nil, m, &w.sets)
	}
	w.point(&e.first)
	w.rebrowse(old, e)
}

// swap puts the members of an entry in the places of those of an old one.
func (w *writer) swap(old, e *entry) {
	i := 0
	for was := range old.members() {
		svc, _ := w.service(was.service())
		m := e.member(i)
		m.targets = append(m.targets[:0], was.targets...)
		svc.change(was, m, &w.sets)
		i++
	}
}

// remove takes an entry out of its services, but leaves it in entries.
func (w *writer) remove(e *entry) {
	w.unpoint(&e.first)
	for m := range e.members() {
		svc, _ := w.service(m.service())
		svc.change(m, nil, &w.sets)
		w.freed = append(w.freed, m.targets...)
		if svc.members.len() == 0 {
			w.removeService(svc.name)
		}
	}
}

// enter puts an entry in the place of the one with its key, and leave takes it away.
func (w *writer) enter(e *entry) {
	var by counts
	if old, ok := w.entries.Get(e.key()); ok {
		by.states[old.in.State]--
	}
	by.states[e.in.State]++
	w.entries.Set(w.edit, e.key(), e)
	w.count(e.source.Value(), by)
}

func (w *writer) leave(e *entry) {
	var by counts
	by.states[e.in.State]--
	w.entries.Delete(w.edit, e.key())
	w.count(e.source.Value(), by)
}

// counts is how many entries, by their state, and static records there are.
type counts struct {
	states [len(stateNames)]int
	static int
}

func (w *writer) count(source string, by counts) {
	if by == (counts{}) {
		return
	}
	n, _ := w.counts.Get(source)
	for i := range n.states {
		n.states[i] += by.states[i]
	}
	n.static += by.static
	w.counts.Set(w.edit, source, n)
}

// point lets a member be found by its addresses.
func (w *writer) point(m *member) {
	for ip := range m.e.addrs() {
		alone, ok := w.addrs.Get(ip)
		l, several := w.shared.Get(ip)
		switch {
		case several:
			w.shared.Set(w.edit, ip, l.with(m))
		case ok:
			w.addrs.Delete(w.edit, ip)
			w.shared.Set(w.edit, ip, l.with(alone).with(m))
		default:
			w.addrs.Set(w.edit, ip, m)
		}
	}
}

// unpoint undoes point.
func (w *writer) unpoint(m *member) {
	for ip := range m.e.addrs() {
		l, several := w.shared.Get(ip)
		if !several {
			w.addrs.Delete(w.edit, ip)
			continue
		}
		if l = l.without(m.targets[0]); l.len() > 1 {
			w.shared.Set(w.edit, ip, l)
			continue
		}
		w.shared.Delete(w.edit, ip)
		for last := range l.all() {
			w.addrs.Set(w.edit, ip, last)
		}
	}
}

// repoint puts a member in the place of another with its targets.
func (w *writer) repoint(old, m *member) {
	if !slices.EqualFunc(old.e.in.Endpoints, m.e.in.Endpoints, func(a, b Endpoint) bool { return a.Addr == b.Addr }) {
		w.unpoint(old)
		w.point(m)
		return
	}
	for ip := range m.e.addrs() {
		if l, several := w.shared.Get(ip); several {
			w.shared.Set(w.edit, ip, l.with(m))
		} else {
			w.addrs.Set(w.edit, ip, m)
		}
	}
}

// addrs are the addresses of an entry, without repetition.
func (e *entry) addrs() iter.Seq[netip.Addr] {
	return func(yield func(netip.Addr) bool) {
		for i, ep := range e.in.Endpoints {
			twice := slices.ContainsFunc(e.in.Endpoints[:i], func(o Endpoint) bool { return o.Addr == ep.Addr })
			if !twice && !yield(ep.Addr) {
				return
			}
		}
	}
}

// service gives the service of a name for changing; created says that it is new.
func (w *writer) service(name string) (svc *service, created bool) {
	n, ok := w.nodes.Get(name)
	if ok && n.svc != nil && n.svc.edit == w.edit {
		return n.svc, false
	}
	next := service{sets: &noSets}
	if ok && n.svc != nil {
		next = *n.svc
		name = next.name // one string for all
	} else {
		created = true
		if !ok {
			w.countChild(name, 1)
		}
	}
	next.name, next.edit = name, w.edit
	at := node{}
	if ok {
		at = *n
	}
	at.svc = &next
	w.setNode(name, at)
	return &next, created
}

func (w *writer) removeService(name string) {
	w.freed = append(w.freed, name)
	n, _ := w.nodes.Get(name)
	w.setNode(name, node{set: n.set, children: n.children})
}

// countChild tells the parent of a node that it has one child more or less.
func (w *writer) countChild(name string, by int) {
	if name == "" || cut(name) == "" {
		return // the domain itself, or right below it
	}
	parent := cut(name)
	n, ok := w.nodes.Get(parent)
	if !ok {
		w.countChild(parent, 1)
		n = &node{}
	}
	w.setNode(parent, node{svc: n.svc, set: n.set, children: n.children + by})
}

// setNode stores a node, or removes it when nothing is at or below it.
func (w *writer) setNode(name string, n node) {
	if n.svc != nil || n.set != nil || n.children > 0 {
		w.nodes.Set(w.edit, name, &n)
		return
	}
	w.nodes.Delete(w.edit, name)
	w.countChild(name, -1)
}
