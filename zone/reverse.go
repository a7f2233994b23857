package zone

import (
	"net/netip"
	"strconv"
	"strings"
)

// Reverse zones (RFC 1035 §3.5, RFC 3596 §2.5).
const (
	arpa4 Name = "\x07in-addr\x04arpa\x00"
	arpa6 Name = "\x03ip6\x04arpa\x00"
)

// reverse answers for an address. One that is in no zone of s.local is a zone of
// its own while an instance has it, and not ours otherwise.
//
// Parts of addresses in our zones are never NXDOMAIN, so that a resolver which
// minimises its questions (RFC 9156) walks through them.
func (s *Snapshot) reverse(q *Question, a *Answer, name Name) {
	name, under := cutEnumeration(name)
	whole, digits := 4, 0
	rel, ok := below(name, arpa4)
	if !ok {
		if rel, ok = below(name, arpa6); !ok {
			return
		}
		whole = 32
	}
	var ip netip.Addr
	if whole == 4 {
		ip, digits = reversed4(rel)
	} else {
		ip, digits = reversed6(rel)
	}
	var holders filter
	exists := false
	if digits == whole {
		holders, exists = s.having(ip)
		exists = exists || s.subnets.begins(ip)
	}
	a.Apex = s.local.apexOf(name)
	switch {
	case exists && a.Apex == "":
		a.Apex = Name(strings.Clone(string(name)))
	case a.Apex == "":
		return
	case !exists && (under != "" || (digits == whole || digits < 0) && len(name) > len(a.Apex)):
		a.Code = NXDomain
		return
	}
	a.Code = NoData
	if under != "" {
		if under[1] != '_' && q.Type == TypePTR {
			a.add(s.enumeration(s.domains[0]))
			a.finish()
		}
		return
	}
	if name == a.Apex {
		s.reverseApex(q, a)
	}
	if q.Type == TypePTR {
		s.pointers(q, a, ip, &holders)
	}
	a.finish()
}

func (s *Snapshot) reverseApex(q *Question, a *Answer) {
	switch q.Type {
	case TypeSOA:
		a.add(s.SOA(a.Apex))
	case TypeNS:
		a.add(Record{Type: TypeNS, TTL: s.negTTL, body: selfName, tail: s.domains[0]})
	}
}

// having are the members that have an address.
func (s *Snapshot) having(ip netip.Addr) (f filter, ok bool) {
	f.choice = either
	if f.one, ok = s.holders.alone(ip); !ok {
		f.list, ok = s.holders.many.Get(ip)
	}
	return f, ok
}

// pointers collects the targets that have the address.
func (s *Snapshot) pointers(q *Question, a *Answer, ip netip.Addr, f *filter) {
	f.throw(q)
	f.each(q, a, maskAll, func(m *member) bool {
		if !s.answers(m) {
			return true
		}
		for i := range m.e.spots() {
			if m.e.spots()[i].addr() != ip {
				continue
			}
			if !a.add(Record{Type: TypePTR, TTL: m.ttlAt(q.Now), body: m.to(m.e.spots()[i].group), tail: s.domains[0]}) {
				return false
			}
		}
		return true
	})
}

// reversed6 and reversed4 read the labels before the end of a reverse name, from the
// last digit of an address to the first. They count them: fewer than an address has
// are the beginning of one; -1 says that no address is at the name or below it.
func reversed6(rel string) (ip netip.Addr, digits int) {
	var b [16]byte
	for ; rel != ""; rel = cut(rel) {
		v := hexDigit(rel[1])
		if digits == 32 || rel[0] != 1 || v > 15 {
			return ip, -1
		}
		b[15-digits/2] |= v << (4 * (digits % 2))
		digits++
	}
	return netip.AddrFrom16(b), digits
}

func reversed4(rel string) (ip netip.Addr, digits int) {
	var b [4]byte
	for ; rel != ""; rel = cut(rel) {
		v, ok := octet(first(rel))
		if digits == 4 || !ok {
			return ip, -1
		}
		b[3-digits] = v
		digits++
	}
	return netip.AddrFrom4(b), digits
}

func octet(l string) (v byte, ok bool) {
	n := 0
	for _, c := range []byte(l) {
		if c < '0' || c > '9' || n > 25 {
			return 0, false
		}
		n = 10*n + int(c-'0')
	}
	return byte(n), n < 256 && (len(l) == 1 || l[0] != '0')
}

func hexDigit(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	}
	return 255
}

// ReverseName is the name that is asked for the PTR record of an address.
func ReverseName(ip netip.Addr) Name {
	var b []byte
	if ip = ip.Unmap(); ip.Is4() {
		a := ip.As4()
		for i := 3; i >= 0; i-- {
			b = append(b, label(strconv.Itoa(int(a[i])))...)
		}
		return Name(b) + arpa4
	}
	a := ip.As16()
	for i := 15; i >= 0; i-- {
		b = append(b, 1, "0123456789abcdef"[a[i]&15], 1, "0123456789abcdef"[a[i]>>4])
	}
	return Name(b) + arpa6
}

// reverseSOA is made when it is asked for: there are too many reverse zones to
// keep one for each.
func reverseSOA(apex, domain Name, serial, minimum uint32) string {
	rdata := soaRdata(domain, serial, minimum)
	mname := selfName + string(domain)
	return mname + "\x06nobody\x07invalid\x00" + rdata[len(rdata)-20:]
}
