package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollcall-dns/rollcall/dnsserver/upstream"
)

// scrape gives the lines of GET /metrics that are ours.
func scrape(t *testing.T, s *server) []string {
	t.Helper()
	resp, err := http.Get(s.url("/metrics"))
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s, %v\n%s", resp.Status, err, text)
	}
	return slices.DeleteFunc(strings.Split(string(text), "\n"), func(l string) bool { return !strings.Contains(l, "rollcall_") })
}

// value is that of one sample, given as it stands before the space.
func value(lines []string, sample string) string {
	for _, l := range lines {
		if v, ok := strings.CutPrefix(l, sample+" "); ok {
			return v
		}
	}
	return "none"
}

func TestMetricsAreThoseThatAreDocumented(t *testing.T) {
	cfg := testConfig()
	cfg.Upstreams = []upstream.Addr{addr("127.0.0.1:9")} // nobody is there
	s, _ := startServer(t, cfg)
	scrape(t, s) // requests are counted when they have been answered
	var exported []string
	label := regexp.MustCompile(`([a-z]+)="`)
	help := ""
	for _, l := range scrape(t, s) {
		f := strings.SplitN(l, " ", 4)
		switch {
		case f[1] == "HELP":
			help = f[3]
		case f[1] == "TYPE":
			exported = append(exported, fmt.Sprintf("| `%s` | %s | ", f[2], f[3]))
		case strings.HasSuffix(exported[len(exported)-1], "| "): // the first sample
			var labels []string
			for _, m := range label.FindAllStringSubmatch(l, -1) {
				labels = append(labels, m[1])
			}
			exported[len(exported)-1] += fmt.Sprintf("%s | %s |", strings.Join(labels, ", "), help)
		}
	}
	text, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := regexp.MustCompile("(?m)^\\| `rollcall_.*\\|$").FindAllString(string(text), -1)
	documented = slices.DeleteFunc(documented, func(l string) bool { return strings.Count(l, "|") != 5 })
	slices.Sort(exported)
	if diff := cmp.Diff(exported, documented); diff != "" {
		t.Errorf("exported (-) and documented (+), in order of their names:\n%s\nthe list would be\n%s", diff, strings.Join(exported, "\n"))
	}
}

func TestMetricsTellWhatHasBeenDone(t *testing.T) {
	s, _ := startServer(t, testConfig())
	register(t, s, "web/instances/one", "192.0.2.1")
	if _, _, code := runLookup(t, "--server", s.dnsAddr().String(), "web"); code != exitOK {
		t.Fatalf("lookup: exit code %d", code)
	}
	if _, _, code := runLookup(t, "--server", s.dnsAddr().String(), "nope"); code == exitOK {
		t.Fatal("lookup of a name that does not exist: exit code 0")
	}
	beatTwice(t, s)
	lines := scrape(t, s)
	for sample, want := range map[string]string{
		`rollcall_ready`: "1",
		`rollcall_build_info{goversion="` + buildOf().goVersion + `",version="dev"}`: "1",
		`rollcall_zone_instances{source="selfreg",state="up"}`:                       "1",
		`rollcall_zone_instances{source="selfreg",state="down"}`:                     "0",
		`rollcall_source_synced{source="selfreg"}`:                                   "1",
		`rollcall_source_restarts_total{source="selfreg"}`:                           "0",
		`rollcall_leases`:               "1",
		`rollcall_leases_granted_total`: "1",
		`rollcall_leases_renewed_total`: "2",
		`rollcall_http_requests_total{code="204",handler="/v1/services/{service}/instances/{id}/heartbeat",method="PUT"}`: "2",
		`rollcall_http_requests_total{code="201",handler="/v1/services/{service}/instances/{id}",method="PUT"}`:           "1",
	} {
		if got := value(lines, sample); got != want {
			t.Errorf("%s is %s, want %s", sample, got, want)
		}
	}
	if got, err := strconv.ParseFloat(value(lines, "rollcall_zone_serial"), 64); err != nil || uint32(got) != s.zone.Snapshot().Serial() {
		t.Errorf("the serial is %v, %v, want %d", got, err, s.zone.Snapshot().Serial())
	}
	for _, sample := range []string{`rollcall_dns_queries_total{transport="udp"}`, `rollcall_dns_replies_total{rcode="NXDOMAIN"}`} {
		if got := value(lines, sample); got == "none" || got == "0" {
			t.Errorf("%s is %s, want more than 0", sample, got)
		}
	}
}
