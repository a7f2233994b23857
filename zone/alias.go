package zone

import "slices"

// maxChain is how many CNAME records are followed for one question.
const maxChain = 8

// inDomain answers for a name below a domain; rel is what stands before it. A CNAME
// is followed (RFC 1034 §3.6.2) as long as it stays in the domain. One that
// comes back to a name, or is one too many, ends the answer.
func (s *Snapshot) inDomain(q *Question, a *Answer, domain int, rel string) {
	asked := rel
	for owner := ""; ; owner = ownerOf(rel) {
		alias := s.name(q, a, domain, rel)
		set := a.set()
		for i := range set {
			set[i].owner = owner
		}
		if alias == nil {
			return
		}
		next, here := alias.aim(a.Apex)
		if !here || next == selfName || next == asked || len(a.Answer) == maxChain || a.leadsTo(next) {
			return
		}
		rel = next
		a.begin()
	}
}

// aim is where the target of a record stands in the domain; here is false when it is
// elsewhere.
func (r *Record) aim(apex Name) (rel string, here bool) { return r.body, r.tail == apex }

func ownerOf(rel string) string {
	if rel == "" {
		return ownerApex
	}
	return rel
}

// leadsTo reports whether a record of the answer is owned by a name.
func (a *Answer) leadsTo(rel string) bool {
	return slices.ContainsFunc(a.Answer, func(r Record) bool { return r.owner == ownerOf(rel) })
}

// name adds the records of one name, and sets the code. It gives the CNAME that
// stands there instead of what was asked, if so.
func (s *Snapshot) name(q *Question, a *Answer, domain int, rel string) (alias *Record) {
	var p place
	switch rel {
	case "":
		p.presence = present
		if n, ok := s.nodes.Get(""); ok {
			p.set = n.set
		}
		s.apex(q, a, domain)
	case selfName:
		a.Code, a.Self = NoData, true
		return nil
	default:
		s.find(a, rel, &p)
		if p.presence == absent && s.wild.Len() > 0 {
			s.synthesize(a, rel, &p)
		}
	}
	if a.Code = NoData; p.presence == absent {
		a.Code = NXDomain
	}
	if c := p.alias(); c != nil {
		a.add(c.under(a.Apex))
		a.finish()
		if q.Type == TypeCNAME || q.Type == typeANY {
			return nil
		}
		return &a.set()[0]
	}
	if p.members {
		p.filter.collect(q, a)
	}
	if q.Type == TypePTR {
		s.list(&p.listing, q, a)
	}
	if p.set != nil {
		s.collect(p.set, q, a, domain)
	}
	s.glueKept(q, a, domain, &p.filter)
	a.finish()
	return nil
}

// alias is the CNAME of a place at which nothing else is.
func (p *place) alias() *fixed {
	if p.set == nil || p.members || p.listing.of != nothing {
		return nil
	}
	return p.set.alias()
}

// synthesize finds the wildcard that stands for a name which does not exist: the one
// right below its closest encloser, and no other (RFC 4592 §3.3.1).
func (s *Snapshot) synthesize(a *Answer, rel string, p *place) {
	if set, ok := s.wild.Get(s.closest(a, rel, p)); ok {
		p.presence, p.set = present, set
	}
}

// closest is the nearest name above rel that exists.
func (s *Snapshot) closest(a *Answer, rel string, p *place) string {
	for at := cut(rel); len(at) > len(p.encloser); at = cut(at) {
		var above place
		switch {
		case p.svc == nil && s.browsing(a, at, &above) != absent:
			return at
		case p.svc != nil && p.svc.find(a, at, at[:len(at)-len(p.svc.name)], &above.filter) != absent:
			return at
		}
	}
	return p.encloser
}

// collect adds the static records of q.Type, with the addresses of their targets.
func (s *Snapshot) collect(set *fixedSet, q *Question, a *Answer, domain int) {
	if q.Type == TypeCNAME {
		return // beside other data
	}
	all := set.of(q.Type)
	for i := range all {
		r := all[(i+int(q.Seed%uint32(len(all))))%len(all)].under(a.Apex)
		if !a.add(r) {
			return
		}
		if q.Type == TypeSRV && a.limit == 0 {
			s.glue(q, a, domain, &r)
		}
	}
}

// glue adds the addresses that this asker would get for the target of an SRV record.
func (s *Snapshot) glue(q *Question, a *Answer, domain int, srv *Record) {
	target, here := srv.aim(a.Apex)
	owner := ownerOf(target)
	if !here || len(a.Additional) >= a.max ||
		slices.ContainsFunc(a.Additional, func(r Record) bool { return r.owner == owner }) {
		return
	}
	if a.glue == nil {
		a.glue = new(Answer)
	}
	for _, t := range [...]uint16{TypeA, TypeAAAA} {
		g := a.glue
		g.sub = Question{Type: t, View: q.View, Now: q.Now, Seed: q.Seed, Max: a.max}
		g.reset(&g.sub)
		g.Apex = a.Apex
		s.inDomain(&g.sub, g, domain, target)
		if g.Code != Success || g.chain > 0 {
			continue // an alias is no target, RFC 2782
		}
		for _, r := range g.Answer {
			r.owner = owner
			a.Additional = append(a.Additional, r)
		}
	}
	a.glue.sub = Question{} // keep no snapshot alive
}
