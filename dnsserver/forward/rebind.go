package forward

import (
	"net"
	"net/netip"
	"slices"

	"github.com/miekg/dns"
)

// A page from anywhere may have a browser here ask for names of its own choice, whose
// addresses become those of this network: then the browser reads out what is there as if it
// were the page's (DNS rebinding).

// withoutPrivate removes addresses of this site from an answer about a public name, and
// reports whether there were any. What names a host by such addresses is removed whole.
func withoutPrivate(m *dns.Msg) (removed bool) {
	before := len(m.Answer) + len(m.Extra)
	m.Answer = slices.DeleteFunc(m.Answer, leadsHere)
	m.Extra = slices.DeleteFunc(m.Extra, leadsHere)
	if len(m.Answer)+len(m.Extra) == before {
		return false
	}
	m.AuthenticatedData = false // nobody has signed what is left
	m.Extra = slices.DeleteFunc(m.Extra, func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeOPT })
	m.SetEdns0(1232, false)
	m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_EDE{InfoCode: dns.ExtendedErrorCodeBlocked}}
	return true
}

// leadsHere reports whether a record has an address that is not public.
func leadsHere(rr dns.RR) bool {
	switch rr := rr.(type) {
	case *dns.A:
		return private(rr.A)
	case *dns.AAAA:
		return private(rr.AAAA)
	case *dns.HTTPS:
		return slices.ContainsFunc(rr.Value, hintsHere)
	case *dns.SVCB:
		return slices.ContainsFunc(rr.Value, hintsHere)
	}
	return false
}

func hintsHere(kv dns.SVCBKeyValue) bool {
	switch kv := kv.(type) {
	case *dns.SVCBIPv4Hint:
		return slices.ContainsFunc(kv.Hint, private)
	case *dns.SVCBIPv6Hint:
		return slices.ContainsFunc(kv.Hint, private)
	}
	return false
}

// thisHost is what systems take for themselves (RFC 1122 §3.2.1.3).
var thisHost = netip.MustParsePrefix("0.0.0.0/8")

func private(ip net.IP) bool {
	a, ok := netip.AddrFromSlice(ip)
	a = a.Unmap()
	return ok && (a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsUnspecified() || thisHost.Contains(a))
}
