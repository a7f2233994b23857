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

// reverseZones are the private and local ranges that RFC 6303 §4 wants answered
// here. Names that are not full addresses never get NXDOMAIN, so that a resolver
// which minimises its questions (RFC 9156) walks through them.
var reverseZones = func() (zones []Name) {
	for _, z := range []string{
		"10.in-addr.arpa", "168.192.in-addr.arpa", "254.169.in-addr.arpa", "127.in-addr.arpa",
		"d.f.ip6.arpa", "c.f.ip6.arpa", "8.e.f.ip6.arpa", "9.e.f.ip6.arpa", "a.e.f.ip6.arpa", "b.e.f.ip6.arpa",
		"1." + strings.Repeat("0.", 31) + "ip6.arpa",
	} {
		zones = append(zones, MustParseName(z))
	}
	for i := 16; i < 32; i++ {
		zones = append(zones, MustParseName(strconv.Itoa(i)+".172.in-addr.arpa"))
	}
	return zones
}()

// reverse answers for an address. One that is in none of reverseZones is a zone
// of its own while an instance has it, and not ours otherwise.
func (s *Snapshot) reverse(q *Question, a *Answer, name Name) {
	rel, is4 := below(name, arpa4)
	if !is4 {
		var is6 bool
		if rel, is6 = below(name, arpa6); !is6 {
			return
		}
	}
	for _, z := range reverseZones {
		if _, ok := below(name, z); ok {
			a.Apex = z
			break
		}
	}
	var ip netip.Addr
	var full bool
	if is4 {
		ip, full = reversed4(rel)
	} else {
		ip, full = reversed6(rel)
	}
	var l list
	if full {
		l, _ = s.addrs.Get(ip)
	}
	switch {
	case a.Apex == "" && l.n == 0:
		return
	case a.Apex == "":
		a.Apex = Name(strings.Clone(string(name)))
	}
	if full && l.n == 0 && len(name) > len(a.Apex) {
		a.Code = NXDomain
		return
	}
	a.Code = NoData
	if name == a.Apex {
		s.reverseApex(q, a)
	}
	if q.Type == TypePTR {
		s.pointers(q, a, ip, &l)
	}
	if len(a.Answer) > 0 {
		level(a.Answer)
		a.Code = Success
	}
}

func (s *Snapshot) reverseApex(q *Question, a *Answer) {
	switch q.Type {
	case TypeSOA:
		a.Answer = append(a.Answer, s.SOA(a.Apex))
	case TypeNS:
		a.Answer = append(a.Answer, Record{Type: TypeNS, TTL: s.negTTL, body: selfName, tail: s.domains[0]})
	}
}

// pointers collects the targets that have the address.
func (s *Snapshot) pointers(q *Question, a *Answer, ip netip.Addr, l *list) {
	f := filter{list: *l}
	f.each(q, maskAll, func(m *member) bool {
		for i := range m.e.in.Endpoints {
			if m.e.in.Endpoints[i].Addr != ip {
				continue
			}
			if !a.add(Record{Type: TypePTR, TTL: m.ttlAt(q.Now), body: m.targets[m.e.spots[i].group], tail: s.domains[0]}) {
				return false
			}
		}
		return true
	})
}

// reversed6 and reversed4 read an address from the labels before the end of a
// reverse name; full is false when they are no complete address.
func reversed6(rel string) (ip netip.Addr, full bool) {
	var b [16]byte
	if len(rel) != 64 {
		return ip, false
	}
	for i := range 32 {
		v := hexDigit(rel[2*i+1])
		if rel[2*i] != 1 || v > 15 {
			return ip, false
		}
		b[15-i/2] |= v << (4 * (i % 2))
	}
	return netip.AddrFrom16(b), true
}

func reversed4(rel string) (ip netip.Addr, full bool) {
	var b [4]byte
	for i := 3; i >= 0; i-- {
		if rel == "" {
			return ip, false
		}
		l := first(rel)
		v := 0
		for _, c := range []byte(l) {
			if c < '0' || c > '9' || v > 255 {
				return ip, false
			}
			v = v*10 + int(c-'0')
		}
		if v > 255 || len(l) > 1 && l[0] == '0' {
			return ip, false
		}
		b[i] = byte(v)
		rel = cut(rel)
	}
	return netip.AddrFrom4(b), rel == ""
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
