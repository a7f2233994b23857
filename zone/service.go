package zone

import (
	"strconv"

	"github.com/rollcall-dns/rollcall/zone/hamt"
)

// node is a name at which, or below which, something is. It knows how many
// children it has, so that an empty non-terminal is told from an unknown name
// (RFC 8020), and never points to another node.
type node struct {
	svc      *service  // nil: no instance has this name as its service
	set      *fixedSet // nil: no static record has it; with no svc too it is an empty non-terminal
	children int
}

// service is what is known under one service name. It never changes once it is
// published. Instances that are not up are members too: their names exist.
type service struct {
	edit    *hamt.Edit // the batch that may still change it
	name    string     // relative, wire form
	members list
	sets    *sets
	standing
}

// target finds a member and its group by a target, "<label>.<service>": the label
// is that of the host, or that with a group's number behind it.
func (s *service) target(rel string) (m *member, group int) {
	if m := s.members.get(rel); m != nil {
		return m, 0
	}
	l := first(rel)
	for i := len(l) - 1; i > 0 && l[i] != '-'; i-- {
		if l[i-1] != '-' {
			continue
		}
		n, err := strconv.Atoi(l[i:])
		if err != nil || n < 2 {
			break
		}
		m := s.members.get(label(l[:i-1]) + s.name)
		if m != nil && n <= int(m.e.groups()) && first(m.to(uint8(n-1))) == l {
			return m, n - 1
		}
	}
	return s.bySuffix(l)
}

// bySuffix finds a member by the target that it has, or would have, when another has
// the host it wishes for: the name stays when the host becomes free, because caches
// still hold SRV records that point to it.
func (s *service) bySuffix(l string) (m *member, group int) {
	if m := s.suffixed(l); m != nil {
		return m, 0
	}
	base, number := cutGroup(l)
	if number == "" {
		return nil, 0 // no error to allocate
	}
	if n, err := strconv.Atoi(number); err == nil && n > 1 {
		if m := s.suffixed(base); m != nil && n <= int(m.e.groups()) {
			return m, n - 1
		}
	}
	return nil, 0
}

func (s *service) suffixed(l string) *member {
	i := len(l) - suffixLen
	if i < 1 || l[i] != '-' {
		return nil
	}
	if m := s.members.get(label(l[:i]) + s.name); m != nil && suffixed(l[:i], m.e.key(), 0) == l {
		return m
	}
	return nil
}

// change puts a member in the place of one that has its targets; either may be nil. The
// batch owns the service.
func (s *service) change(w *writer, old, m *member) {
	before := s.members
	if m != nil {
		s.members = before.with(m)
		s.enters(m.e)
	} else {
		s.members = before.without(old.target)
	}
	if old != nil {
		s.leaves(old.e) // last, as it may look at all members
	}
	switch {
	case s.sets.same(old, m, before):
	case before.len() == 0:
		s.sets = w.sets.whole(w.keyed.of(m.e).sets)
	default:
		s.sets = w.sets.shared(s.sets.changed(s.edit, old, m, before, s.members))
	}
}
