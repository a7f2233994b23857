package selfreg

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"iter"
	"net/http"
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
func (a *api) find(r *request) (snap *zone.Snapshot, items []item, next string, p *problem) {
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

func (a *api) listAll(w http.ResponseWriter, r *request) *problem {
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

func (a *api) listService(w http.ResponseWriter, r *request) *problem {
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
func (a *api) getInstance(w http.ResponseWriter, r *request) *problem {
	service, id := key(r)
	snap := a.opt.Zone.Snapshot()
	for name := range a.sourcesAsked(r) {
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

// sourcesAsked gives the names of sources in the order of getInstance. It asks for
// their status, which costs more than an instance, only when it comes to that.
func (a *api) sourcesAsked(r *request) iter.Seq[string] {
	return func(yield func(string) bool) {
		if only := r.URL.Query().Get("source"); only != "" {
			yield(only)
			return
		}
		if !yield(Name) {
			return
		}
		for _, st := range a.health.Status() {
			if !yield(st.Name) {
				return
			}
		}
	}
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
