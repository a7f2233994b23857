package admin

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/rollcall-dns/rollcall/dnsserver/cache"
	"github.com/rollcall-dns/rollcall/sources"
	"github.com/rollcall-dns/rollcall/zone"
)

// Snapshots gives the newest state of a zone: a *zone.Zone does.
type Snapshots interface {
	Snapshot() *zone.Snapshot
}

// Options are what the interface shows.
type Options struct {
	Zone Snapshots
	// Clock gives monotonic nanoseconds, of the clock behind the leases.
	Clock func() int64
	// NameServer holds the addresses at which DNS is answered. A server answers
	// for its own name with the address that was asked; in a file these stand.
	NameServer []netip.Addr
	// Waiting names what the server waits for before it can answer: there is no
	// zone to show while there is any. Nil waits for nothing.
	Waiting func() []string
	// Sources says how the sources are doing: the method of the Supervisor. Nil
	// tells nothing.
	Sources func() []sources.Status
	// Cache remembers answers about names of others. Nil: nothing is remembered.
	Cache *cache.Cache
	// Parts have metrics of their own.
	Parts []Part
}

type handler struct {
	Options
	next   http.Handler
	scrape http.Handler
	walks  chan struct{} // holds an element while a zone is written
}

// maxWalks bounds the zones written at the same time: each sorts all records.
const maxWalks = 1

// patience is how long a request waits for its turn.
const patience = 5 * time.Second

const metricsPath = "/metrics"

// zonesPath is followed by the name of a zone.
const zonesPath = "/v1/zones/"

// Handler serves the paths of this package, and passes all others on to next.
func Handler(o Options, next http.Handler) http.Handler {
	if o.Waiting == nil {
		o.Waiting = func() []string { return nil }
	}
	return &handler{Options: o, next: next, scrape: o.metrics(), walks: make(chan struct{}, maxWalks)}
}

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, ok := strings.CutPrefix(r.URL.Path, zonesPath)
	switch {
	case r.URL.Path == metricsPath, r.URL.Path == cachePath:
		r.Pattern = r.URL.Path // as a ServeMux would do, for whoever counts requests
	case ok && name != "" && !strings.Contains(name, "/"):
		r.Pattern = zonesPath + "{domain}"
	default:
		h.next.ServeHTTP(w, r)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	if r.Pattern == cachePath {
		h.serveCache(w, r)
	} else if r.Method != http.MethodGet && r.Method != http.MethodHead {
		notAllowed("GET, HEAD").write(w)
	} else if r.Pattern == metricsPath {
		h.scrape.ServeHTTP(w, r)
	} else if p := h.getZone(w, r, name); p != nil {
		p.write(w)
	}
}

// turn waits for one of the few walks through the whole zone.
func (h *handler) turn(ctx context.Context) (done func(), ok bool) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case h.walks <- struct{}{}:
		return func() { <-h.walks }, true
	case <-ctx.Done():
		return nil, false
	}
}

// askerOf reads "?from=ADDRESS": as whom the zone is seen. Without it, as somebody
// who is on no network that a source knows.
func askerOf(r *http.Request) (netip.Addr, error) {
	s := r.URL.Query().Get("from")
	if s == "" {
		return netip.Addr{}, nil
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return a, errors.New("from must be an IPv4 or IPv6 address")
	}
	return a, nil
}
