package selfreg

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rollcall-dns/rollcall/zone"
)

// The bounds of listings: instances in one answer, and walks through the zone at
// the same time.
const (
	maxList  = 10_000
	maxWalks = 2
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

func queryOf(r *http.Request) (query, *problem) {
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

// wants reports whether an instance is in the listing.
func (q *query) wants(it item) bool {
	if q.after != nil && it.compare(*q.after) <= 0 {
		return false
	}
	return q.service == "" || isOf(it.in, q.service)
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
	for k, in := range snap.Instances() {
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

// walk waits for one of the few turns to go through the whole zone.
func (s *Source) walk(ctx context.Context) (done func(), ok bool) {
	t := time.NewTimer(patience)
	defer t.Stop()
	select {
	case s.walks <- struct{}{}:
		return func() { <-s.walks }, true
	case <-t.C:
	case <-ctx.Done():
	}
	return nil, false
}

// find gives what a listing asks for.
func (a *api) find(r *http.Request) (snap *zone.Snapshot, items []item, next string, p *problem) {
	q, p := queryOf(r)
	if p != nil {
		return nil, nil, "", p
	}
	done, ok := a.walk(r.Context())
	if !ok {
		return nil, nil, "", problemOf(errBusy)
	}
	defer done()
	snap = a.opt.Zone.Snapshot()
	items, more := a.selectItems(snap, &q)
	if more {
		next = items[len(items)-1].cursor()
	}
	if len(items) == 0 && q.service != "" && q.after == nil {
		return nil, nil, "", newProblem(http.StatusNotFound, "no source knows this service")
	}
	return snap, items, next, nil
}

func (a *api) listAll(w http.ResponseWriter, r *http.Request) *problem {
	snap, items, next, p := a.find(r)
	if p != nil {
		return p
	}
	a.stream(w, func(s *stream) {
		if r.URL.Query().Get("after") == "" {
			list := []sourceView{}
			for _, st := range a.health.Status() {
				list = append(list, viewOfSource(&st))
			}
			s.text(`"sources":`)
			s.value(list)
			s.text(",")
		}
		s.text(`"services":[`)
		for i := 0; i < len(items); {
			n := i + 1
			for n < len(items) && items[n].in.Service == items[i].in.Service {
				n++
			}
			if i > 0 {
				s.text(",")
			}
			s.text("{")
			a.service(s, snap, items[i].in.Service, items[i:n])
			s.text("}")
			i = n
		}
		s.text("]")
		s.next(next)
	})
	return nil
}

func (a *api) listService(w http.ResponseWriter, r *http.Request) *problem {
	snap, items, next, p := a.find(r)
	if p != nil {
		return p
	}
	a.stream(w, func(s *stream) {
		a.service(s, snap, strings.ToLower(r.PathValue("service")), items)
		s.next(next)
	})
	return nil
}

func (a *api) service(s *stream, snap *zone.Snapshot, name string, items []item) {
	s.text(`"service":`)
	s.value(name)
	s.text(`,"instances":[`)
	for i, it := range items {
		if i > 0 {
			s.text(",\n")
		}
		s.value(a.viewOf(snap, it.key, it.in))
	}
	s.text("]")
}

// getInstance shows one instance: that of the source named in the query, else the
// one that registered itself, else the first source's that has the ID.
func (a *api) getInstance(w http.ResponseWriter, r *http.Request) *problem {
	service, id := key(r)
	names := []string{Name}
	for _, st := range a.health.Status() {
		names = append(names, st.Name)
	}
	if only := r.URL.Query().Get("source"); only != "" {
		names = []string{only}
	}
	snap := a.opt.Zone.Snapshot()
	for _, name := range names {
		k := zone.Key{Source: name, ID: id}
		if name == Name {
			k.ID = idOf(service, id)
		}
		if in, ok := snap.Instance(k); ok && isOf(in, service) && !a.ended(in) {
			writeJSON(w, http.StatusOK, a.viewOf(snap, k, in))
			return nil
		}
	}
	return newProblem(http.StatusNotFound, "no source knows this instance of this service")
}

// stream writes an object bit by bit, so that a long listing is never in memory.
type stream struct {
	w   *bufio.Writer
	buf bytes.Buffer
	enc *json.Encoder // into buf
}

func (a *api) stream(w http.ResponseWriter, body func(*stream)) {
	w.Header().Set("Content-Type", "application/json")
	s := &stream{w: bufio.NewWriterSize(w, 32<<10)}
	s.enc = json.NewEncoder(&s.buf)
	s.enc.SetEscapeHTML(false)
	s.text("{")
	body(s)
	s.text("}\n")
	s.w.Flush() // who does not read it has gone
}

func (s *stream) text(t string) { io.WriteString(s.w, t) }

func (s *stream) value(v any) {
	s.buf.Reset()
	s.enc.Encode(v)
	s.w.Write(bytes.TrimSuffix(s.buf.Bytes(), []byte("\n")))
}

func (s *stream) next(cursor string) {
	if cursor != "" {
		s.text(`,"next":`)
		s.value(cursor)
	}
}
