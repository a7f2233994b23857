package zone

// list collects the PTR records of a listing.
func (s *Snapshot) list(l *listing, q *Question, a *Answer) {
	switch l.of {
	case domains:
		a.add(s.enumeration(a.Apex))
	case types:
		s.listTypes(q, a)
	case instances:
		s.listInstances(l, q, a)
	}
}

// enumeration points to a domain to browse.
func (s *Snapshot) enumeration(domain Name) Record {
	return Record{Type: TypePTR, TTL: s.negTTL, tail: domain}
}

// listTypes collects the types that an instance has which can be answered now.
func (s *Snapshot) listTypes(q *Question, a *Answer) {
	for set, k := range s.browse.types.All() {
		more := true
		l := listing{instances, set, "", k.group}
		s.members(&l, q, a, func(m *member) bool {
			more = a.add(Record{Type: TypePTR, TTL: m.ttlAt(q.Now), body: set, tail: a.Apex})
			return false
		})
		if !more {
			return
		}
	}
}

// maxAlong is how many records an answer to browsing brings along.
const maxAlong = 64

func (s *Snapshot) listInstances(l *listing, q *Question, a *Answer) {
	port := portSetOf(l.set)
	s.members(l, q, a, func(m *member) bool {
		name := a.made(func(b []byte) []byte { return append(appendInstance(b, m.target), l.set...) })
		if !a.add(Record{Type: TypePTR, TTL: m.ttlAt(q.Now), body: name, tail: a.Apex}) {
			return false
		}
		if len(a.Additional) < maxAlong {
			one := filter{choice: either, one: m, port: port, whole: true}
			one.along(q, a, name)
		}
		return true
	})
}

// members gives those of a listing that can be answered now.
func (s *Snapshot) members(l *listing, q *Question, a *Answer, yield func(*member) bool) {
	var f filter
	if l.sub != "" {
		f.tags[0], f.ntags, f.tagBits, f.sift = l.sub[1:], 1, tagBits(l.sub[1:]), true
	}
	more := true
	for name := range l.group.some.All() {
		n, _ := s.nodes.Get(name)
		f.list, _ = n.svc.set(l.set)
		f.choice = n.svc.choose()
		f.each(q, a, maskAll, func(m *member) bool {
			if m == &m.e.first {
				more = yield(m)
			}
			return more
		})
		if !more {
			return
		}
	}
}

// along adds what is asked next: the answers to SRV and TXT for the instance that
// the filter is about (RFC 6763 §12.1).
func (f *filter) along(q *Question, a *Answer, name string) {
	if a.glue == nil {
		a.glue = new(Answer)
	}
	for _, t := range [...]uint16{TypeSRV, TypeTXT} {
		sub := Question{Type: t, View: q.View, Now: q.Now, Seed: q.Seed, Max: a.max}
		a.glue.reset(&sub)
		a.glue.Apex = a.Apex
		f.collect(&sub, a.glue)
		a.glue.finish()
		for _, r := range a.glue.Answer {
			r.owner = name
			a.Additional = append(a.Additional, r)
		}
		for i := range a.glue.Additional {
			a.addAdditional(&a.glue.Additional[i])
		}
	}
}

// descriptions collects metadata as browsing wants it.
func (f *filter) descriptions(q *Question, a *Answer) {
	f.each(q, a, maskAll, func(m *member) bool {
		return a.add(Record{Type: TypeTXT, TTL: m.ttlAt(q.Now), body: m.e.description()})
	})
}

// description is the rdata of TXT: at least an empty string (RFC 6763 §6.1).
func (e *entry) description() string {
	if e.in.txt == "" {
		return "\x00"
	}
	return e.in.txt
}
