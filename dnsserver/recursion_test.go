package dnsserver

import (
	"context"
	"log/slog"
	"net/netip"
	"testing"

	"github.com/miekg/dns"

	"github.com/rollcall-dns/rollcall/zone"
)

// askAs is ask by one who asks from an address.
func askAs(t *testing.T, h Handler, a *Askers, from, question string) string {
	t.Helper()
	r := responder{handler: h, recursion: a, log: &limitedLog{log: slog.New(slog.DiscardHandler)}, n: new(counters)}
	r.q = Query{From: netip.AddrPortFrom(netip.MustParseAddr(from), 1234), Local: netip.MustParseAddrPort("198.51.100.1:53")}
	reply, _ := r.respond(context.Background(), query(question), nil)
	return text(t, reply)
}

// told answers every name, with an AD bit that is not for everybody.
var told = handlerFunc(func(context.Context, *Query) (*dns.Msg, error) {
	return &dns.Msg{MsgHdr: dns.MsgHdr{AuthenticatedData: true}}, nil
})

func TestWhoMayRecurse(t *testing.T) {
	z := newZone(t)
	if r := z.Apply(zone.Change{Source: "docker", Networks: []zone.Network{
		{Name: "public", Prefixes: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}},
	}}); len(r.Rejected) > 0 {
		t.Fatal(r.Rejected)
	}
	local := &Askers{Local: true, Networks: z}
	some := &Askers{Prefixes: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("2001:db8::/32")}}
	all := &Askers{Prefixes: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}}
	for _, tt := range []struct {
		name string
		who  *Askers
		from string
		may  bool
	}{
		{"loopback", local, "127.0.0.1", true},
		{"loopback", local, "127.9.9.9", true},
		{"loopback", local, "::1", true},
		{"RFC 1918", local, "10.1.2.3", true},
		{"RFC 1918", local, "172.31.255.255", true},
		{"RFC 1918", local, "192.168.0.1", true},
		{"behind the last of them", local, "172.32.0.0", false},
		{"IPv4 in IPv6 clothes", local, "::ffff:10.1.2.3", true},
		{"public in IPv6 clothes", local, "::ffff:192.0.2.1", false},
		{"ULA", local, "fd00::1", true},
		{"link-local", local, "169.254.1.1", true},
		{"link-local with a zone", local, "fe80::1%eth0", true},
		{"a network that the zone knows", local, "198.51.100.7", true},
		{"beside it", local, "198.51.101.7", false},
		{"behind a carrier's translator", local, "100.64.0.1", false},
		{"public", local, "192.0.2.1", false},
		{"public", local, "2001:db8::1", false},
		{"a prefix", some, "203.0.113.9", true},
		{"a prefix", some, "2001:db8::9", true},
		{"instead of the local ones", some, "127.0.0.1", false},
		{"all", all, "192.0.2.1", true},
		{"all", all, "fe80::1%eth0", true},
		{"nobody", new(Askers), "127.0.0.1", false},
		{"nobody", nil, "127.0.0.1", false},
	} {
		want := "REFUSED rd [edns0 1232 ede=18]"
		if tt.may {
			want = "NOERROR rd ra [edns0 1232]"
		}
		if got := askAs(t, Recursion(told), tt.who, tt.from, "x.example. A +rd +edns"); got != want {
			t.Errorf("%s: %s got %s, want %s", tt.name, tt.from, got, want)
		}
	}
}

// RA says who asks, not what was asked.
func TestRecursionIsAvailableInEveryReply(t *testing.T) {
	z := newZone(t)
	fails := handlerFunc(func(context.Context, *Query) (*dns.Msg, error) { return nil, errBusy })
	h := Authority(z, always, sinceStart, SpecialNames(z.Snapshot().Domains(), nil, Recursion(fails)))
	for _, tt := range []struct{ from, ask, want string }{
		{"127.0.0.1", "web.svc.test. A", "NOERROR aa ra: web.svc.test. 5 IN A 10.0.0.7"},
		{"127.0.0.1", "nope.svc.test. A", "NXDOMAIN aa ra / soa svc.test. 5"},
		{"127.0.0.1", "localhost. A", "NOERROR aa ra: localhost. 300 IN A 127.0.0.1"},
		{"127.0.0.1", "x.example. A", "SERVFAIL ra"},
		{"127.0.0.1", "id.server. TXT +class=CH", "REFUSED"},
		{"127.0.0.1", "x.example. AXFR", "REFUSED"},
		{"192.0.2.1", "web.svc.test. A", "NOERROR aa: web.svc.test. 5 IN A 10.0.0.7"},
		{"192.0.2.1", "localhost. A", "NOERROR aa: localhost. 300 IN A 127.0.0.1"},
		{"192.0.2.1", "x.example. A", "REFUSED"},
	} {
		if got := askAs(t, h, &Askers{Local: true}, tt.from, tt.ask); got != tt.want {
			t.Errorf("%s asks %s\n got %s\nwant %s", tt.from, tt.ask, got, tt.want)
		}
	}
}

// RFC 6840 §5.7, §5.8.
func TestAuthenticDataIsToldToThoseWhoUnderstandIt(t *testing.T) {
	for _, tt := range []struct{ ask, want string }{
		{"x.example. A", "NOERROR"},
		{"x.example. A +edns", "NOERROR [edns0 1232]"},
		{"x.example. A +ad", "NOERROR ad"},
		{"x.example. A +do", "NOERROR ad [edns0 1232 do]"},
	} {
		if got := text(t, ask(t, told, UDP, query(tt.ask))); got != tt.want {
			t.Errorf("ask %s: got %s, want %s", tt.ask, got, tt.want)
		}
	}
}
