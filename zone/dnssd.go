package zone

import "strings"

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
		m, svc := s.instance(a, at[0][:len(at[0])-len(set)], set)
		if m == nil {
			return absent
		}
		p.members, p.filter = true, filter{choice: svc.choose(), one: m, port: portSetOf(set), whole: true}
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

// instance finds the instance that a label in wire form stands for in a type, and its
// service.
func (s *Snapshot) instance(a *Answer, l, set string) (*member, *service) {
	target, ok := s.browse.long.Get(l)
	if !ok {
		if target = a.made(func(b []byte) []byte { return appendTarget(b, first(l)) }); target == "" {
			return nil, nil
		}
	}
	n, ok := s.nodes.Get(cut(target))
	if !ok || n.svc == nil {
		return nil, nil
	}
	in, _ := n.svc.set(set)
	if m := in.get(target); m != nil && m == &m.e.first {
		return m, n.svc
	}
	return nil, nil
}
