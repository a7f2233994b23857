package zone

import (
	"slices"
	"strconv"
	"strings"
	"unique"

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
	sets    hamt.Map[string, list] // members by "_port._proto", "tag" or for HTTPS, in wire form
	protos  [len(protoNames)]int32 // how many sets there are of ports, by protocol
	tags    int32                  // how many sets there are of tags
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
		if m != nil && n <= len(m.targets) && first(m.targets[n-1]) == l {
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
		if m := s.suffixed(base); m != nil && n <= len(m.targets) {
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

// add, remove and swap change a service that the batch owns. Keys are those of the
// member's instance. Most sets hold all members, as with a port that they all have: such
// a set is the list of members itself, and costs neither memory nor time of its own.
func (s *service) add(m *member, keys []string) {
	before := s.members.len()
	s.members = s.members.with(m)
	s.enters(m.e)
	s.join(m, keys, before)
}

// join puts a member, which is in the members already, into sets. As many were in the
// members as size says.
func (s *service) join(m *member, keys []string, size int) {
	for _, k := range keys {
		l, had := s.sets.Get(k)
		if !had {
			k = unique.Make(k).Value() // most services share their few keys
			s.count(k, 1)
		}
		if l.len() == size {
			l = s.members
		} else {
			l = l.with(m)
		}
		s.sets.Set(s.edit, k, l)
	}
}

func (s *service) remove(m *member, keys []string) {
	before := s.members.len()
	s.members = s.members.without(m.targets[0])
	s.leaves(m.e)
	for _, k := range keys {
		l, _ := s.sets.Get(k)
		if l.len() == before {
			l = s.members
		} else {
			l = l.without(m.targets[0])
		}
		s.setTo(k, l)
	}
}

// setTo keeps what is left of a set.
func (s *service) setTo(k string, l list) {
	if l.len() > 0 {
		s.sets.Set(s.edit, k, l)
		return
	}
	s.sets.Delete(s.edit, k)
	s.count(k, -1)
}

// swap puts m in the place of the member with its targets, which is in the sets of gone.
func (s *service) swap(old, m *member, gone, keys []string) {
	s.members = s.members.with(m)
	s.enters(m.e) // first: leaves looks for the last to have failed among the members
	s.leaves(old.e)
	for _, k := range gone {
		if !slices.Contains(keys, k) {
			l, _ := s.sets.Get(k)
			s.setTo(k, l.without(m.targets[0]))
		}
	}
	s.join(m, keys, s.members.len())
}

// keysOf are the keys of all sets that an instance is in.
func keysOf(in *Instance) []string { return append(setsOf(in), httpsSetsOf(in)...) }

func (s *service) count(set string, by int32) {
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

// setsOf are the keys of the sets that an instance is in by its ports and tags,
// without repetition.
func setsOf(in *Instance) []string {
	var keys []string
	for i := range in.Endpoints {
		for j := range in.Endpoints[i].Ports {
			p := &in.Endpoints[i].Ports[j]
			name, number := portLabels(p)
			proto := label("_" + p.Proto.String())
			if name != "" {
				keys = append(keys, label("_"+name)+proto)
			}
			keys = append(keys, label("_"+number)+proto)
		}
	}
	for _, t := range in.Tags {
		if l := tagLabel(t); l != "" {
			keys = append(keys, label(l)+label(TagLabel))
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}
