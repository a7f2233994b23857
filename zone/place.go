package zone

import "slices"

// replace puts an instance in the place of an old one, which may be nil. One that has the
// names of the old one takes its place, and what both have alike stays as it is.
func (w *writer) replace(old *entry, source string, in *Instance) {
	e := w.compile(source, in)
	if old == nil || !old.isNamed(in) || old.groups() != e.groups() {
		w.move(old, in, e)
		return
	}
	w.changed = true
	w.enter(e)
	w.swap(old, e)
	e.keepNames(in)
	w.holders.swap(w.edit, &old.first, &e.first)
	w.rebrowse(old, e)
}

// isNamed reports whether the entry has the names that an instance is to have.
func (e *entry) isNamed(in *Instance) bool {
	return e.host() == in.Host && e.isOf(in.Service) && slices.Equal(e.in.Aliases, in.Aliases)
}

// move takes an old entry, which may be nil, out of its services, and puts another
// one into its own, with the best names that are free.
func (w *writer) move(old *entry, in *Instance, e *entry) {
	if old != nil {
		w.remove(old)
	}
	w.changed = true
	// All services first: one of them may claim the name of a host in another.
	names, wish := namesOf(in), hostOf(in.Host, in.ID)
	for _, name := range names {
		if _, created := w.service(name); created {
			w.yield(name)
		}
	}
	for i, name := range names {
		svc, _ := w.service(name)
		m := e.member(i)
		m.setTargets(w.hostFor(svc, e, wish), svc.name, e.groups())
		svc.change(w, nil, m)
	}
	e.keepNames(in)
	w.add(e)
	w.rebrowse(old, e)
}

// swap puts the members of an entry in the places of those of an old one.
func (w *writer) swap(old, e *entry) {
	i := 0
	for was := range old.members() {
		svc, _ := w.service(was.service())
		m := e.member(i)
		m.target, m.beside = was.target, was.beside
		svc.change(w, was, m)
		i++
	}
}

// remove takes an entry out of its services, but leaves it in those of its source.
func (w *writer) remove(e *entry) {
	w.settle()
	w.holders.remove(w.edit, &e.first)
	for m := range e.members() {
		svc, _ := w.service(m.service())
		svc.change(w, m, nil)
		w.freed = append(w.freed, m.targets()...)
		if svc.members.len() == 0 {
			w.removeService(svc.name)
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
