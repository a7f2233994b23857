package zone

import (
	"hash/maphash"
	"slices"
	"strings"
	"time"
	"unsafe"
)

// Lookup answers q into a. It allocates nothing once a has grown to the size of
// the answers. A name that is not in uncompressed wire form is NotZone.
//
// The code is exact. So are the records, unless more than 8,192 members of one
// service can be answered: of these as many are looked at, from the one that the
// seed says, and if that is less than Max records it is a part of the RRset.
//
// What costs most is to find that there is nothing: a member is looked at, for
// some 10 ns, when it has an endpoint of the family on one of the asker's networks,
// or one of the stacked tags, and yet is not answered, as its port is on another
// network, its lease has ended, or it lacks another of the tags.
func (s *Snapshot) Lookup(q *Question, a *Answer) {
	a.reset(q)
	wire, ok := Canonical(a.name[:0], q.Name)
	if !ok {
		return
	}
	name := Name(unsafe.String(&a.name[0], len(wire))) // valid until the next Lookup into a
	for i, d := range s.domains {
		if rel, ok := below(name, d); ok {
			a.Apex = d
			s.inDomain(q, a, i, rel)
			return
		}
	}
	s.reverse(q, a, name)
}

// inDomain answers for a name below a domain; rel is what stands before it.
func (s *Snapshot) inDomain(q *Question, a *Answer, domain int, rel string) {
	if rel == "" {
		s.apex(q, a, domain)
		return
	}
	if rel == selfName {
		a.Code, a.Self = NoData, true
		return
	}
	a.Code = NXDomain
	for at := rel; at != ""; at = cut(at) {
		if at[1] == '_' {
			continue // never begins the name of a service
		}
		n, ok := s.nodes.Get(at)
		if !ok {
			continue
		}
		if len(at) == len(rel) {
			a.Code = NoData // it or a name below it exists
		}
		if n.svc != nil {
			n.svc.answer(q, a, rel, rel[:len(rel)-len(at)])
			return
		}
	}
	if rel == selfParent {
		a.Code = NoData
	}
}

func (s *Snapshot) apex(q *Question, a *Answer, domain int) {
	a.Code = NoData
	switch q.Type {
	case TypeSOA:
		a.Answer = append(a.Answer, s.SOA(s.domains[domain]))
		a.Code = Success
	case TypeNS:
		a.Answer = append(a.Answer, Record{Type: TypeNS, TTL: s.negTTL, body: selfName, tail: s.domains[domain]})
		a.Code = Success
	}
}

// answer finds which members rel is about; under is what stands in it before the
// service's name. a.Code is NoData when another name makes this one exist.
func (s *service) answer(q *Question, a *Answer, rel, under string) {
	f := filter{list: s.members}
	switch {
	case under == "":
	case lastIs(under, TagLabel): // first: a tag may begin with an underscore
		if !s.tagged(under, &f, a) {
			return
		}
	case under[1] == '_':
		if !s.port(under, &f, a) {
			return
		}
	case cut(under) != "":
		return
	default:
		m, group := s.target(rel)
		if m == nil {
			return
		}
		f.one, f.group = m, group+1
	}
	a.Code = NoData
	f.collect(q, a)
}

// port handles "_port._proto" and the empty non-terminal "_proto".
func (s *service) port(under string, f *filter, a *Answer) bool {
	if rest := cut(under); rest == "" {
		if p, ok := ParseProto(under[2:]); ok && len(under) > 2 && s.protos[p] > 0 {
			a.Code = NoData
		}
		return false
	}
	l, ok := s.sets.Get(under)
	if !ok || under[1+under[0]+1] != '_' {
		return false
	}
	f.list = l
	f.port = portSetOf(under)
	return true
}

// maxStack is how many tags can be asked for together.
const maxStack = 4

// tagged handles "tag.…tag.tag" and the empty non-terminal "tag".
func (s *service) tagged(under string, f *filter, a *Answer) bool {
	if cut(under) == "" {
		if s.tags > 0 {
			a.Code = NoData
		}
		return false
	}
	n := 0
	for at := under; cut(at) != ""; at = cut(at) {
		if n == maxStack {
			return false
		}
		f.tags[n] = first(at)
		f.tagBits |= tagBits(first(at))
		n++
	}
	for i, t := range f.tags[:n] {
		key := append(append(append(a.key[:0], byte(len(t))), t...), "\x03"+TagLabel...)
		l, ok := s.sets.Get(unsafe.String(&key[0], len(key)))
		if !ok {
			return false
		}
		if i == 0 || l.n < f.list.n {
			f.list = l
		}
	}
	f.ntags = n
	return n == 1 || f.any()
}

func lastIs(rel, label string) bool {
	return strings.HasSuffix(rel, label) && lastLabel(rel) == label
}

func lastLabel(rel string) string {
	for cut(rel) != "" {
		rel = cut(rel)
	}
	return first(rel)
}

// filter says which endpoints of which members a name is about.
type filter struct {
	list  list
	one   *member // instead of list
	group int     // 1 and up: only this target of one
	port  portSet // the zero value is every port

	tags    [maxStack]string
	ntags   int
	tagBits uint64 // of all of them
}

// any reports whether a member of the list, up or not, carries all the tags.
func (f *filter) any() bool {
	for m := range f.list.all() {
		if f.carries(m) {
			return true
		}
	}
	return false
}

func (f *filter) carries(m *member) bool {
	if m.e.tags&f.tagBits != f.tagBits {
		return false
	}
	for _, want := range f.tags[:f.ntags] {
		if !slices.ContainsFunc(m.e.in.Tags, func(t string) bool { return sameLabel(t, want) }) {
			return false
		}
	}
	return true
}

// tagBits are two bits of 64 that stand for a tag in lower case.
func tagBits(tag string) uint64 {
	h := maphash.String(maskSeed, tag)
	return 1<<(h%64) | 1<<(h>>8%64)
}

// maxVisits bounds the members that are looked at for an answer that has records
// already: it is twice as many as an answer can have.
const maxVisits = 2 * maxRecords

// each gives the members that may be seen through mask and can be answered now,
// once round from where the seed says. It ends early when the answer has records
// and many more members add none, as when they all share one address.
func (f *filter) each(q *Question, a *Answer, mask uint64, yield func(*member) bool) {
	if f.one != nil {
		if m := f.one; m.e.mask&mask != 0 && !m.e.in.Lease.ended(q.Now) {
			yield(m)
		}
		return
	}
	visits := 0
	f.list.from(int(q.Seed%uint32(max(f.list.n, 1))), mask, func(m *member) bool {
		if visits++; visits > maxVisits && len(a.Answer) > 0 {
			return false
		}
		if m.e.in.Lease.ended(q.Now) || f.ntags > 1 && !f.carries(m) {
			return true
		}
		return yield(m)
	})
}

// wants reports whether the filter is about endpoint i of a member.
func (f *filter) wants(m *member, i int) bool {
	if f.group > 0 && int(m.e.spots[i].group) != f.group-1 {
		return false
	}
	if f.port.any() {
		return true
	}
	ports := m.e.in.Endpoints[i].Ports
	for j := range ports {
		if f.port.has(&ports[j]) {
			return true
		}
	}
	return false
}

// ttlAt is what remains of the records' life at now: its own TTL, or that of its lease,
// in whole seconds.
func (m *member) ttlAt(now int64) uint32 {
	l := m.e.in.Lease
	if l == nil {
		return m.e.ttl
	}
	return uint32(min(int64(m.e.ttl), max(0, l.Deadline()-now)/int64(time.Second)))
}
