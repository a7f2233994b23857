package resolver

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// unboundConf is a resolver that knows a zone, and nobody to ask for others.
const unboundConf = `
server:
  interface: 127.0.0.1@PORT
  port: PORT
  username: ""
  chroot: ""
  directory: "DIR"
  pidfile: ""
  use-syslog: no
  logfile: ""
  do-daemonize: no
  do-not-query-localhost: no
  access-control: 127.0.0.0/8 allow
  local-zone: "corp.example." static
  local-data: "corp.example. SOA ns.corp.example. nobody.invalid. 1 2 3 4 5"
  local-data: "www.corp.example. A 192.0.2.80"
  local-data: "_http._tcp.corp.example. SRV 1 2 80 www.corp.example."
  local-zone: "." static
  local-data: ". SOA ns.invalid. nobody.invalid. 1 2 3 4 5"
remote-control:
  control-enable: no
`

const knotConf = `
server:
  rundir: DIR
  listen: 127.0.0.1@PORT
  user: root
database:
  storage: DIR
mod-cookies:
  - id: strict
    badcookie-slip: 1
zone:
  - domain: corp.example
    storage: DIR
    file: zone
`

// knotZone has an answer that does not fit a datagram, and an alias.
var knotZone = `corp.example. 60 IN SOA ns.corp.example. nobody.invalid. 1 2 3 4 5
corp.example. 60 IN NS ns.corp.example.
ns.corp.example. 60 IN A 127.0.0.1
www.corp.example. 60 IN A 192.0.2.80
alias.corp.example. 60 IN CNAME www.corp.example.
_http._tcp.corp.example. 60 IN SRV 1 2 80 www.corp.example.
` + many()

func many() string {
	var b strings.Builder
	for i := range 200 {
		fmt.Fprintf(&b, "many.corp.example. 60 IN A 198.51.100.%d\n", i)
	}
	return b.String()
}

// startKnot starts one whose zone has more settings.
func startKnot(t *testing.T, more string) *peer {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "zone"), knotZone)
	return start(t, "knotd", strings.ReplaceAll(knotConf, "storage: DIR", "storage: "+dir)+more, "-c", "DIR/conf")
}

func TestOtherPeoplesServers(t *testing.T) {
	dnsmasq := startDnsmasq(t, "host-record=www.corp.example,192.0.2.80", "srv-host=_http._tcp.corp.example,www.corp.example,80,1,2", "address=/corp.example/")
	unbound := start(t, "unbound", unboundConf, "-d", "-c", "DIR/conf")
	knot := startKnot(t, "")
	for _, tt := range []struct{ name, flag, value string }{
		{"dnsmasq", "--upstream", dnsmasq.at.String()},
		{"unbound", "--upstream", unbound.at.String()},
		{"knotd", "--route", "corp.example=" + knot.at.String()},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t, tt.flag, tt.value)
			expect(t, "an address", ask(t, s.DNS[0], "www.corp.example. A"), "NOERROR ra | www.corp.example. A 192.0.2.80")
			expect(t, "no data", ask(t, s.DNS[0], "www.corp.example. AAAA"), "NOERROR ra")
			expect(t, "a service", ask(t, s.DNS[0], "_http._tcp.corp.example. SRV"), "NOERROR ra | _http._tcp.corp.example. SRV 1 2 80 www.corp.example.")
			expect(t, "no name", ask(t, s.DNS[0], "nope.corp.example. A"), "NXDOMAIN ra")
		})
	}
	s := serve(t, "--route", "corp.example="+knot.at.String())
	expect(t, "an alias", ask(t, s.DNS[0], "alias.corp.example. A"), "NOERROR ra | alias.corp.example. CNAME www.corp.example. | www.corp.example. A 192.0.2.80")
	if in, err := exchange(s.DNS[0], "many.corp.example. A", 5*time.Second); err != nil || len(in.Answer) != 200 {
		t.Errorf("what goes over TCP alone: %v, %v", in, err)
	}
	expect(t, "beside the route", ask(t, s.DNS[0], "www.example. A"), "REFUSED ra ede=20")
}

// Private addresses are removed for those who want it, and by us: also from what is remembered.
func TestPrivateAddressesOfPublicNames(t *testing.T) {
	dnsmasq := startDnsmasq(t, "host-record=www.corp.example,192.0.2.80", "host-record=www.corp.example,10.0.0.80",
		"host-record=nas.corp.example,10.0.0.81", "local-ttl=60").at.String()
	s := serve(t, "--upstream", dnsmasq, "--rebind-protection")
	for _, when := range []string{"at first", "as remembered"} {
		expect(t, when, ask(t, s.DNS[0], "www.corp.example. A"), "NOERROR ra | www.corp.example. A 192.0.2.80 ede=15")
	}
	if n := metric(t, s, "rollcall_forward_blocked_total"); n != 1 {
		t.Errorf("removed from %v answers of others, want 1", n)
	}
	s = serve(t, "--route", "corp.example="+dnsmasq, "--rebind-protection")
	expect(t, "of a route", ask(t, s.DNS[0], "nas.corp.example. A"), "NOERROR ra | nas.corp.example. A 10.0.0.81")
}

