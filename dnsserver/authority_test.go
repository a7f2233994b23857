package dnsserver

import (
	"bytes"
	"context"
	"net/netip"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/rollcall-dns/rollcall/zone"
)

const (
	ptr4  = "7.0.0.10.in-addr.arpa. PTR"
	ptr6  = "7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa. PTR"
	noSvc = " / soa svc.test. 5"
)

// answers are rows of the checklist of required behaviour: question and reply.
var answers = []struct{ name, ask, want string }{
	{"B1 A", "web.svc.test. A", "NOERROR aa: web.svc.test. 5 IN A 10.0.0.7"},
	{"B1 AAAA", "web.svc.test. AAAA", "NOERROR aa: web.svc.test. 5 IN AAAA 2001:db8::7"},
	{"B1 SRV", "web.svc.test. SRV", "NOERROR aa: web.svc.test. 5 IN SRV 0 0 80 web-1.web.svc.test. + web-1.web.svc.test. 5 IN A 10.0.0.7; web-1.web.svc.test. 5 IN AAAA 2001:db8::7"},
	{"B1 SRV of a named port", "_http._tcp.web.svc.test. SRV +rd", "NOERROR aa rd: _http._tcp.web.svc.test. 5 IN SRV 0 0 80 web-1.web.svc.test. + web-1.web.svc.test. 5 IN A 10.0.0.7; web-1.web.svc.test. 5 IN AAAA 2001:db8::7"},
	{"B1 TXT", "web.svc.test. TXT", `NOERROR aa: web.svc.test. 5 IN TXT "version=2.1"`},
	{"B1 PTR", ptr4, "NOERROR aa: 7.0.0.10.in-addr.arpa. 5 IN PTR web-1.web.svc.test."},
	{"B1 PTR of IPv6", ptr6, "NOERROR aa: " + strings.Fields(ptr6)[0] + " 5 IN PTR web-1.web.svc.test."},
	{"B1 in the second domain", "web.other.test. SRV", "NOERROR aa: web.other.test. 5 IN SRV 0 0 80 web-1.web.other.test. + web-1.web.other.test. 5 IN A 10.0.0.7; web-1.web.other.test. 5 IN AAAA 2001:db8::7"},
	{"B2 AAAA of a name with A only", "db.shop.svc.test. AAAA", "NOERROR aa" + noSvc},
	{"B2 HTTPS", "web.svc.test. HTTPS", "NOERROR aa" + noSvc},
	{"B2 CAA", "web.svc.test. CAA", "NOERROR aa" + noSvc},
	{"B2 CNAME", "web.svc.test. CNAME", "NOERROR aa" + noSvc},
	{"B2 MX", "web.svc.test. MX", "NOERROR aa" + noSvc},
	{"B3 absent", "nope.svc.test. A", "NXDOMAIN aa" + noSvc},
	{"B3 absent, in the second domain", "nope.other.test. A", "NXDOMAIN aa / soa other.test. 5"},
	{"B3 nobody has this address", "9.9.9.10.in-addr.arpa. PTR", "NXDOMAIN aa / soa 10.in-addr.arpa. 5"},
	{"B4 empty non-terminal of ports", "_tcp.web.svc.test. A", "NOERROR aa" + noSvc},
	{"B4 empty non-terminal of services", "shop.svc.test. A", "NOERROR aa" + noSvc},
	{"B4 empty non-terminal above the name server", "dns.svc.test. A", "NOERROR aa" + noSvc},
	{"B5 apex SOA", "svc.test. SOA", "NOERROR aa: soa svc.test. 5"},
	{"B5 reverse apex SOA", "10.in-addr.arpa. SOA", "NOERROR aa: soa 10.in-addr.arpa. 5"},
	{"B6 apex DS", "svc.test. DS", "NOERROR aa" + noSvc},
	{"B7 DO", "web.svc.test. A +do", "NOERROR aa: web.svc.test. 5 IN A 10.0.0.7 [edns0 1232 do]"},
	{"B7 DNSKEY", "svc.test. DNSKEY +do", "NOERROR aa" + noSvc + " [edns0 1232 do]"},
	{"B7 NSEC", "web.svc.test. NSEC", "NOERROR aa" + noSvc},
	{"B7 RRSIG", "web.svc.test. RRSIG", "NOERROR aa" + noSvc},
	{"B7 AD in the query", "web.svc.test. A +ad", "NOERROR aa: web.svc.test. 5 IN A 10.0.0.7"},
	{"B8 ANY", "web.svc.test. ANY", `NOERROR aa: web.svc.test. 5 IN HINFO "RFC8482" ""`},
	{"B8 ANY at the apex", "svc.test. ANY", `NOERROR aa: svc.test. 5 IN HINFO "RFC8482" ""`},
	{"B8 ANY of an address", "7.0.0.10.in-addr.arpa. ANY", `NOERROR aa: 7.0.0.10.in-addr.arpa. 5 IN HINFO "RFC8482" ""`},
	{"B8 ANY of the name server", "ns.dns.svc.test. ANY", `NOERROR aa: ns.dns.svc.test. 5 IN HINFO "RFC8482" ""`},
	{"B8 ANY of an empty non-terminal", "_tcp.web.svc.test. ANY", "NOERROR aa" + noSvc},
	{"B8 ANY of nothing", "nope.svc.test. ANY", "NXDOMAIN aa" + noSvc},
	{"B8 HINFO itself", "web.svc.test. HINFO", "NOERROR aa" + noSvc},
	{"B15 case", "wEb.SvC.tEsT. A", "NOERROR aa: wEb.SvC.tEsT. 5 IN A 10.0.0.7"},
	{"B15 case of SRV: target as registered, owners below the question's name", "WEB.svc.test. SRV", "NOERROR aa: WEB.svc.test. 5 IN SRV 0 0 80 web-1.web.svc.test. + web-1.WEB.svc.test. 5 IN A 10.0.0.7; web-1.WEB.svc.test. 5 IN AAAA 2001:db8::7"},
	{"B15 case of a negative answer", "nope.SVC.test. A", "NXDOMAIN aa / soa SVC.test. 5"},
	{"B16 any octets", `\000\255\.x\032.svc.test. A`, "NXDOMAIN aa" + noSvc},
	{"B19 service of which none is up", "down.svc.test. A", "NOERROR aa" + noSvc},
	{"outside", "www.example.com. A", "REFUSED"},
	{"outside, with EDNS", "www.example.com. A +edns=1232 +rd", "REFUSED rd [edns0 1232 ede=20]"},
	{"outside, CD", "www.example.com. A +cd", "REFUSED cd"},
	{"root", ". NS", "REFUSED"},
	{"above the domain", "test. SOA", "REFUSED"},
	{"name whose octets end like the domain", `x\003svc\004test. A`, "REFUSED"},
	{"EDNS with a small size", "web.svc.test. A +edns=0", "NOERROR aa: web.svc.test. 5 IN A 10.0.0.7 [edns0 1232]"},
}

