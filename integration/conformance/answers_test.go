package conformance

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// get gives the reply to a query, which must be there.
func get(w *wire, query string) (*dns.Msg, int) {
	w.t.Helper()
	reply := w.exchange(w.message(query))
	m := new(dns.Msg)
	if err := m.Unpack(reply); err != nil {
		w.t.Fatalf("ask %s: %v", query, err)
	}
	return m, len(reply)
}

func nameServer(t *testing.T, at place) {
	w := dial(t, at.path)
	typ := "A"
	if at.addr.Addr().Is6() {
		typ = "AAAA"
	}
	address := fmt.Sprintf("ns.dns.svc.test. 5 IN %s %s", typ, at.addr.Addr())
	for _, tt := range []struct{ ask, want string }{
		{"svc.test. NS", "NOERROR aa: svc.test. 5 IN NS ns.dns.svc.test. + " + address},
		{"ns.dns.svc.test. " + typ, "NOERROR aa: " + address},
	} {
		if got := w.ask(tt.ask); got != tt.want {
			t.Errorf("ask %s\n got %s\nwant %s", tt.ask, got, tt.want)
		}
	}
}

func rankedTargets(t *testing.T, at place) {
	w := dial(t, at.path)
	for range 20 {
		m, _ := get(w, "ranks.svc.test. SRV +edns")
		for i, rr := range m.Answer {
			srv := rr.(*dns.SRV)
			if want := uint16(10 + 10*i); srv.Priority != want {
				t.Errorf("SRV record %d has priority %d, want %d", i, srv.Priority, want)
			}
			if want := 6 + len(wireName(srv.Target)); int(srv.Hdr.Rdlength) != want {
				t.Errorf("%v has %d octets of data, want %d: its target is compressed", srv, srv.Hdr.Rdlength, want)
			}
		}
	}
}

// A client that reads from the first record to the last must meet each alias before
// that to which it leads.
func aliasesInOrder(t *testing.T, at place) {
	m, _ := get(dial(t, at.path), "chain.svc.test. A")
	var owners []string
	for _, rr := range m.Answer {
		owners = append(owners, rr.Header().Name)
	}
	if got := strings.Join(owners, " "); got != "chain.svc.test. www.svc.test. web.svc.test." {
		t.Errorf("the answer's owners are %s", got)
	}
}

func addressesLeftOut(t *testing.T, at place) {
	m, size := get(dial(t, at.path), "glue.svc.test. SRV")
	if m.Truncated || len(m.Answer) != 8 || size > minUDPSize {
		t.Errorf("tc %v, %d SRV records in %d octets, want all 8 without TC", m.Truncated, len(m.Answer), size)
	}
	if len(m.Extra) == 0 || len(m.Extra) >= 16 {
		t.Errorf("%d addresses, want some of the 16", len(m.Extra))
	}
}

// Each address of huge.svc.test. takes 16 octets of a reply: a pointer, the fixed
// part and 4 octets.
const oneAddress = 16

func cutAnswers(t *testing.T, at place) {
	w := dial(t, at.path)
	for _, query := range []string{"huge.svc.test. A", "huge.svc.test. A +edns=512", "huge.svc.test. A +edns", "huge.svc.test. A +edns=1000 +do"} {
		m, _ := get(w, query)
		if !m.Truncated || len(m.Answer) == 0 || len(m.Answer) >= 100 {
			t.Errorf("ask %s: tc %v with %d records, want TC and some of the 100", query, m.Truncated, len(m.Answer))
		}
		if edns := strings.Contains(query, "+edns"); (m.IsEdns0() != nil) != edns {
			t.Errorf("ask %s: OPT %v", query, m.IsEdns0())
		}
	}
}

func sizes(t *testing.T, at place) {
	w := dial(t, at.path)
	for _, tt := range []struct {
		edns string
		most int
	}{
		{"", 512}, {"+edns=0", 512}, {"+edns=1", 512}, {"+edns=511", 512}, {"+edns=512", 512}, {"+edns=513", 513},
		{"+edns=1000", 1000}, {"+edns=1232", 1232}, {"+edns=1233", 1232}, {"+edns=4096", 1232}, {"+edns=65535", 1232},
	} {
		m, size := get(w, "huge.svc.test. A "+tt.edns)
		if size > tt.most || size+oneAddress <= tt.most || !m.Truncated {
			t.Errorf("with %q: %d octets, tc %v; want as many as fit into %d", tt.edns, size, m.Truncated, tt.most)
		}
	}
}

func shuffled(t *testing.T, at place) {
	w := dial(t, at.path)
	for _, typ := range []string{"A", "AAAA", "SRV"} {
		first := make(map[string]int)
		const times = 600
		for range times {
			m, _ := get(w, "trio.svc.test. "+typ+" +edns")
			if len(m.Answer) != 3 {
				t.Fatalf("%s: %d records, want 3", typ, len(m.Answer))
			}
			first[m.Answer[0].String()]++
		}
		for rr, n := range first {
			if n < times/3-80 || n > times/3+80 { // seven standard deviations
				t.Errorf("%s came first %d times in %d, of three", rr, n, times)
			}
		}
		if len(first) != 3 {
			t.Errorf("%s: %d different records came first, want 3", typ, len(first))
		}
	}
}

func leaseEndsTTL(t *testing.T, at place) {
	w := dial(t, at.path)
	service := "lease-" + at.network
	register(t, at.server, service, "a", `{"addresses": ["10.0.9.1"], "lease": "20s", "ttl": "1h"}`)
	m, _ := get(w, service+".svc.test. A")
	if len(m.Answer) != 1 || m.Answer[0].Header().Ttl > 20 {
		t.Errorf("under a lease of 20 s: %v", m.Answer)
	}
	m, _ = get(w, "slow.svc.test. A") // an hour, under a lease of an hour
	if len(m.Answer) != 1 || m.Answer[0].Header().Ttl > 3600 || m.Answer[0].Header().Ttl < 3000 {
		t.Errorf("with a TTL of an hour: %v", m.Answer)
	}
}

func comesAndGoes(t *testing.T, at place) {
	w := dial(t, at.path)
	service := "gone-" + at.network
	names := []string{service + ".svc.test. A", "_x._tcp." + service + ".svc.test. SRV", "a." + service + ".svc.test. A"}
	for _, step := range []struct {
		method, at, body string
		status           int
		want             string
	}{
		{http.MethodPut, "a", `{"addresses": ["10.0.9.2"], "host": "a", "ports": [{"name": "x", "number": 1}]}`, http.StatusCreated, "NOERROR aa:"},
		{http.MethodPut, "a/state", `{"state": "draining"}`, http.StatusNoContent, "NOERROR aa / soa svc.test. 5"},
		{http.MethodPut, "a/state", `{"state": "up"}`, http.StatusNoContent, "NOERROR aa:"},
		{http.MethodDelete, "a", "", http.StatusNoContent, "NXDOMAIN aa / soa svc.test. 5"},
	} {
		request(t, at.server, step.method, service, step.at, step.body, step.status)
		for _, query := range names {
			if got := w.ask(query); !strings.HasPrefix(got, step.want) {
				t.Errorf("%s %s %s, then ask %s\n got %s\nwant %s…", step.method, step.at, step.body, query, got, step.want)
			}
		}
	}
}
