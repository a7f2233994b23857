package admin_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"github.com/rollcall-dns/rollcall/admin"
	"github.com/rollcall-dns/rollcall/zone"
)

// world is two domains with a container at 172.18.0.2, published at 198.18.0.1, and
// registered services at other addresses.
func world(t *testing.T) *zone.Zone {
	t.Helper()
	z, err := zone.New(zone.Options{
		Domains: []zone.Name{zone.MustParseName("svc.test"), zone.MustParseName("other.test")}, Serial: 100,
	})
	if err != nil {
		t.Fatal(err)
	}
	addr := netip.MustParseAddr
	apply(t, z, zone.Change{
		Source:   "engine",
		Networks: []zone.Network{{Name: "shop", Prefixes: []netip.Prefix{netip.MustParsePrefix("172.18.0.0/16")}}},
		Put: []zone.Instance{{
			ID: "c", Service: "db", State: zone.Up,
			Endpoints: []zone.Endpoint{
				{Network: "shop", Addr: addr("172.18.0.2"), Ports: []zone.Port{{Number: 5432}}},
				{Addr: addr("198.18.0.1"), Ports: []zone.Port{{Number: 32768, Known: 5432}}},
			},
		}},
	})
	web := func(id, ip string, state zone.State) zone.Instance {
		return zone.Instance{ID: id, Service: "web.shop", State: state, TTL: time.Minute, Endpoints: []zone.Endpoint{{Addr: addr(ip)}}}
	}
	one, two, ended := web("one", "10.0.0.1", zone.Up), web("two", "fd00::2", zone.Up), web("ended", "10.0.0.3", zone.Up)
	one.Tags, one.Meta = []string{`a b"\@`}, map[string]string{"k": "é\"\\; "}
	two.Lease, ended.Lease = zone.NewLease(int64(30*time.Second)), zone.NewLease(0)
	apply(t, z, zone.Change{Source: "others", Put: []zone.Instance{one, two, ended, web("draining", "10.0.0.4", zone.Draining)}})
	return z
}

func apply(t *testing.T, z *zone.Zone, c zone.Change) {
	t.Helper()
	for _, r := range z.Apply(c).Rejected {
		t.Fatalf("%s: %v", r.ID, r.Err)
	}
}

func options(z *zone.Zone) admin.Options {
	return admin.Options{Zone: z, Clock: func() int64 { return 0 }, NameServer: []netip.Addr{netip.MustParseAddr("192.0.2.53")}}
}

func get(h http.Handler, method, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w
}

// records reads a master file, and fails the test where it cannot be read.
func records(t *testing.T, file string) []dns.RR {
	t.Helper()
	p := dns.NewZoneParser(strings.NewReader(file), "", "")
	var rrs []dns.RR
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		rrs = append(rrs, rr)
	}
	if err := p.Err(); err != nil {
		t.Fatalf("%v in\n%s", err, file)
	}
	return rrs
}

func lines(t *testing.T, file string) string {
	t.Helper()
	var b strings.Builder
	for _, rr := range records(t, file) {
		b.WriteString(strings.Join(strings.Fields(rr.String()), " ") + "\n")
	}
	return b.String()
}

