package forward

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/rollcall-dns/rollcall/dnsserver/upstream/upstreamtest"
	"github.com/rollcall-dns/rollcall/zone"
)

// What an upstream says of a name, and what is left of it: what begins with "-" is not.
func TestPrivateAddressesAreRemoved(t *testing.T) {
	for _, tt := range []struct {
		name, ask string
		says      []string
	}{
		{"public", "a.example. A", []string{"a.example. 60 IN A 192.0.2.1", "a.example. 60 IN A 198.51.100.1"}},
		{"private", "a.example. A", []string{"-a.example. 60 IN A 10.0.0.1", "-a.example. 60 IN A 172.16.0.1", "-a.example. 60 IN A 192.168.0.1"}},
		{"some", "a.example. A", []string{"a.example. 60 IN A 192.0.2.1", "-a.example. 60 IN A 127.0.0.1"}},
		{"link-local and this host", "a.example. A", []string{"-a.example. 60 IN A 169.254.169.254", "-a.example. 60 IN A 0.0.0.0", "-a.example. 60 IN A 0.1.2.3"}},
		{"behind an alias", "a.example. A", []string{"a.example. 60 IN CNAME b.example.", "-b.example. 60 IN A 10.0.0.1"}},
		{"IPv6", "a.example. AAAA", []string{"a.example. 60 IN AAAA 2001:db8::1", "-a.example. 60 IN AAAA fd00::1", "-a.example. 60 IN AAAA fe80::1", "-a.example. 60 IN AAAA ::1", "-a.example. 60 IN AAAA ::"}},
		{"IPv4 in IPv6", "a.example. AAAA", []string{"-a.example. 60 IN AAAA ::ffff:10.0.0.1", "a.example. 60 IN AAAA ::ffff:192.0.2.1"}},
		{"hints", "a.example. HTTPS", []string{`a.example. 60 IN HTTPS 1 . ipv4hint="192.0.2.1"`, `-a.example. 60 IN HTTPS 2 . ipv4hint="192.0.2.1,10.0.0.1"`, `-a.example. 60 IN HTTPS 3 . ipv6hint="fd00::1"`}},
		{"text is no address", "a.example. TXT", []string{`a.example. 60 IN TXT "10.0.0.1"`}},
		{"a route's", "a.corp.example. A", []string{"a.corp.example. 60 IN A 10.0.0.1"}},
		{"below internal", "a.internal. A", []string{"a.internal. 60 IN A 10.0.0.1"}},
		{"of one label", "nas. A", []string{"nas. 60 IN A 10.0.0.1"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var says, left []string
			for _, rr := range tt.says {
				bare, removed := strings.CutPrefix(rr, "-")
				if says = append(says, bare); !removed {
					left = append(left, bare)
				}
			}
			up := upstreamtest.Start(t, upstreamtest.Edited(func(m *dns.Msg) { m.AuthenticatedData = true }, upstreamtest.Answers(says...)))
			r := serve(t, func([]netip.AddrPort) []Options {
				return []Options{{
					Upstreams: addrs(up.Addr()), Routes: []Route{{zone.MustParseName("corp.example"), addrs(up.Addr())}}, NoRebinding: true,
				}}
			}, 1)[0]
			want := strings.Join(append([]string{"NOERROR ra"}, left...), " | ")
			blocked := uint64(0)
			if len(left) < len(says) {
				want += " ede=15"
				blocked = 1
			}
			expect(t, tt.ask, r.ask(t, tt.ask), want)
			if n := r.Stats().Blocked; n != blocked {
				t.Errorf("%d are counted, want %d", n, blocked)
			}
		})
	}
}

// An additional address is one as well.
func TestPrivateAddressesBesideTheAnswerAreRemoved(t *testing.T) {
	m := &dns.Msg{
		Answer: upstreamtest.RRs("_a._tcp.example. 60 IN SRV 0 0 1 a.example.", "_a._tcp.example. 60 IN SRV 0 0 1 b.example."),
		Extra:  upstreamtest.RRs("a.example. 60 IN A 10.0.0.1", "b.example. 60 IN A 192.0.2.1"),
	}
	if !withoutPrivate(m) || len(m.Answer) != 2 || slices.ContainsFunc(m.Extra, leadsHere) || m.IsEdns0() == nil {
		t.Errorf("left: %v", m)
	}
}
