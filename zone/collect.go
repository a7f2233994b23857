package zone

// scope is the choice of endpoints that one asker gets for one name.
type scope uint8

const (
	none     scope = iota
	local          // those on the asker's networks, and members that are on no network at all
	anywhere       // those that are reachable from anywhere
	all            // an asker outside every network, where nothing is reachable from anywhere
)

// scope chooses. An endpoint on a network of the asker's decides for all types and
// ports of these members: else a target would have one address with this question
// and another with the next.
func (f *filter) scope(q *Question, a *Answer) scope {
	found := none
	look := func(mask uint64, as scope, match func(netSet) bool) bool {
		f.each(q, a, mask, func(m *member) bool {
			for i := range m.e.spots() {
				if match(m.e.spots()[i].nets) {
					found = as
					return false
				}
			}
			return true
		})
		return found != none
	}
	if q.View.Inside() && look(q.View.mask, local, q.View.has) {
		return found
	}
	if look(maskAnywhere, anywhere, netSet.empty) || q.View.Inside() {
		return found
	}
	return all
}

// mask is what a member must have to be in scope, with an address of the type that
// is asked.
func (s scope) mask(q *Question) uint64 {
	switch family := maskFamily(q.Type); s {
	case local:
		return (q.View.mask | maskUnbound) & family
	case anywhere:
		return maskAnywhere & family
	case all:
		return family
	}
	return 0
}

// holds reports whether endpoint i of a member is in scope.
func (s scope) holds(v *View, m *member, i int) bool {
	nets := m.e.spots()[i].nets
	switch s {
	case local:
		return v.has(nets) || nets.empty() && m.e.mask&maskUnbound != 0
	case anywhere:
		return nets.empty()
	}
	return s == all
}

// collect adds the records of q.Type to the answer.
func (f *filter) collect(q *Question, a *Answer) {
	f.throw(q)
	switch q.Type {
	case TypeA, TypeAAAA:
		if f.port.any() {
			f.addresses(q, a)
		}
	case TypeSRV:
		if !f.port.https {
			f.services(q, a)
		}
	case TypeHTTPS:
		f.https(q, a)
	case TypeTXT:
		if f.whole {
			f.descriptions(q, a)
		} else if f.port.any() && f.ntags == 0 {
			f.texts(q, a)
		}
	}
}

func (f *filter) addresses(q *Question, a *Answer) {
	s := f.scope(q, a)
	take := func(m *member) bool {
		for i := range m.e.spots() {
			if !s.holds(&q.View, m, i) || !f.gives(q.Type, m, i) {
				continue
			}
			r := Record{TTL: m.ttlAt(q.Now)}
			r.setAddress(m, i)
			if !a.addFor(&r, nil, 0) {
				return false
			}
		}
		return true
	}
	f.draw(q, a, s, take)
	if a.limit == 0 || len(a.Answer) < a.limit {
		f.begin(q, s)
		f.each(q, a, s.mask(q), take)
	}
}

// setAddress makes it the A or AAAA record of endpoint i, but for owner and TTL.
func (r *Record) setAddress(m *member, i int) {
	s := &m.e.spots()[i]
	if s.is4 {
		r.Type, r.size = TypeA, 4
		*(*[4]byte)(r.head[:]) = [4]byte(s.ip[12:])
		return
	}
	r.Type, r.size, r.head = TypeAAAA, 16, s.ip
}

// services collects SRV records (RFC 2782).
func (f *filter) services(q *Question, a *Answer) {
	f.located(q, a, func(m *member, i int) bool { return f.srv(a, m, i, m.ttlAt(q.Now)) })
}

// located has add make the records that point to a target, given one endpoint of
// each, and adds the addresses of the targets by the same choice of endpoints.
func (f *filter) located(q *Question, a *Answer, add func(m *member, i int) bool) {
	s := f.scope(q, a)
	f.chosen = s
	f.begin(q, s)
	f.each(q, a, s.mask(q), func(m *member) bool {
		var done uint64 // groups with records in the answer
		for i := range m.e.spots() {
			g := m.e.spots()[i].group
			if done&(1<<g) != 0 || !s.holds(&q.View, m, i) || !f.gives(q.Type, m, i) {
				continue
			}
			if !add(m, i) {
				return false
			}
			done |= 1 << g
			if a.limit == 0 {
				f.glue(q, a, m, g)
			}
		}
		return true
	})
}

// glue adds the addresses of a target.
func (f *filter) glue(q *Question, a *Answer, m *member, group uint8) {
	for i := range m.e.spots() {
		if m.e.spots()[i].group == group && f.chosen.holds(&q.View, m, i) && len(a.Additional) < a.max {
			r := Record{owner: m.to(group), TTL: m.ttlAt(q.Now)}
			r.setAddress(m, i)
			a.addAdditional(&r)
		}
	}
}

// srv adds a record for each wanted port of the group that endpoint i belongs to.
func (f *filter) srv(a *Answer, m *member, i int, ttl uint32) bool {
	ports := m.e.spots()[i].portList()
	for j := range ports {
		if !f.port.has(&ports[j]) {
			continue
		}
		g := m.e.spots()[i].group
		r := Record{Type: TypeSRV, TTL: ttl, size: 6, body: m.to(g), tail: a.Apex}
		srvHead(&r.head, &m.e.in, &ports[j])
		if !a.addFor(&r, m, g) {
			return false
		}
	}
	return true
}

// texts collects the metadata of instances; the asker's network does not matter.
func (f *filter) texts(q *Question, a *Answer) {
	f.each(q, a, maskTXT, func(m *member) bool {
		if m.e.in.txt == "" {
			return true
		}
		return a.add(Record{Type: TypeTXT, TTL: m.ttlAt(q.Now), body: m.e.in.txt})
	})
}