func TestZoneFileIsWhatTheAskerIsAnswered(t *testing.T) {
	tests := []struct{ name, path, want string }{
		{"from outside, the published address and port", "svc.test", `
svc.test. 5 IN SOA ns.dns.svc.test. hostmaster.svc.test. 102 5 5 86400 5
svc.test. 5 IN NS ns.dns.svc.test.
ns.dns.svc.test. 5 IN A 192.0.2.53
_postgresql._tcp.svc.test. 5 IN PTR c\@db._postgresql._tcp.svc.test.
c\@db._postgresql._tcp.svc.test. 5 IN TXT ""
c\@db._postgresql._tcp.svc.test. 5 IN SRV 0 0 32768 c.db.svc.test.
_services._dns-sd._udp.svc.test. 5 IN PTR _postgresql._tcp.svc.test.
b._dns-sd._udp.svc.test. 5 IN PTR svc.test.
db._dns-sd._udp.svc.test. 5 IN PTR svc.test.
lb._dns-sd._udp.svc.test. 5 IN PTR svc.test.
db.svc.test. 5 IN A 198.18.0.1
db.svc.test. 5 IN SRV 0 0 32768 c.db.svc.test.
_5432._tcp.db.svc.test. 5 IN SRV 0 0 32768 c.db.svc.test.
_postgresql._tcp.db.svc.test. 5 IN SRV 0 0 32768 c.db.svc.test.
c.db.svc.test. 5 IN A 198.18.0.1
c.db.svc.test. 5 IN SRV 0 0 32768 c.db.svc.test.
web.shop.svc.test. 60 IN A 10.0.0.1
web.shop.svc.test. 60 IN TXT "k=\195\169\"\\; "
web.shop.svc.test. 30 IN AAAA fd00::2
one.web.shop.svc.test. 60 IN A 10.0.0.1
one.web.shop.svc.test. 60 IN TXT "k=\195\169\"\\; "
a\ b\"\\\@.tag.web.shop.svc.test. 60 IN A 10.0.0.1
two.web.shop.svc.test. 30 IN AAAA fd00::2
`},
		{"a reverse zone", "0.d.f.ip6.arpa", "404"},
		{"the reverse zone around it", "d.f.ip6.arpa", `
d.f.ip6.arpa. 5 IN SOA ns.dns.svc.test. nobody.invalid. 102 5 5 86400 5
d.f.ip6.arpa. 5 IN NS ns.dns.svc.test.
2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa. 30 IN PTR two.web.shop.svc.test.
`},
		{"an address that is a zone of its own", "1.0.18.198.in-addr.arpa.", `
1.0.18.198.in-addr.arpa. 5 IN SOA ns.dns.svc.test. nobody.invalid. 102 5 5 86400 5
1.0.18.198.in-addr.arpa. 5 IN NS ns.dns.svc.test.
1.0.18.198.in-addr.arpa. 5 IN PTR c.db.svc.test.
`},
	}
	h := admin.Handler(options(world(t)), nil)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := get(h, "GET", "/v1/zones/"+tt.path)
			if tt.want == "404" {
				if w.Code != http.StatusNotFound {
					t.Errorf("got %d, want 404", w.Code)
				}
				return
			}
			if got := w.Header().Get("Content-Type"); got != "text/dns" {
				t.Errorf("Content-Type %q, want text/dns", got)
			}
			if diff := cmp.Diff(strings.TrimPrefix(tt.want, "\n"), lines(t, w.Body.String())); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestZoneFileFromANetworkHasItsAddresses(t *testing.T) {
	h := admin.Handler(options(world(t)), nil)
	got := lines(t, get(h, "GET", "/v1/zones/svc.test?from=172.18.0.9").Body.String())
	if !strings.Contains(got, "\nc.db.svc.test. 5 IN A 172.18.0.2\n") || strings.Contains(got, "198.18.0.1\n") {
		t.Errorf("an asker on the network is shown\n%s", got)
	}
}

func TestZoneFileOfEachDomainHasTheSameContent(t *testing.T) {
	h := admin.Handler(options(world(t)), nil)
	first := lines(t, get(h, "GET", "/v1/zones/svc.test").Body.String())
	other := lines(t, get(h, "GET", "/v1/zones/OTHER.test").Body.String())
	if diff := cmp.Diff(strings.ReplaceAll(first, "svc.test.", "other.test."), other); diff != "" {
		t.Errorf("the other domain differs (-first +other):\n%s", diff)
	}
}

// A set may be longer than any message.
func TestZoneFileHoldsAllOfALargeService(t *testing.T) {
	z := world(t)
	const members = 5000
	c := zone.Change{Source: "large"}
	for i := range members {
		ip := netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)})
		c.Put = append(c.Put, zone.Instance{ID: fmt.Sprint(i), Service: "large", State: zone.Up, Endpoints: []zone.Endpoint{{Addr: ip}}})
	}
	apply(t, z, c)
	w := get(admin.Handler(options(z), nil), "GET", "/v1/zones/svc.test")
	if n := strings.Count(w.Body.String(), "\nlarge.svc.test.\t"); n != members {
		t.Errorf("%d addresses of %d", n, members)
	}
}

func TestRequestsThatShowNoZone(t *testing.T) {
	z := world(t)
	next := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusTeapot) })
	h := admin.Handler(options(z), next)
	starting := options(z)
	starting.Waiting = func() []string { return []string{"docker"} }
	tests := []struct {
		name, method, path string
		h                  http.Handler
		status             int
	}{
		{"a name inside a zone", "GET", "/v1/zones/db.svc.test", h, 404},
		{"a name in no zone", "GET", "/v1/zones/example.org", h, 404},
		{"no name at all", "GET", "/v1/zones/a..b", h, 404},
		{"an asker that is no address", "GET", "/v1/zones/svc.test?from=me", h, 400},
		{"another method", "PUT", "/v1/zones/svc.test", h, 405},
		{"before the sources have reported", "GET", "/v1/zones/svc.test", admin.Handler(starting, nil), 503},
		{"another path", "GET", "/v1/services", h, 418},
		{"a path below", "GET", "/v1/zones/svc.test/x", h, 418},
		{"a path without a name", "GET", "/v1/zones/", h, 418},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := get(tt.h, tt.method, tt.path)
			if w.Code != tt.status {
				t.Errorf("%s %s: %d %s, want %d", tt.method, tt.path, w.Code, w.Body, tt.status)
			}
			if w.Code != 418 && w.Header().Get("Content-Type") != "application/problem+json" {
				t.Errorf("a refusal is %q", w.Header().Get("Content-Type"))
			}
		})
	}
}

// slow is a client that reads nothing until it is let go.
type slow struct {
	*httptest.ResponseRecorder
	began, release chan struct{}
}

func (s slow) Write(b []byte) (int, error) {
	close(s.began)
	<-s.release
	return s.ResponseRecorder.Write(b)
}

func TestOneZoneIsWrittenAtATime(t *testing.T) {
	z := world(t)
	synctest.Test(t, func(t *testing.T) {
		h := admin.Handler(options(z), nil)
		s := slow{httptest.NewRecorder(), make(chan struct{}), make(chan struct{})}
		go h.ServeHTTP(s, httptest.NewRequest("GET", "/v1/zones/svc.test", nil))
		<-s.began
		w := get(h, "GET", "/v1/zones/svc.test")
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
			t.Errorf("a second one: %d, Retry-After %q", w.Code, w.Header().Get("Retry-After"))
		}
		close(s.release)
		synctest.Wait()
		if w := get(h, "GET", "/v1/zones/svc.test"); w.Code != http.StatusOK {
			t.Errorf("afterwards: %d", w.Code)
		}
	})
}
