package zone

import (
	"cmp"
	"hash/maphash"
	"slices"
	"strings"
	"time"
	"unsafe"
)

// Lookup answers q into a. It allocates nothing once a has grown to the size of
// the answers. A name that is not in uncompressed wire form is NotZone.
//
// Each record that can be answered is the first of 1/N of the answers, whether all
// fit or not. SRV priorities and weights stay as they are.
//
// The code is exact. So are the records, unless more than 8,192 members of one
// service can be answered: of these as many are looked at, from any one, and if that
// is less than Max records it is a part of the RRset.
//
// What costs most is to find that there is nothing: a member is looked at, for
// some 10 ns, when it has an endpoint of the family on one of the asker's networks,
// or one of the stacked tags, and yet is not answered, as its port is on another
// network, its lease has ended, it lacks another of the tags, or it is not of the last
// to fail.
func (s *Snapshot) Lookup(q *Question, a *Answer) {
	a.reset(q)
	if limits(q.Type) {
		a.limit = s.limit
	}
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

// apex adds the records that a domain itself has.
func (s *Snapshot) apex(q *Question, a *Answer, domain int) {
	switch q.Type {
	case TypeSOA:
		a.add(s.SOA(s.domains[domain]))
	case TypeNS:
		a.add(Record{Type: TypeNS, TTL: s.negTTL, body: selfName, tail: s.domains[domain]})
	}
}

// place is what is known at a name below a domain, and above it.
type place struct {
	presence presence
	filter   filter    // the instances that have the name
	members  bool      // there are some
	listing  listing   // what can be browsed there
	set      *fixedSet // its static records, or nil
	svc      *service  // the nearest service at or above it
	encloser string    // the nearest name above it that has a node
}

// presence says whether a name exists.
type presence uint8

const (
	absent presence = iota
	empty           // only because names below it exist
	present
)

// find finds what is at a name, wildcards aside.
func (s *Snapshot) find(a *Answer, rel string, p *place) {
	for at := rel; at != ""; at = cut(at) {
		if at[1] == '_' && s.all.static == 0 {
			continue // never begins the name of a service
		}
		n, ok := s.nodes.Get(at)
		switch {
		case !ok && at != selfName && at != selfParent:
			continue
		case len(at) < len(rel):
			p.encloser = cmp.Or(p.encloser, at)
		case ok && n.set != nil:
			p.presence, p.set = present, n.set
		default:
			p.presence = empty
		}
		if ok && n.svc != nil {
			p.svc = n.svc
			found := n.svc.find(a, rel, rel[:len(rel)-len(at)], &p.filter)
			p.members = found == present
			p.presence = max(p.presence, found)
			return
		}
	}
	p.presence = max(p.presence, s.browsing(a, rel, p))
}

// find finds which members rel is about; under is what stands in it before the
// service's name.
func (s *service) find(a *Answer, rel, under string, f *filter) presence {
	f.svc, f.list, f.choice = s, s.members, s.choose()
	switch {
	case under == "":
		return present
	case lastIs(under, TagLabel): // first: a tag may begin with an underscore
		return s.tagged(under, f, a)
	case under[1] == '_':
		return s.port(under, f)
	case cut(under) != "":
		return absent
	}
	m, group := s.target(rel)
	if m == nil {
		return absent
	}
	f.one, f.group = m, group+1
	return present
}

// port handles "_port._proto" and the empty non-terminal "_proto".
func (s *service) port(under string, f *filter) presence {
	if rest := cut(under); rest == "" {
		if _, ok := s.set(under); ok { // of HTTPS
			return empty
		}
		if p, ok := ParseProto(under[2:]); ok && len(under) > 2 && s.sets.protos[p] > 0 {
			return empty
		}
		return absent
	}
	l, ok := s.set(under)
	if !ok || under[1+under[0]+1] != '_' {
		return absent
	}
	f.list = l
	f.port = portSetOf(under)
	return present
}

// maxStack is how many tags can be asked for together.
const maxStack = 4

// tagged handles "tag.…tag.tag" and the empty non-terminal "tag".
func (s *service) tagged(under string, f *filter, a *Answer) presence {
	if cut(under) == "" {
		if s.sets.tags > 0 {
			return empty
		}
		return absent
	}
	n := 0
	for at := under; cut(at) != ""; at = cut(at) {
		if n == maxStack {
			return absent
		}
		f.tags[n] = first(at)
		f.tagBits |= tagBits(first(at))
		n++
	}
	for i, t := range f.tags[:n] {
		key := append(append(append(a.key[:0], byte(len(t))), t...), "\x03"+TagLabel...)
		l, ok := s.set(unsafe.String(&key[0], len(key)))
		if !ok {
			return absent
		}
		if i == 0 || l.len() < f.list.len() {
			f.list = l
		}
	}
	f.ntags = n
	if n > 1 && !f.any() {
		return absent
	}
	return present
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
	choice
	svc   *service
	list  list
	one   *member // instead of list
	group int     // 1 and up: only this target of one
	port  portSet // the zero value is every port
	whole bool    // TXT is there in any case, as for what is browsed

	tags    [maxStack]string
	ntags   int
	sift    bool   // list is not that of a tag: one is looked for as well
	tagBits uint64 // of all of them

	roll dice
	from position // where to begin in list

	chosen scope // of SRV records
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

// each gives the members that may be seen through mask and are answered now,
// once round from where the filter begins. It ends early when the answer has records
// and many more members add none, as when they all share one address.
func (f *filter) each(q *Question, a *Answer, mask uint64, yield func(*member) bool) {
	if f.one != nil {
		if f.sees(q, f.one, mask) {
			yield(f.one)
		}
		return
	}
	visits := 0
	f.list.from(f.from, mask, f.state, func(m *member) bool {
		if !f.now(q, m) {
			return true
		}
		if visits++; visits > maxVisits && len(a.set()) > 0 {
			return false
		}
		return yield(m)
	})
}

// sees is what each asks of a member.
func (f *filter) sees(q *Question, m *member, mask uint64) bool {
	return m.e.mask&mask != 0 && m.e.mask&f.state != 0 && f.now(q, m)
}

// now reports whether a member in the right state carries the tags, and its lease has
// not ended.
func (f *filter) now(q *Question, m *member) bool {
	return f.has(m.e) && !m.e.in.Lease.ended(q.Now) && (f.ntags <= 1 && !f.sift || f.carries(m))
}

// gives reports whether endpoint i of a member makes a record of a type.
func (f *filter) gives(qtype uint16, m *member, i int) bool {
	if !f.wants(m, i) {
		return false
	}
	s := &m.e.spots()[i]
	if qtype == TypeA || qtype == TypeAAAA {
		return s.mask() == maskFamily(qtype)
	}
	return s.ports > 0
}

// wants reports whether the filter is about endpoint i of a member.
func (f *filter) wants(m *member, i int) bool {
	if f.group > 0 && int(m.e.spots()[i].group) != f.group-1 {
		return false
	}
	if f.port.any() {
		return true
	}
	ports := m.e.spots()[i].portList()
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