func TestAuthority(t *testing.T) {
	o := Options{Handler: authorityOf(newZone(t))}
	everywhere(t, o, func(t *testing.T, open func(testing.TB) *wire) {
		w := open(t)
		for _, tt := range answers {
			t.Run(tt.name, func(t *testing.T) {
				msg := query(tt.ask)
				reply := w.exchange(msg)
				if got := text(t, reply); got != tt.want {
					t.Errorf("ask %s\n got %s\nwant %s", tt.ask, got, tt.want)
				}
				checkEcho(t, msg, reply)
			})
		}
	})
}

func TestNameServerIsAtTheAddressThatWasAsked(t *testing.T) {
	h := authorityOf(newZone(t))
	s := serve(t, Options{Handler: h}, "127.0.0.1:0", "[::1]:0")
	for _, tt := range []struct {
		addr      int
		ask, want string
	}{
		{0, "ns.dns.svc.test. A", "NOERROR aa: ns.dns.svc.test. 5 IN A 127.0.0.1"},
		{0, "NS.dns.svc.test. A", "NOERROR aa: NS.dns.svc.test. 5 IN A 127.0.0.1"},
		{0, "ns.dns.svc.test. AAAA", "NOERROR aa" + noSvc},
		{0, "ns.dns.svc.test. TXT", "NOERROR aa" + noSvc},
		{0, "svc.test. NS", "NOERROR aa: svc.test. 5 IN NS ns.dns.svc.test. + ns.dns.svc.test. 5 IN A 127.0.0.1"},
		{0, "10.in-addr.arpa. NS", "NOERROR aa: 10.in-addr.arpa. 5 IN NS ns.dns.svc.test. + ns.dns.svc.test. 5 IN A 127.0.0.1"},
		{1, "ns.dns.other.test. AAAA", "NOERROR aa: ns.dns.other.test. 5 IN AAAA ::1"},
		{1, "ns.dns.svc.test. A", "NOERROR aa" + noSvc},
		{1, "svc.test. NS", "NOERROR aa: svc.test. 5 IN NS ns.dns.svc.test. + ns.dns.svc.test. 5 IN AAAA ::1"},
	} {
		for _, network := range []string{"udp", "tcp"} {
			w := dial(t, network, s.Addrs()[tt.addr])
			if got := text(t, w.exchange(query(tt.ask))); got != tt.want {
				t.Errorf("ask %s of %s over %s\n got %s\nwant %s", tt.ask, s.Addrs()[tt.addr], network, got, tt.want)
			}
		}
	}
}