// A server that sends those who have a cookie away until they have its own is asked over UDP like any other.
func TestServerThatWantsItsCookie(t *testing.T) {
	knot := startKnot(t, "    module: mod-cookies/strict\n")
	stranger := new(dns.Msg).SetQuestion("www.corp.example.", dns.TypeA)
	stranger.SetEdns0(1232, false)
	stranger.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0102030405060708"}}
	if in, err := dns.Exchange(stranger, knot.at.String()); err != nil || in.Rcode != dns.RcodeBadCookie {
		t.Fatalf("it takes us without its cookie: %v, %v", in, err)
	}
	s := serve(t, "--route", "corp.example="+knot.at.String(), "--cache-size", "0")
	for range 3 {
		expect(t, "an address", ask(t, s.DNS[0], "www.corp.example. A"), "NOERROR ra | www.corp.example. A 192.0.2.80")
	}
	if n := metric(t, s, "rollcall_upstream_stream_queries_total"); n > 0 {
		t.Errorf("asked %v times over TCP", n)
	}
}

// The names that must not leave are asked for, of every kind; what the upstream was asked
// is in its log.
func TestWhatIsOursNeverLeaves(t *testing.T) {
	up := startDnsmasq(t, "address=/#/192.0.2.80") // answers everything
	s := serve(t, "--upstream", up.at.String(), "--route", "left.test="+up.at.String(), "--elsewhere", "onion")
	register(t, s.HTTP, "down", `{"addresses":["10.0.0.9"],"ports":[{"number":80}],"lease":"10m","state":"down"}`)
	for _, tt := range []struct{ ask, want string }{
		{"down.svc.internal. A", "NOERROR aa ra"}, // down, but known
		{"down.svc.internal. SRV", "NOERROR aa ra"},
		{"nope.svc.internal. A", "NXDOMAIN aa ra"},
		{"svc.internal. DS", "NOERROR aa ra"},
		{"svc.internal. TYPE65280", "NOERROR aa ra"},
		{"svc.internal. CAA", "NOERROR aa ra"},
		{"x.svc.internal. DS", "NXDOMAIN aa ra"},
		{"9.0.0.10.in-addr.arpa. PTR", "NOERROR aa ra"},
		{"8.0.0.10.in-addr.arpa. PTR", "NXDOMAIN aa ra"},
		{"1.0.168.192.in-addr.arpa. PTR", "NXDOMAIN aa ra"},
		{"x.localhost. MX", "NOERROR aa ra"},
		{"x.test. A", "NXDOMAIN aa ra"},
		{"x.local. A", "NXDOMAIN aa ra"},
		{"x.onion. A", "REFUSED ra ede=20"}, // left to others, but nobody is named
		{"x.left.test. A", "NOERROR ra | x.left.test. A 192.0.2.80"},
		{"x.internal. A", "NOERROR ra | x.internal. A 192.0.2.80"}, // the upstream is nearby
		{"www.example. A", "NOERROR ra | www.example. A 192.0.2.80"},
	} {
		expect(t, tt.ask, ask(t, s.DNS[0], tt.ask), tt.want)
	}
	for _, part := range []string{"svc.internal", "arpa", "localhost", " x.test", "local ", "onion"} {
		if lines := up.asked(t, part); len(lines) > 0 {
			t.Errorf("the upstream was asked for %s: %v", part, lines)
		}
	}
	if len(up.asked(t, "www.example")) == 0 {
		t.Error("the log of the upstream says nothing")
	}
}

func register(t *testing.T, at, service, body string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPut, "http://"+at+"/v1/services/"+service+"/instances/one", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		t.Fatalf("register %s: %s", service, resp.Status)
	}
}

// A file has no ports: its servers are at addresses of the loopback network.
func TestResolvConfIsFollowed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "resolv.conf")
	s := serve(t, "--upstream", path)
	expect(t, "no file", ask(t, s.DNS[0], "www.example. A"), "SERVFAIL ra ede=22")
	write(t, path, "search example\nnameserver 192.0.2.1\noptions ndots:5\n")
	eventually(t, func() bool { return strings.Contains(s.Log(), "servers=192.0.2.1") })
	write(t, path+"~", "nameserver 127.0.0.9\nnameserver 127.0.0.10\n")
	if err := os.Rename(path+"~", path); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return strings.Contains(s.Log(), `servers="127.0.0.9 127.0.0.10"`) })
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return strings.Count(s.Log(), "there is no server to ask") >= 2 })
	expect(t, "no file again", ask(t, s.DNS[0], "nope.svc.internal. A"), "NXDOMAIN aa ra")
}
