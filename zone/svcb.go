package zone

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"unique"
)

// TypeHTTPS says over which protocols, at which port and address an https URL is
// reached (RFC 9460).
const TypeHTTPS uint16 = 65

// ALPN is the protocols that a port speaks inside of TLS or QUIC (RFC 7301), in the
// order of preference. It is comparable and takes one word, as most ports have none:
// the zero value.
type ALPN struct{ wire unique.Handle[string] }

const maxALPN = 255 // octets in all, with one for the length of each

// ALPNRule says in an error what ParseALPN takes.
const ALPNRule = `must be protocol IDs such as "h2" and "http/1.1": printable ASCII without spaces and commas, none twice, in all at most 255 octets with one more for each`

// ParseALPN reads protocol IDs as IANA has them: "h2". It reports false when they
// break ALPNRule.
func ParseALPN(protocols []string) (ALPN, bool) {
	if len(protocols) == 0 {
		return ALPN{}, true
	}
	var wire []byte
	for i, p := range protocols {
		odd := strings.ContainsFunc(p, func(r rune) bool { return r <= ' ' || r > '~' || r == ',' })
		if p == "" || odd || len(wire)+1+len(p) > maxALPN || slices.Contains(protocols[:i], p) {
			return ALPN{}, false
		}
		wire = append(append(wire, byte(len(p))), p...)
	}
	return ALPN{unique.Make(string(wire))}, true
}

// Protocols are the protocol IDs, nil when there is none.
func (a ALPN) Protocols() (ids []string) {
	for rest := a.text(); rest != ""; rest = cut(rest) {
		ids = append(ids, first(rest))
	}
	return ids
}

func (a ALPN) text() string {
	if a == (ALPN{}) {
		return ""
	}
	return a.wire.Value()
}

func (a ALPN) has(protocol string) bool {
	for rest := a.text(); rest != ""; rest = cut(rest) {
		if first(rest) == protocol {
			return true
		}
	}
	return false
}

// https reports whether an https URL can be fetched from a port.
func (p *Port) https() bool {
	return p.ALPN.has("http/1.1") || p.ALPN.has("h2") || p.ALPN.has("h3")
}

// httpsLabel stands below a service, and itself has below it a name for each port,
// "_8443._https" (RFC 9460 §9.1). As key of a set it is all members with such a port.
const httpsLabel = "\x06_https"

// portHTTPS is what a URL without a port means.
const portHTTPS = "\x06_https\x04_tcp"

// httpsSetsOf are the keys of the sets that an instance is in for HTTPS.
func httpsSetsOf(e *entry) (keys []string) {
	for i := range e.spots() {
		ports := e.spots()[i].portList()
		for j := range ports {
			if p := &ports[j]; p.https() {
				_, number := portLabels(p)
				keys = append(keys, label("_"+number)+httpsLabel)
			}
		}
	}
	if len(keys) > 0 {
		keys = append(keys, httpsLabel)
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// https collects HTTPS records. Those of "_port._https" are of that port; those of
// a service and of an instance are of the ports named https.
func (f *filter) https(q *Question, a *Answer) {
	switch {
	case f.port.https:
	case !f.port.any() || f.ntags > 0:
		return
	default:
		f.port = portSetOf(portHTTPS)
		f.port.https = true
		if f.one == nil {
			f.list, _ = f.svc.set(httpsLabel)
			f.throw(q)
		}
	}
	f.located(q, a, func(m *member, i int) bool {
		near := func(j int) bool { return f.chosen.holds(&q.View, m, j) }
		ports := m.e.spots()[i].portList()
		for j := range ports {
			if !f.port.has(&ports[j]) {
				continue
			}
			r := binding(m)
			r.TTL = m.ttlAt(q.Now)
			r.body = a.made(func(b []byte) []byte { return appendBinding(b, m, i, &ports[j], a.Apex, near) })
			if !a.add(r) {
				return false
			}
		}
		return true
	})
}

// binding is an HTTPS record that lacks all but its priority: that of the instance,
// plus one as 0 would make it an alias (RFC 9460 §2.4.1).
func binding(m *member) Record {
	r := Record{Type: TypeHTTPS, TTL: m.e.ttl, size: 2}
	binary.BigEndian.PutUint16(r.head[:], uint16(min(int(m.e.in.Priority)+1, math.MaxUint16)))
	return r
}

// The parameters of RFC 9460 §14.3.2 that are used, in the order in which they stand.
const (
	paramALPN          = 1
	paramNoDefaultALPN = 2
	paramPort          = 3
	paramIPv4Hint      = 4
	paramIPv6Hint      = 6
)

// appendBinding appends the rdata behind the priority for a port of endpoint i: the
// target, and as hints the addresses of those of its endpoints that near allows.
func appendBinding(b []byte, m *member, i int, p *Port, apex Name, near func(int) bool) []byte {
	b = append(append(b, m.to(m.e.spots()[i].group)...), apex...)
	b = append(appendParam(b, paramALPN, len(p.ALPN.text())), p.ALPN.text()...)
	if !p.ALPN.has("http/1.1") { // which would be taken for granted, RFC 9460 §7.1.1
		b = appendParam(b, paramNoDefaultALPN, 0)
	}
	b = binary.BigEndian.AppendUint16(appendParam(b, paramPort, 2), p.Number)
	b = appendHints(b, paramIPv4Hint, m, i, near)
	return appendHints(b, paramIPv6Hint, m, i, near)
}

func appendParam(b []byte, key, size int) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(key))
	return binary.BigEndian.AppendUint16(b, uint16(size))
}

// appendHints appends the addresses of one family that the target of endpoint i has,
// each once.
func appendHints(b []byte, key int, m *member, i int, near func(int) bool) []byte {
	begin := len(b)
	b = appendParam(b, key, 0)
	for j := range m.e.spots() {
		ip := m.e.spots()[j].addr()
		twice := slices.ContainsFunc(m.e.spots()[:j], func(s spot) bool { return s.addr() == ip })
		if ip.Is4() == (key == paramIPv4Hint) && m.e.spots()[j].group == m.e.spots()[i].group && !twice && near(j) {
			b = append(b, ip.AsSlice()...)
		}
	}
	size := len(b) - begin - 4
	if size == 0 {
		return b[:begin]
	}
	binary.BigEndian.PutUint16(b[begin+2:], uint16(size))
	return b
}

// listHTTPS gives the HTTPS records of one member.
func (m *member) listHTTPS(service string, d Name, add func(owner string, on netSet, r Record)) {
	for i := range m.e.spots() {
		nets := m.e.spots()[i].nets
		same := func(j int) bool { return m.e.spots()[j].nets == nets }
		ports := m.e.spots()[i].portList()
		for j := range ports {
			p := &ports[j]
			if !p.https() {
				continue
			}
			r := binding(m)
			r.body = string(appendBinding(nil, m, i, p, d, same))
			name, number := portLabels(p)
			add(label("_"+number)+httpsLabel+service, nets, r)
			if name == "https" {
				add(service, nets, r)
				add(m.to(m.e.spots()[i].group), nets, r)
			}
		}
	}
}
