//go:build conformance

package differential

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/miekg/dns"

	"github.com/rollcall-dns/rollcall/integration/internal/rollcall"
)

const domain = "svc.test."

// identity is what every server calls itself (RFC 5001, RFC 4892).
const identity = "differ"

// client is that of rollcall's HTTP interface.
type client struct {
	testing.TB
	base string
}

// startRollcall builds the program as it is shipped and starts it with a file of
// static records.
func startRollcall(t *testing.T, static string) (*server, *client) {
	t.Helper()
	dir := t.TempDir()
	if err := rollcall.Build(dir); err != nil {
		t.Fatal(err)
	}
	s, err := rollcall.Start(exec.Command(filepath.Join(dir, "rollcall"), "serve", "--docker", "off", "--domain", domain,
		"--dns", "127.0.0.1:0", "--http", "127.0.0.1:0", "--advertise", "127.0.0.1", "--nsid", identity, "--static", static))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := s.Stop(syscall.SIGTERM); err != nil {
			t.Errorf("rollcall ended badly: %v\n%s", err, s.Log())
		}
	})
	if err := s.WaitReady(); err != nil {
		t.Fatal(err)
	}
	return &server{"rollcall", s.DNS[0].String()}, &client{t, "http://" + s.HTTP}
}

func (c *client) do(method, path, body string, want ...int) []byte {
	c.Helper()
	req, err := http.NewRequestWithContext(c.Context(), method, c.base+path, strings.NewReader(body))
	if err != nil {
		c.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		c.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil || !slices.Contains(want, resp.StatusCode) {
		c.Fatalf("%s %s %s: %s %v\n%s", method, path, body, resp.Status, err, data)
	}
	return data
}

func (c *client) status(path string) int {
	c.Helper()
	resp, err := http.Get(c.base + path)
	if err != nil {
		c.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

func (c *client) register(all []registration) {
	c.Helper()
	for _, r := range all {
		c.do("PUT", "/v1/services/"+r.service+"/instances/"+url.PathEscape(r.id), r.json(), 200, 201)
	}
}

// names lists the names of all instances, also of those that are not answered.
func (c *client) names() (names []string) {
	c.Helper()
	var list struct {
		Services []struct{ Instances []struct{ Names []string } }
		Next     string
	}
	if err := json.Unmarshal(c.do("GET", "/v1/services", "", 200), &list); err != nil {
		c.Fatal(err)
	}
	if list.Next != "" {
		c.Fatal("the listing has more than one page")
	}
	for _, s := range list.Services {
		for _, i := range s.Instances {
			names = append(names, i.Names...)
		}
	}
	return names
}

// zone is one that rollcall exports.
type zone struct {
	apex    string
	file    string // in master file format
	records []dns.RR
}

func (c *client) export(apex string) *zone {
	c.Helper()
	z := &zone{apex: apex, file: string(c.do("GET", "/v1/zones/"+url.PathEscape(apex), "", 200))}
	p := dns.NewZoneParser(strings.NewReader(z.file), "", apex)
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		z.records = append(z.records, rr)
	}
	if err := p.Err(); err != nil {
		c.Fatal(err)
	}
	return z
}

// zonesOf exports the domain, the reverse zones of private addresses, and those of
// the other addresses that are answered.
func (c *client) zonesOf(all []registration) (zones []*zone) {
	apexes := append([]string{domain}, privateZones...)
	for _, name := range reverseNames(c, all) {
		inOne := slices.ContainsFunc(apexes, func(z string) bool { return dns.IsSubDomain(z, name) })
		if !inOne && c.status("/v1/zones/"+name) == http.StatusOK {
			apexes = append(apexes, name)
		}
	}
	for _, a := range apexes {
		zones = append(zones, c.export(a))
	}
	return zones
}

// reverseNames are those of all addresses.
func reverseNames(t testing.TB, all []registration) (names []string) {
	t.Helper()
	for _, r := range all {
		for _, a := range r.addresses() {
			name, err := dns.ReverseAddr(a.String())
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, name)
		}
	}
	return names
}

// privateZones are those of RFC 6303 and RFC 7793 that rollcall serves.
var privateZones = func() []string {
	zones := []string{
		"0.in-addr.arpa.", "10.in-addr.arpa.", "127.in-addr.arpa.", "254.169.in-addr.arpa.", "168.192.in-addr.arpa.",
		"2.0.192.in-addr.arpa.", "100.51.198.in-addr.arpa.", "113.0.203.in-addr.arpa.", "255.255.255.255.in-addr.arpa.",
		strings.Repeat("0.", 32) + "ip6.arpa.", "1." + strings.Repeat("0.", 31) + "ip6.arpa.",
		"d.f.ip6.arpa.", "8.e.f.ip6.arpa.", "9.e.f.ip6.arpa.", "a.e.f.ip6.arpa.", "b.e.f.ip6.arpa.", "8.b.d.0.1.0.0.2.ip6.arpa.",
	}
	for i := 16; i < 32; i++ {
		zones = append(zones, fmt.Sprintf("%d.172.in-addr.arpa.", i))
	}
	for i := 64; i < 128; i++ {
		zones = append(zones, fmt.Sprintf("%d.100.in-addr.arpa.", i))
	}
	return zones
}()
