package selfreg

import (
	"cmp"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"

	"github.com/rollcall-dns/rollcall/zone"
)

// item is an instance in a listing. Listings are in the order of service, source
// and ID.
type item struct {
	key zone.Key
	in  *zone.Instance
}

func (a item) compare(b item) int {
	return cmp.Or(strings.Compare(a.in.Service, b.in.Service), strings.Compare(a.key.Source, b.key.Source), strings.Compare(a.key.ID, b.key.ID))
}

// cursor says behind which item a listing goes on. Clients give it back as it is.
func (a item) cursor() string {
	return base64.RawURLEncoding.EncodeToString([]byte(a.in.Service + "\x00" + a.key.Source + "\x00" + a.key.ID))
}

func parseCursor(s string) (item, bool) {
	raw, err := base64.RawURLEncoding.DecodeString(s)
	parts := strings.SplitN(string(raw), "\x00", 3)
	if err != nil || len(parts) != 3 {
		return item{}, false
	}
	return item{zone.Key{Source: parts[1], ID: parts[2]}, &zone.Instance{Service: parts[0]}}, true
}

// query says which part of the zone is listed.
type query struct {
	service string // in lower case; "" is all
	after   *item
	limit   int
}

func queryOf(r *request) (query, *problem) {
	q := query{service: strings.ToLower(r.PathValue("service")), limit: maxList}
	var f faults
	params := r.URL.Query()
	if s := params.Get("limit"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > maxList {
			f.add("limit", "must be a whole number from 1 to "+strconv.Itoa(maxList))
		}
		q.limit = n
	}
	if s := params.Get("after"); s != "" {
		after, ok := parseCursor(s)
		if !ok {
			f.add("after", "must be what a listing gave as next")
		}
		q.after = &after
	}
	if len(f) > 0 {
		return q, badRequest(f)
	}
	return q, nil
}

// wants reports whether an instance of the service is in the listing.
func (q *query) wants(it item) bool {
	return q.after == nil || it.compare(*q.after) > 0
}

// isOf reports whether an instance answers to the name of a service.
func isOf(in *zone.Instance, service string) bool {
	return strings.EqualFold(in.Service, service) ||
		slices.ContainsFunc(in.Aliases, func(alias string) bool { return strings.EqualFold(alias, service) })
}

// selectItems gives the first items of a listing, in order, and whether there are
// more. It holds no more than twice of what it gives.
func (s *Source) selectItems(snap *zone.Snapshot, q *query) (items []item, more bool) {
	keep := func() {
		slices.SortFunc(items, item.compare)
		if len(items) > q.limit+1 {
			clear(items[q.limit+1:])
			items = items[:q.limit+1]
		}
	}
	all := snap.Instances()
	if q.service != "" {
		all = snap.Service(q.service)
	}
	for k, in := range all {
		if it := (item{k, in}); q.wants(it) && !s.ended(in) {
			if items = append(items, it); len(items) > 2*q.limit+1 {
				keep()
			}
		}
	}
	keep()
	if len(items) > q.limit {
		return items[:q.limit], true
	}
	return items, false
}