func TestNameServerWithoutKnownAddressIsNoData(t *testing.T) {
	h := authorityOf(newZone(t))
	for _, local := range []netip.AddrPort{{}, netip.MustParseAddrPort("0.0.0.0:53")} {
		m, err := h.Answer(context.Background(), &Query{Name: []byte("\x02ns\x03dns\x03svc\x04test\x00"), Type: dns.TypeA, Class: 1, Local: local})
		if err != nil || len(m.Answer) != 0 || len(m.Ns) != 1 {
			t.Errorf("local address %v: %v, %v, want NODATA", local, m, err)
		}
	}
}

// B20: what no source has reported is not denied.
func TestBeforeReadyNamesOfTheZoneAreServerFailures(t *testing.T) {
	ready := false
	h := Authority(newZone(t), func() bool { return ready }, sinceStart, nil)
	for _, tt := range []struct{ ask, before, after string }{
		{"nope.svc.test. A +edns=1232", "SERVFAIL [edns0 1232 ede=14]", "NXDOMAIN aa" + noSvc + " [edns0 1232]"},
		{"nope.svc.test. A", "SERVFAIL", "NXDOMAIN aa" + noSvc},
		{"web.svc.test. A +rd", "SERVFAIL rd", "NOERROR aa rd: web.svc.test. 5 IN A 10.0.0.7"},
		{"svc.test. SOA", "SERVFAIL", "NOERROR aa: soa svc.test. 5"},
		{"9.9.9.10.in-addr.arpa. PTR", "SERVFAIL", "NXDOMAIN aa / soa 10.in-addr.arpa. 5"},
		{"example.com. A +edns=1232", "REFUSED [edns0 1232 ede=20]", "REFUSED [edns0 1232 ede=20]"},
	} {
		for _, is := range []bool{false, true} {
			ready = is
			want := tt.before
			if is {
				want = tt.after
			}
			if got := text(t, ask(t, h, UDP, query(tt.ask))); got != want {
				t.Errorf("ready %v: ask %s\n got %s\nwant %s", is, tt.ask, got, want)
			}
		}
	}
}

