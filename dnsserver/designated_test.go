package dnsserver

import (
	"net/netip"
	"testing"

	"github.com/rollcall-dns/rollcall/zone"
)

// RFC 9462 §4 and RFC 9461: who asks at an address is told of what else is there.
func TestDesignatedResolvers(t *testing.T) {
	const svcb = "_dns.resolver.arpa. 300 IN SVCB "
	const dot4, doh4 = `1 ns.dns.svc.test. alpn="dot" port="853" ipv4hint="198.51.100.1"`, `alpn="h2" port="443" ipv4hint="198.51.100.1" dohpath="/dns-query{?dns}"`
	const extra4 = " + ns.dns.svc.test. 300 IN A 198.51.100.1"
	for _, tt := range []struct{ name, dot, doh, ask, want string }{
		{"both, anywhere", "0.0.0.0:853", "0.0.0.0:443", "_dns.resolver.arpa. SVCB",
			"NOERROR aa: " + svcb + dot4 + "; " + svcb + "2 ns.dns.svc.test. " + doh4 + extra4},
		{"one, there", "", "198.51.100.1:443", "_DNS.resolver.arpa. SVCB", "NOERROR aa: _DNS" + svcb[4:] + "1 ns.dns.svc.test. " + doh4 + extra4},
		{"elsewhere", "198.51.100.2:853", "[::]:443", "_dns.resolver.arpa. SVCB", "NOERROR aa / soa resolver.arpa. 300"},
		{"ANY", "0.0.0.0:853", "", "_dns.resolver.arpa. ANY", `NOERROR aa: _dns.resolver.arpa. 300 IN HINFO "RFC8482" ""`},
		{"another type", "0.0.0.0:853", "", "_dns.resolver.arpa. A", "NOERROR aa / soa resolver.arpa. 300"},
		{"another name", "0.0.0.0:853", "", "dns.resolver.arpa. SVCB", "NOERROR aa / soa resolver.arpa. 300"},
		{"no name of ours", "0.0.0.0:853", "", "x.example. SVCB", "REFUSED"},
	} {
		at := map[Transport][]netip.AddrPort{}
		for over, a := range map[Transport]string{TLS: tt.dot, HTTPS: tt.doh} {
			if a != "" {
				at[over] = []netip.AddrPort{netip.MustParseAddrPort(a)}
			}
		}
		h := Designated(zone.MustParseName("ns.dns.svc.test"), func(t Transport) []netip.AddrPort { return at[t] }, SpecialNames(nil, nil, nil))
		if got := text(t, ask(t, h, UDP, query(tt.ask))); got != tt.want {
			t.Errorf("%s\n got %s\nwant %s", tt.name, got, tt.want)
		}
	}
}

func TestDesignatedResolversOverIPv6(t *testing.T) {
	addrs := func(over Transport) []netip.AddrPort {
		return map[Transport][]netip.AddrPort{TLS: {netip.MustParseAddrPort("[::1]:853")}}[over]
	}
	everywhere(t, Options{Handler: Designated(zone.MustParseName("ns.dns.svc.test"), addrs, nil)}, func(t *testing.T, open func(testing.TB) *wire) {
		w := open(t)
		if !netip.MustParseAddrPort(w.RemoteAddr().String()).Addr().Is6() {
			return
		}
		const want = `NOERROR aa: _dns.resolver.arpa. 300 IN SVCB 1 ns.dns.svc.test. alpn="dot" port="853" ipv6hint="::1" + ns.dns.svc.test. 300 IN AAAA ::1`
		if got := text(t, w.exchange(query("_dns.resolver.arpa. SVCB"))); got != want {
			t.Errorf("got %s\nwant %s", got, want)
		}
	})
}
