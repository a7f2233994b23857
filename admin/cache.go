package admin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rollcall-dns/rollcall/dnsserver/cache"
	"github.com/rollcall-dns/rollcall/zone"
)

const cachePath = "/v1/cache"

// maxEntries is how many answers of a cache are shown at most.
const maxEntries = 1000

// cacheStats, cacheEntry and cacheEntries are what is told about a cache.
type cacheStats struct {
	Answers int    `json:"answers"`
	Bytes   int    `json:"bytes"`
	Limit   int    `json:"limit"`
	Hits    uint64 `json:"hits"`
	Misses  uint64 `json:"misses"`
	Stale   uint64 `json:"stale"`
	Renewed uint64 `json:"renewed"`
	Evicted uint64 `json:"evicted"`
}

type cacheEntry struct {
	Name      string   `json:"name"`
	Type      string   `json:"type"`
	Code      string   `json:"code"`
	DNSSEC    bool     `json:"dnssec,omitempty"`
	Unchecked bool     `json:"unchecked,omitempty"`
	Left      string   `json:"left"` // negative: since its end
	Records   []string `json:"records"`
}

type cacheEntries struct {
	Answers []cacheEntry `json:"answers"`
	More    bool         `json:"more,omitempty"` // there are more than are shown
}

// cacheNames are those that a request is about.
type cacheNames struct {
	name  zone.Name // "": none is given
	below bool
}

// serveCache tells what is remembered, or has it forgotten.
func (h *handler) serveCache(w http.ResponseWriter, r *http.Request) {
	n, err := cacheNamesOf(r.URL.Query())
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodDelete:
		notAllowed("GET, HEAD, DELETE").write(w)
	case h.Cache == nil:
		refusal(http.StatusNotFound, "this server remembers nothing of names of others").write(w)
	case err != nil:
		refusal(http.StatusBadRequest, err.Error()).write(w)
	case r.Method == http.MethodDelete && n.name == "":
		writeJSON(w, map[string]int{"removed": h.Cache.Flush(zone.Root, true)})
	case r.Method == http.MethodDelete:
		writeJSON(w, map[string]int{"removed": h.Cache.Flush(n.name, n.below)})
	case n.name == "":
		writeJSON(w, cacheStats(h.Cache.Stats()))
	default:
		writeJSON(w, entriesOf(h.Cache.Entries(n.name, n.below, maxEntries+1)))
	}
}

// cacheNamesOf reads "?name=NAME&below=true". What it does not know is an error, because
// without a name all is forgotten.
func cacheNamesOf(q url.Values) (n cacheNames, err error) {
	for key, values := range q {
		switch {
		case len(values) != 1:
			return n, fmt.Errorf("%s must be given once", key)
		case key == "name":
			if n.name, err = zone.ParseName(values[0]); err != nil {
				return n, fmt.Errorf("name %q is no domain name", values[0])
			}
		case key == "below":
			if n.below, err = strconv.ParseBool(values[0]); err != nil {
				return n, fmt.Errorf("below must be true or false, not %q", values[0])
			}
		default:
			return n, fmt.Errorf("%q is neither name nor below", key)
		}
	}
	if n.below && n.name == "" {
		return n, fmt.Errorf("below must come with a name")
	}
	return n, nil
}

func entriesOf(list []cache.Entry) cacheEntries {
	slices.SortFunc(list, func(a, b cache.Entry) int {
		return strings.Compare(a.Name+" "+a.Type, b.Name+" "+b.Type)
	})
	out := cacheEntries{Answers: []cacheEntry{}, More: len(list) > maxEntries}
	for _, e := range list[:min(len(list), maxEntries)] {
		out.Answers = append(out.Answers, cacheEntry{
			Name: e.Name, Type: e.Type, Code: e.Rcode, DNSSEC: e.DO, Unchecked: e.CD,
			Left: e.Left.Truncate(time.Second).String(), Records: e.Records,
		})
	}
	return out
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.Encode(v) // who does not read it has gone
}
