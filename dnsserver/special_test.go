package dnsserver

import (
	"context"
	"testing"

	"github.com/miekg/dns"

	"github.com/rollcall-dns/rollcall/zone"
)

func names(list ...string) (out []zone.Name) {
	for _, n := range list {
		out = append(out, zone.MustParseName(n))
	}
	return out
}

// The special names, and domains of ours among them.
func TestSpecialNames(t *testing.T) {
	h := SpecialNames(names("svc.test", "a.b.home.arpa"), names("corp.local", "onion", "example"), nil)
	for _, tt := range []struct{ ask, want string }{
		{"localhost. A", "NOERROR aa: localhost. 300 IN A 127.0.0.1"},
		{"LocalHost. AAAA +rd", "NOERROR aa rd: LocalHost. 300 IN AAAA ::1"},
		{"a.b.localhost. A", "NOERROR aa: a.b.localhost. 300 IN A 127.0.0.1"},
		{"localhost. MX", "NOERROR aa / soa localhost. 300"},
		{"a.localhost. SOA", "NOERROR aa / soa localhost. 300"},
		{"a.localhost. ANY", `NOERROR aa: a.localhost. 300 IN HINFO "RFC8482" ""`},
		{"localhost. SOA", "NOERROR aa: soa localhost. 300"},
		{"notlocalhost. A", "REFUSED"},
		{"x.invalid. A", "NXDOMAIN aa / soa invalid. 300"},
		{"X.INVALID. ANY", "NXDOMAIN aa / soa INVALID. 300"}, // points into the question
		{"invalid. A", "NOERROR aa / soa invalid. 300"},
		{"invalid. SOA", "NOERROR aa: soa invalid. 300"},
		{"invalid. NS", "NOERROR aa: invalid. 300 IN NS invalid."},
		{"invalid. DS +do", "NOERROR aa / soa invalid. 300 [edns0 1232 do]"},
		{"invalid. ANY", `NOERROR aa: invalid. 300 IN HINFO "RFC8482" ""`},
		{"x.test. A", "NXDOMAIN aa / soa test. 300"},
		{"svc.test. A", "NOERROR aa / soa test. 300"}, // the zone stands before it
		{"x.local. A", "NXDOMAIN aa / soa local. 300"},
		{"x.alt. A", "NXDOMAIN aa / soa alt. 300"},
		{"x.y.home.arpa. A", "NXDOMAIN aa / soa home.arpa. 300"},
		{"arpa. A", "REFUSED"},
		{"b.home.arpa. A", "NOERROR aa / soa home.arpa. 300"}, // a.b.home.arpa is ours
		{"x.b.home.arpa. A", "NXDOMAIN aa / soa home.arpa. 300"},
		{"metadata.google.internal. A", "REFUSED"}, // others answer for it
		{"corp.local. A", "REFUSED"},
		{"x.corp.local. A +edns=512", "REFUSED [edns0 1232 ede=20]"},
		{"x.onion. A", "REFUSED"},
		{"_dns.resolver.arpa. SVCB", "NOERROR aa / soa resolver.arpa. 300"},
		{"resolver.arpa. SVCB", "NOERROR aa / soa resolver.arpa. 300"},
		{"x.example. A", "REFUSED"},
		{". NS", "REFUSED"},
		{`a\.localhost. A`, "REFUSED"},
	} {
		for _, transport := range []Transport{UDP, TCP} {
			msg := query(tt.ask)
			reply := ask(t, h, transport, msg)
			if got := text(t, reply); got != tt.want {
				t.Errorf("ask %s\n got %s\nwant %s", tt.ask, got, tt.want)
			}
			checkEcho(t, msg, reply)
		}
	}
}

// RFC 6303 §3: the apex of a zone that has nothing else.
func TestSpecialZoneApex(t *testing.T) {
	h := SpecialNames(nil, nil, nil)
	const want = "onion.\t300\tIN\tSOA\tonion. nobody.invalid. 1 3600 1200 604800 300"
	if got := unpack(t, ask(t, h, UDP, query("onion. SOA"))).Answer; len(got) != 1 || got[0].String() != want {
		t.Errorf("got %v\nwant %s", got, want)
	}
}

func TestEverythingElsewhere(t *testing.T) {
	h := SpecialNames(names("svc.test"), names("."), everyName)
	for _, q := range []string{"localhost. A", "x.local. A", "test. A", ". NS", "x.example. A"} {
		if m := unpack(t, ask(t, h, UDP, query(q))); m.Authoritative || len(m.Answer) != 1 {
			t.Errorf("ask %s: %v, want it passed on", q, m)
		}
	}
}

// What is ours is answered before what is special about the name above it.
func TestOwnNamesWinOverSpecialOnes(t *testing.T) {
	z := newZone(t)
	h := Authority(z, always, sinceStart, SpecialNames(z.Snapshot().Domains(), nil, nil))
	for _, tt := range []struct{ ask, want string }{
		{"web.svc.test. A", "NOERROR aa: web.svc.test. 5 IN A 10.0.0.7"},
		{"nope.svc.test. A", "NXDOMAIN aa / soa svc.test. 5"},
		{"nope.test. A", "NXDOMAIN aa / soa test. 300"},
		{"test. A", "NOERROR aa / soa test. 300"},
	} {
		if got := text(t, ask(t, h, UDP, query(tt.ask))); got != tt.want {
			t.Errorf("ask %s\n got %s\nwant %s", tt.ask, got, tt.want)
		}
	}
}

// RFC 8020: whoever is told that a name does not exist may conclude that nothing is below.
func TestNamesAboveOurDomainsExistWhateverOthersSay(t *testing.T) {
	denies := handlerFunc(func(context.Context, *Query) (*dns.Msg, error) {
		return &dns.Msg{MsgHdr: dns.MsgHdr{Rcode: dns.RcodeNameError}}, nil
	})
	h := SpecialNames([]zone.Name{zone.MustParseName("svc.corp.example")}, nil, denies)
	for question, want := range map[string]string{
		"CORP.example. A": "NOERROR", "example. NS": "NOERROR", "x.example. A": "NXDOMAIN", "x.corp.example. A": "NXDOMAIN",
	} {
		if got := text(t, ask(t, h, UDP, query(question))); got != want {
			t.Errorf("ask %s: got %s, want %s", question, got, want)
		}
	}
}