// A snapshot taken before the sources were ready lacks what the last of them
// reported, so ready is asked first.
func TestReadyIsAskedBeforeTheSnapshotIsTaken(t *testing.T) {
	z := newZone(t)
	ready := func() bool {
		put(t, z, instance("late", "l", "10.0.0.10", zone.Port{Number: 80}))
		return true
	}
	h := Authority(z, ready, sinceStart, nil)
	if got, want := text(t, ask(t, h, UDP, query("late.svc.test. A"))), "NOERROR aa: late.svc.test. 5 IN A 10.0.0.10"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestOtherNamesPassOn(t *testing.T) {
	next := handlerFunc(func(_ context.Context, q *Query) (*dns.Msg, error) {
		if string(q.Name) != "\x03WWW\x07example\x00" || !q.RecursionDesired() || !q.CheckingDisabled() {
			t.Errorf("passed on: %q, RD %v, CD %v", q.Name, q.RecursionDesired(), q.CheckingDisabled())
		}
		m := new(dns.Msg)
		m.Answer = []dns.RR{rr("WWW.example. 300 IN CNAME a.example."), rr("a.example. 300 IN A 192.0.2.1")}
		m.SetEdns0(4096, true) // belongs to one hop
		return m, nil
	})
	h := Authority(newZone(t), always, sinceStart, next)
	const want = "NOERROR rd cd: WWW.example. 300 IN CNAME a.example.; a.example. 300 IN A 192.0.2.1 [edns0 1232]"
	if got := text(t, ask(t, h, UDP, query("WWW.example. A +edns=1232 +rd +cd"))); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	const local = "NOERROR aa rd: web.svc.test. 5 IN A 10.0.0.7"
	if got := text(t, ask(t, h, UDP, query("web.svc.test. A +rd"))); got != local {
		t.Errorf("got %s\nwant %s", got, local)
	}
}

func TestAskersSeeTheirNetwork(t *testing.T) {
	z := newZone(t)
	in := instance("api", "a", "172.30.0.2")
	in.Endpoints[0].Network = "blue"
	in.Endpoints = append(in.Endpoints, zone.Endpoint{Addr: netip.MustParseAddr("198.51.100.7")})
	z.Apply(zone.Change{Source: "test", Put: []zone.Instance{in}, Networks: []zone.Network{{Name: "blue", Prefixes: []netip.Prefix{netip.MustParsePrefix("172.30.0.0/16")}}}})
	h := authorityOf(z)
	for _, tt := range []struct{ from, want string }{
		{"172.30.0.9:5", "172.30.0.2"},
		{"192.0.2.1:5", "198.51.100.7"},
	} {
		q := &Query{Name: []byte("\x03api\x03svc\x04test\x00"), Type: dns.TypeA, Class: 1, From: netip.MustParseAddrPort(tt.from)}
		m, err := h.Answer(context.Background(), q)
		if err != nil || len(m.Answer) != 1 || m.Answer[0].(*dns.A).A.String() != tt.want {
			t.Errorf("from %s: %v, %v, want %s", tt.from, m, err, tt.want)
		}
	}
}

func TestAnswersRotate(t *testing.T) {
	z := newZone(t)
	for _, n := range []string{"1", "2", "3", "4"} {
		put(t, z, instance("many", "m"+n, "10.1.0."+n, zone.Port{Number: 80}))
	}
	h := authorityOf(z)
	first := map[string]bool{}
	for range 200 {
		m := new(dns.Msg)
		if err := m.Unpack(ask(t, h, UDP, query("many.svc.test. A"))); err != nil || len(m.Answer) != 4 {
			t.Fatalf("%v, %v", m, err)
		}
		first[m.Answer[0].String()] = true
	}
	if len(first) != 4 {
		t.Errorf("first of the answers was %v, want each of the four in turn", first)
	}
}

// B11, B15: a resolver that never learned to read pointers in SRV gets none, and
// the question's octets are the owner's.
func TestSRVTargetsAreNotCompressed(t *testing.T) {
	reply := ask(t, authorityOf(newZone(t)), UDP, query("wEb.svc.test. SRV"))
	if !bytes.Contains(reply, []byte("\x00\x50\x05web-1\x03web\x03svc\x04test\x00")) {
		t.Errorf("%q does not hold the target whole", reply)
	}
	if n := bytes.Count(reply, []byte("wEb")); n != 1 {
		t.Errorf("%q holds the question's name %d times, want it once", reply, n)
	}
}

func rr(s string) dns.RR {
	rr, err := dns.NewRR(s)
	if err != nil {
		panic(err)
	}
	return rr
}
