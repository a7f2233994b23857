package dnsserver

import (
	"context"
	"net"
	"net/netip"

	"github.com/miekg/dns"

	"github.com/rollcall-dns/rollcall/zone"
)

// discovery is where askers look for encrypted resolvers (RFC 9462 §4).
var discovery = []byte(zone.MustParseName("_dns.resolver.arpa"))

// Designated tells askers where they find the same server over TLS and HTTPS, and passes
// every other question to next. Addrs gives the addresses of a transport: those count that
// are, or include, the one that was asked. Server is the name that goes with that, which
// is how the zone calls its name server.
func Designated(server zone.Name, addrs func(Transport) []netip.AddrPort, next Handler) Direct {
	return &designatedHandler{server.String(), addrs, next}
}

type designatedHandler struct {
	server string
	addrs  func(Transport) []netip.AddrPort
	next   Handler
}

// Direct implements Direct: it passes on all that is not for this handler.
func (h *designatedHandler) Direct(q *Query, r *Reply) bool {
	next, ok := h.next.(Direct)
	return ok && !sameName(q.Name, discovery) && next.Direct(q, r)
}

// Answer implements Handler.
func (h *designatedHandler) Answer(ctx context.Context, q *Query) (*dns.Msg, error) {
	local := q.Local.Addr()
	if !sameName(q.Name, discovery) || local.IsUnspecified() || q.Type != dns.TypeSVCB && q.Type != dns.TypeANY {
		return h.next.Answer(ctx, q)
	}
	owner, _, err := dns.UnpackDomainName(q.Name, 0)
	m := &dns.Msg{MsgHdr: dns.MsgHdr{Authoritative: true}}
	for _, over := range [...]Transport{TLS, HTTPS} {
		for _, a := range h.addrs(over) {
			if a.Addr() == local || a.Addr().IsUnspecified() && a.Addr().Is4() == local.Is4() {
				m.Answer = append(m.Answer, h.svcb(owner, over, len(m.Answer)+1, netip.AddrPortFrom(local, a.Port())))
			}
		}
	}
	switch {
	case len(m.Answer) == 0:
		return h.next.Answer(ctx, q)
	case q.Type == dns.TypeANY:
		h := dns.RR_Header{Name: owner, Rrtype: dns.TypeHINFO, Class: dns.ClassINET, Ttl: specialTTL}
		m.Answer = []dns.RR{&dns.HINFO{Hdr: h, Cpu: "RFC8482"}} // RFC 8482 §4.2
	default:
		m.Extra = []dns.RR{addressOf(dns.RR_Header{Name: h.server, Class: dns.ClassINET, Ttl: specialTTL}, local)}
	}
	return m, err
}

// svcb says how the server is reached over a transport (RFC 9461).
func (h *designatedHandler) svcb(owner string, over Transport, priority int, at netip.AddrPort) *dns.SVCB {
	rr := &dns.SVCB{
		Hdr:      dns.RR_Header{Name: owner, Rrtype: dns.TypeSVCB, Class: dns.ClassINET, Ttl: specialTTL},
		Priority: uint16(priority), Target: h.server,
	}
	alpn := "dot"
	if over == HTTPS {
		alpn = "h2"
	}
	rr.Value = []dns.SVCBKeyValue{&dns.SVCBAlpn{Alpn: []string{alpn}}, &dns.SVCBPort{Port: at.Port()}}
	if ip := net.IP(at.Addr().AsSlice()); at.Addr().Is4() {
		rr.Value = append(rr.Value, &dns.SVCBIPv4Hint{Hint: []net.IP{ip}})
	} else {
		rr.Value = append(rr.Value, &dns.SVCBIPv6Hint{Hint: []net.IP{ip}})
	}
	if over == HTTPS {
		rr.Value = append(rr.Value, &dns.SVCBDoHPath{Template: HTTPSPath + "{?dns}"})
	}
	return rr
}

// addressOf is the record of an address.
func addressOf(h dns.RR_Header, ip netip.Addr) dns.RR {
	if ip.Is4() {
		h.Rrtype = dns.TypeA
		return &dns.A{Hdr: h, A: ip.AsSlice()}
	}
	h.Rrtype = dns.TypeAAAA
	return &dns.AAAA{Hdr: h, AAAA: ip.AsSlice()}
}
