package zone

import (
	"crypto/sha256"
	"encoding/base32"
	"strings"
	"unsafe"
)

// Names of DNS-based service discovery (RFC 6763), relative and in wire form.
const (
	dnssd    = "\x07_dns-sd\x04_udp"
	services = "\x09_services" + dnssd // every type, RFC 6763 §9
	subLabel = "_sub"                  // before a type: subtypes are below, RFC 6763 §7.1
)

// enumerations say where to browse: this domain, by default this domain, and this
// domain for those that do not choose (RFC 6763 §11). There is no r or dr: records
// are not registered by DNS UPDATE.
var enumerations = [...]string{"b", "db", "lb"}

func enumerates(label string) bool {
	for _, e := range enumerations {
		if label == e {
			return true
		}
	}
	return false
}

// listing is what PTR records list at a name.
type listing struct {
	of    listKind
	set   string // the type, "_http._tcp"
	sub   string // the subtype, "_v1", or ""
	group group  // where to look for them
}

type listKind uint8

const (
	nothing   listKind = iota
	domains            // to browse
	types              // that some instance has
	instances          // of a type or subtype
)

// browsing finds what ends in "_proto": a type, its subtypes and instances, and
// where to browse.
func (s *Snapshot) browsing(a *Answer, rel string, p *place) presence {
	var at [4]string // what is left of rel from each of its labels on
	n := 0
	for rest := rel; rest != ""; rest = cut(rest) {
		if n == len(at) {
			return absent
		}
		at[n] = rest
		n++
	}
	name, ok := strings.CutPrefix(first(at[n-1]), "_")
	proto, known := ParseProto(name)
	switch {
	case !ok || !known || name == "":
		return absent
	case n > 1:
		return s.browsingType(a, at[:n], p)
	case proto == UDP || s.browse.protos[proto] > 0: // below _udp there is always where to browse
		return empty
	}
	return absent
}

// browsingType is browsing for a name at or below a type, given from each of its
// labels on.
func (s *Snapshot) browsingType(a *Answer, at []string, p *place) presence {
	n, set, label := len(at), at[len(at)-2], first(at[0])
	k, ok := s.browse.types.Get(set)
	switch {
	case set == dnssd && n == 3 && enumerates(label):
		p.listing.of = domains
	case at[0] == services && s.browse.types.Len() > 0:
		p.listing.of = types
	case set == dnssd && n == 2 && !ok:
		return empty
	case !ok:
		return absent
	case n == 2:
		p.listing = listing{instances, set, "", k.group}
	case n == 4:
		g, ok := k.subs.Get(label)
		if !ok || first(at[1]) != subLabel {
			return absent
		}
		p.listing = listing{instances, set, label, g}
	case label == subLabel:
		if k.subs.Len() == 0 {
			return absent
		}
		return empty
	default:
		m := s.instance(a, at[0][:len(at[0])-len(set)], set)
		if m == nil {
			return absent
		}
		p.members, p.filter = true, filter{one: m, port: portSetOf(set), whole: true}
	}
	return present
}

