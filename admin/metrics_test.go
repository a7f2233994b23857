package admin_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/rollcall-dns/rollcall/admin"
	"github.com/rollcall-dns/rollcall/sources"
	"github.com/rollcall-dns/rollcall/zone"
)

// scrape gives the value of one sample.
func scrape(t *testing.T, h http.Handler, sample string) string {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("GET /metrics: %d %s", w.Code, w.Body)
	}
	for line := range strings.Lines(w.Body.String()) {
		if v, ok := strings.CutPrefix(line, sample+" "); ok {
			return strings.TrimSpace(v)
		}
	}
	return "none"
}

func TestScrapesDuringChurnAreOfOneMoment(t *testing.T) {
	z := world(t)
	var done atomic.Uint64
	o := options(z)
	o.Sources = func() []sources.Status { return []sources.Status{{Name: "churn", Runs: 3}} }
	o.Parts = []admin.Part{admin.PartOf(done.Load, []admin.Metric[uint64]{{
		Name: "rollcall_test_changes_total", Kind: admin.Counter, Help: "Changes.",
		Samples: admin.Value(func(n uint64) uint64 { return n }),
	}})}
	h := admin.Handler(o, http.NotFoundHandler())
	var all sync.WaitGroup
	over := make(chan struct{})
	all.Go(func() {
		states := []zone.State{zone.Up, zone.Draining}
		for i := 0; ; i++ {
			select {
			case <-over:
				return
			default:
			}
			in := zone.Instance{ID: fmt.Sprint(i % 10), Service: "churn", State: states[i/10%2]}
			z.Apply(zone.Change{Source: "churn", Put: []zone.Instance{in}})
			done.Add(1)
		}
	})
	for range 3 { // as many as may scrape at the same time, with that below
		all.Go(func() {
			for range 100 {
				scrape(t, h, "rollcall_zone_serial")
			}
		})
	}
	last := 0.0
	for range 100 {
		n, err := strconv.ParseFloat(scrape(t, h, "rollcall_test_changes_total"), 64)
		if err != nil || n < last {
			t.Errorf("a counter has gone from %v to %v, %v", last, n, err)
		}
		last = n
	}
	close(over)
	all.Wait()
	up := scrape(t, h, `rollcall_zone_instances{source="churn",state="up"}`)
	draining := scrape(t, h, `rollcall_zone_instances{source="churn",state="draining"}`)
	var want [2]int
	for k, in := range z.Snapshot().Instances() {
		if k.Source == "churn" && in.State == zone.Up {
			want[0]++
		} else if k.Source == "churn" {
			want[1]++
		}
	}
	if up != fmt.Sprint(want[0]) || draining != fmt.Sprint(want[1]) {
		t.Errorf("%s are up and %s draining, want %v", up, draining, want)
	}
	if got := scrape(t, h, `rollcall_source_restarts_total{source="churn"}`); got != "2" {
		t.Errorf("%s restarts of a source in its third run, want 2", got)
	}
}

func TestMetricsAreReadAlone(t *testing.T) {
	h := admin.Handler(options(world(t)), http.NotFoundHandler())
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/metrics", nil))
	if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: %d, Allow %q", w.Code, w.Header().Get("Allow"))
	}
}
