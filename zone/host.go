package zone

import (
	"cmp"
	"slices"
	"strings"
)

// hostFor gives the entry a host in a service: the one that it wishes for, or that with a
// suffix, whichever is the first to be free. The suffix depends on the entry alone, so
// that a change of it keeps its name.
func (w *writer) hostFor(svc *service, e *entry, wish string) string {
	host := wish
	for try := 0; !w.free(svc, host, e.groups()); try++ {
		host = suffixed(wish, e.key(), try)
	}
	return host
}

// free reports whether no target of the service, no service, and not the name
// server has one of the names that a host with so many groups needs.
func (w *writer) free(svc *service, host string, groups uint8) bool {
	at, _ := w.nodes.Get(svc.name)
	for g := range groups {
		target := label(groupLabel(host, g)) + svc.name
		if target == selfName {
			return false
		}
		if m, _ := svc.target(target); m != nil {
			return false
		}
		if at.children == 0 { // as most services have no other below, they are not looked for
			continue
		}
		if n, ok := w.nodes.Get(target); ok && n.svc != nil {
			return false
		}
	}
	return true
}

// yield gives another name to the host of the parent service that has the name of
// a new service: the service wins.
func (w *writer) yield(name string) {
	parent, ok := w.nodes.Get(cut(name))
	if !ok || parent.svc == nil {
		return
	}
	if m, _ := parent.svc.target(name); m != nil {
		w.rename(m.e)
	}
}

// rename gives an entry the best names that are free.
func (w *writer) rename(e *entry) {
	in := e.instance()
	w.move(e, in, w.compile(e.source.Value(), in))
}

// grant gives the names that became free to those that wish for them, once all is in
// its place: what replaces another may come before that goes.
func (w *writer) grant() {
	for len(w.freed) > 0 {
		freed := w.freed
		w.freed = nil // whoever moves frees another name
		slices.Sort(freed)
		for _, target := range slices.Compact(freed) {
			host := first(target)
			w.grantHost(cut(target), host)
			if base, number := cutGroup(host); number != "" {
				w.grantHost(cut(target), base)
			}
		}
	}
	w.freed = nil
}

// grantHost gives a host to the first, in the order of keys, of the members of a
// service that wish for it and have another.
func (w *writer) grantHost(name, host string) {
	n, ok := w.nodes.Get(name)
	if !ok || n.svc == nil || !w.free(n.svc, host, 1) {
		return
	}
	var wishing []*entry
	for m := range n.svc.members.after(suffixedPrefix(host)) {
		if !strings.HasPrefix(m.target, suffixedPrefix(host)) {
			break
		}
		if hostOf(m.e.host(), m.e.in.ID) == host {
			wishing = append(wishing, m.e)
		}
	}
	slices.SortFunc(wishing, func(a, b *entry) int { return a.key().compare(b.key()) })
	for _, e := range wishing {
		if w.free(n.svc, host, e.groups()) {
			w.rename(e)
			return
		}
	}
}

func (k Key) compare(o Key) int {
	return cmp.Or(strings.Compare(k.Source, o.Source), strings.Compare(k.ID, o.ID))
}

// cutGroup takes the number of a group off a label; it is "" when there is none.
func cutGroup(l string) (base, number string) {
	i := strings.LastIndexByte(l, '-')
	if i < 1 || strings.Trim(l[i+1:], "0123456789") != "" {
		return l, ""
	}
	return l[:i], l[i+1:]
}