// cutEnumeration takes off what stands before the address in the name that is asked
// for where to browse from a network, "b._dns-sd._udp.0.0.18.172.in-addr.arpa"
// (RFC 6763 §11), and in the names above it. Other names stay whole.
func cutEnumeration(name Name) (rest Name, under string) {
	rel := string(name)
	if len(rel) > 1 && rel[1] != '_' && enumerates(first(rel)) {
		rel = cut(rel)
		if !strings.HasPrefix(rel, dnssd) {
			return name, ""
		}
	}
	for _, p := range [...]string{dnssd, cut(dnssd)} {
		if after, ok := strings.CutPrefix(rel, p); ok {
			return Name(after), string(name[:len(name)-len(after)])
		}
	}
	return name, ""
}

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
		s.members(&l, q, a, func(_ *filter, m *member) bool {
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
	s.members(l, q, a, func(f *filter, m *member) bool {
		name := a.made(func(b []byte) []byte { return append(appendInstance(b, m.targets[0]), l.set...) })
		if !a.add(Record{Type: TypePTR, TTL: m.ttlAt(q.Now), body: name, tail: a.Apex}) {
			return false
		}
		if len(a.Additional) < maxAlong {
			one := filter{one: m, port: f.port, whole: true}
			one.along(q, a, name)
		}
		return true
	})
}

// members gives those of a listing that can be answered now.
func (s *Snapshot) members(l *listing, q *Question, a *Answer, yield func(*filter, *member) bool) {
	f := filter{port: portSetOf(l.set)}
	if l.sub != "" {
		f.tags[0], f.ntags, f.tagBits = l.sub[1:], 1, tagBits(l.sub[1:])
	}
	more := true
	for name := range l.group.up.All() {
		n, _ := s.nodes.Get(name)
		f.list, _ = n.svc.sets.Get(l.set)
		f.each(q, a, maskUp, func(m *member) bool {
			if m == m.e.members[0] && f.carries(m) {
				more = yield(&f, m)
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
		for _, r := range a.glue.Additional {
			a.addAdditional(r)
		}
	}
}

// instance finds the instance that a label in wire form stands for in a type.
func (s *Snapshot) instance(a *Answer, l, set string) *member {
	target, ok := s.browse.long.Get(l)
	if !ok {
		if target = a.made(func(b []byte) []byte { return appendTarget(b, first(l)) }); target == "" {
			return nil
		}
	}
	n, ok := s.nodes.Get(cut(target))
	if !ok || n.svc == nil {
		return nil
	}
	in, _ := n.svc.sets.Get(set)
	if m := in.get(target); m != nil && m == m.e.members[0] {
		return m
	}
	return nil
}

// descriptions collects metadata as browsing wants it.
func (f *filter) descriptions(q *Question, a *Answer) {
	f.each(q, a, maskUp, func(m *member) bool {
		return a.add(Record{Type: TypeTXT, TTL: m.ttlAt(q.Now), body: m.e.description()})
	})
}

// description is the rdata of TXT: at least an empty string (RFC 6763 §6.1).
func (e *entry) description() string {
	if e.txt == "" {
		return "\x00"
	}
	return e.txt
}

// digestLen is how much of the label of an instance is a digest when it would be
// too long: "~" and 64 bits.
const digestLen = 1 + 13

var digestEncoding = base32.HexEncoding.WithPadding(base32.NoPadding)

// appendInstance appends the label that an instance is browsed by, made of its
// target: "web-1@web.shop". One that is too long is cut and ends in a digest.
func appendInstance(b []byte, target string) []byte {
	n := len(target) - 1 // octets of all labels, and one between each two
	b = append(b, byte(min(n, maxLabel)))
	at := len(b)
	b = append(append(b, first(target)...), '@')
	for rest := cut(target); rest != ""; rest = cut(rest) {
		b = append(append(b, first(rest)...), '.')
	}
	b = b[:at+n]
	if n <= maxLabel {
		return b
	}
	sum := sha256.Sum256(b[at:])
	b = append(b[:at+maxLabel-digestLen], '~')
	b = digestEncoding.AppendEncode(b, sum[:8])
	for i := at; i < len(b); i++ {
		b[i] = lower(b[i])
	}
	return b
}

// appendTarget undoes appendInstance for a label that was not cut. It appends
// nothing when the label is no such one.
func appendTarget(b []byte, label string) []byte {
	host, service, ok := strings.Cut(label, "@")
	if !ok || host == "" {
		return b
	}
	b = append(append(b, byte(len(host))), host...)
	for more := true; more; {
		var l string
		l, service, more = strings.Cut(service, ".")
		b = append(append(b, byte(len(l))), l...)
	}
	return b
}

// made keeps a name that is made for this answer; it lives as long as the answer.
func (a *Answer) made(appendTo func([]byte) []byte) string {
	at := len(a.text)
	if a.text = appendTo(a.text); len(a.text) == at {
		return ""
	}
	return unsafe.String(&a.text[at], len(a.text)-at)
}
