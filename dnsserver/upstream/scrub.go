package upstream

import (
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// maxChain is how many aliases are followed in one answer. Unbound stops at 11.
const maxChain = 16

// scrub removes from a reply what was not asked for (RFC 5452 §6, RFC 2181 §5.4.1): a
// server that tells more than that is not believed.
func scrub(m *dns.Msg) {
	q := m.Question[0]
	names := chain(make([]string, 0, 4), q, m.Answer)
	m.Answer = slices.DeleteFunc(m.Answer, func(rr dns.RR) bool { return !answers(rr, q.Qtype, names) })
	m.Ns = scrubAuthority(m.Ns, names, len(m.Answer) > 0)
	m.Extra = scrubAdditional(m.Extra, m.Answer, serviceOf(q.Name))
}

// chain appends the name that was asked and those that its aliases lead to, in whatever
// order they came.
func chain(names []string, q dns.Question, rrs []dns.RR) []string {
	names = append(names, q.Name)
	if q.Qtype == dns.TypeCNAME || q.Qtype == dns.TypeANY {
		return names
	}
	for len(names) <= maxChain {
		to, ok := alias(names[len(names)-1], rrs)
		if !ok || contains(names, to) {
			break
		}
		names = append(names, to)
	}
	return names
}

func alias(name string, rrs []dns.RR) (to string, ok bool) {
	for _, rr := range rrs {
		if c, ok := rr.(*dns.CNAME); ok && strings.EqualFold(c.Hdr.Name, name) {
			return c.Target, true
		}
	}
	return "", false
}

func contains(names []string, name string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) })
}

// answers reports whether a record is part of the answer: of the type that was asked, an
// alias on the way, or a signature of one of them.
func answers(rr dns.RR, qtype uint16, names []string) bool {
	h := rr.Header()
	typ := h.Rrtype
	if sig, ok := rr.(*dns.RRSIG); ok && qtype != dns.TypeRRSIG {
		typ = sig.TypeCovered
	}
	switch {
	case typ == dns.TypeDNAME && qtype != dns.TypeDNAME:
		return above(h.Name, names)
	case typ == qtype, typ == dns.TypeCNAME, qtype == dns.TypeANY:
		return contains(names, h.Name)
	}
	return false
}

// scrubAuthority keeps what says where a zone of the chain begins, and the proofs from
// such a zone. Beside an answer name servers are of no use to who asks: they take its
// room, and teach caches behind us what nobody asked for (CVE-2025-40778).
func scrubAuthority(rrs []dns.RR, names []string, answered bool) []dns.RR {
	apex, found := "", false
	for _, rr := range rrs {
		if h := rr.Header(); (h.Rrtype == dns.TypeSOA || h.Rrtype == dns.TypeNS) && above(h.Name, names) {
			apex, found = h.Name, true
			break
		}
	}
	return slices.DeleteFunc(rrs, func(rr dns.RR) bool {
		switch h := rr.Header(); h.Rrtype {
		case dns.TypeNS:
			return answered || !above(h.Name, names)
		case dns.TypeSOA, dns.TypeDS:
			return !above(h.Name, names)
		case dns.TypeNSEC, dns.TypeNSEC3:
			return !found || !inside(h.Name, apex)
		case dns.TypeRRSIG:
			sig, ok := rr.(*dns.RRSIG)
			return !ok || !found || !inside(h.Name, apex) || answered && sig.TypeCovered == dns.TypeNS
		}
		return true
	})
}

// scrubAdditional keeps addresses of names that the answer points to, where they are
// part of the service that was asked for.
func scrubAdditional(rrs, answer []dns.RR, service string) []dns.RR {
	if len(rrs) == 0 {
		return nil
	}
	targets := make(map[string]bool, len(answer))
	for _, rr := range answer {
		targets[strings.ToLower(target(rr))] = true
	}
	return slices.DeleteFunc(rrs, func(rr dns.RR) bool {
		h := rr.Header()
		address := h.Rrtype == dns.TypeA || h.Rrtype == dns.TypeAAAA
		return !address || !inside(h.Name, service) || !targets[strings.ToLower(h.Name)]
	})
}

// target is the host that a record points to.
func target(rr dns.RR) string {
	switch rr := rr.(type) {
	case *dns.SRV:
		return rr.Target
	case *dns.MX:
		return rr.Mx
	case *dns.NS:
		return rr.Ns
	case *dns.HTTPS:
		return rr.Target
	case *dns.SVCB:
		return rr.Target
	}
	return ""
}

// serviceOf leaves out the labels for port and protocol (RFC 8552).
func serviceOf(name string) string {
	for strings.HasPrefix(name, "_") {
		next, last := dns.NextLabel(name, 0)
		if last {
			break
		}
		name = name[next:]
	}
	return name
}

// above reports whether name is one of names or an ancestor of one.
func above(name string, names []string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return inside(n, name) })
}

// inside reports whether name is zone or below it.
func inside(name, zone string) bool {
	if zone == "." {
		return true
	}
	at := len(name) - len(zone)
	if at < 0 || !strings.EqualFold(name[at:], zone) {
		return false
	}
	return at == 0 || name[at-1] == '.' && !escaped(name, at-1)
}

// escaped reports whether the character at i is part of a label (RFC 1035 §5.1).
func escaped(name string, i int) bool {
	n := 0
	for i--; i >= 0 && name[i] == '\\'; i-- {
		n++
	}
	return n%2 == 1
}
