package zone

// listBrowsing gives the records of DNS-SD that do not depend on an instance: where
// to browse, from the domain and from each network.
func (s *Snapshot) listBrowsing(d Name, add func(Listed)) {
	here := s.enumeration(d)
	for _, e := range enumerations {
		add(Listed{Owner: Name(label(e)+dnssd) + d, Record: here})
		for p := range s.subnets.m.All() {
			add(Listed{Owner: Name(label(e)+dnssd) + ReverseName(p.Addr()), Record: here})
		}
	}
}

// listTypes gives the records by which one instance is browsed.
func (e *entry) listTypes(d Name, add func(owner string, on netSet, r Record)) {
	m, subs := &e.first, subtypesOf(e)
	l := string(appendInstance(nil, m.target))
	for i, t := range typesOf(e) {
		name := l + t
		here := Record{Type: TypePTR, TTL: e.ttl, body: name, tail: d}
		add(services, netSet{}, Record{Type: TypePTR, TTL: e.ttl, body: t, tail: d})
		add(t, netSet{}, here)
		for _, sub := range subtypes(subs, i) {
			add(label(sub)+label(subLabel)+t, netSet{}, here)
		}
		add(name, netSet{}, Record{Type: TypeTXT, TTL: e.ttl, body: e.description()})
		set := portSetOf(t)
		for i := range e.spots() {
			ports := e.spots()[i].portList()
			for j := range ports {
				if set.has(&ports[j]) {
					srv := Record{Type: TypeSRV, TTL: e.ttl, size: 6, body: m.to(e.spots()[i].group), tail: d}
					srvHead(&srv.head, &e.in, &ports[j])
					add(name, e.spots()[i].nets, srv)
				}
			}
		}
	}
}
