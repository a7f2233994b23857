package selfreg

import (
	"encoding/json"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/rollcall-dns/rollcall/sources"
	"github.com/rollcall-dns/rollcall/zone"
)

// Health is what the interface tells of the program around it. Functions that are
// nil tell nothing.
type Health struct {
	// Waiting names what the server waits for before it can answer: not ready
	// while there is any. It is usually the method of the Supervisor.
	Waiting func() []string
	// Status is that of all sources, likewise.
	Status func() []sources.Status
	// Checks gives what came last of the checks of an instance, in their order.
	Checks func(zone.Key) []sources.CheckResult
}

// api serves the HTTP interface.
type api struct {
	*Source
	health Health
}

// The patterns of an instance's paths.
const (
	instance         = "/v1/services/{service}/instances/{id}"
	HeartbeatPattern = instance + "/heartbeat"
)

// Handler serves the HTTP interface of this source and of all others.
func (s *Source) Handler(h Health) http.Handler {
	if h.Waiting == nil {
		h.Waiting = func() []string { return nil }
	}
	if h.Status == nil {
		h.Status = func() []sources.Status { return nil }
	}
	a := &api{s, h}
	mux := http.NewServeMux()
	mux.Handle("/healthz", methods{http.MethodGet: a.getHealth})
	mux.Handle("/readyz", methods{http.MethodGet: a.getReady})
	mux.Handle("/v1/services", methods{http.MethodGet: a.listAll})
	mux.Handle("/v1/services/{service}", methods{http.MethodGet: a.listService})
	mux.Handle(instance, methods{http.MethodGet: a.getInstance, http.MethodPut: a.putInstance, http.MethodDelete: a.deleteInstance})
	mux.Handle(HeartbeatPattern, methods{http.MethodPut: a.putHeartbeat})
	mux.Handle(instance+"/state", methods{http.MethodPut: a.putState})
	mux.Handle("/v1/heartbeats", methods{http.MethodPut: a.putHeartbeats}.within(maxBeatsBody))
	mux.Handle("/", methods{})
	return cleanly(mux)
}

// cleanly refuses paths that a ServeMux would redirect: who means what such a path
// leads to has to say so, and nobody else is told of another place.
func cleanly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		p := r.URL.EscapedPath()
		if clean := path.Clean("/" + p); p != clean && (p != clean+"/" || clean == "/") {
			newProblem(http.StatusNotFound, `there is nothing at this path: it has to begin with one slash, and no part of it may be empty, "." or ".."`).write(w)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// methods are the handlers of one path. GET also answers HEAD.
type methods map[string]func(http.ResponseWriter, *request) *problem

func (m methods) ServeHTTP(w http.ResponseWriter, r *http.Request) { m.serve(w, r, maxBody) }

// within is m for bodies of up to most octets.
func (m methods) within(most int64) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { m.serve(w, r, most) })
}

func (m methods) serve(w http.ResponseWriter, r *http.Request, most int64) {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	h, ok := m[method]
	if !ok {
		m.refuse(w, r.Method)
		return
	}
	mem := memories.Get().(*memory)
	defer memories.Put(mem)
	body, p := mem.readBody(r, most)
	if p == nil {
		p = h(w, &request{r, mem, body})
	}
	if p != nil {
		p.write(w)
	}
}

func (m methods) refuse(w http.ResponseWriter, method string) {
	if len(m) == 0 {
		newProblem(http.StatusNotFound, "there is nothing at this path").write(w)
		return
	}
	allow := slices.Collect(maps.Keys(m))
	if m[http.MethodGet] != nil {
		allow = append(allow, http.MethodHead)
	}
	slices.Sort(allow)
	w.Header().Set("Allow", strings.Join(allow, ", "))
	newProblem(http.StatusMethodNotAllowed, "allowed here: "+strings.Join(allow, ", ")).write(w)
}

func (a *api) putInstance(w http.ResponseWriter, r *request) *problem {
	service, id := key(r)
	var f faults
	b := parseBody(r.body, &f)
	b.sender = senderOf(r)
	reg := a.registrationOf(idOf(service, id), id, b, &f)
	f.ofTargets(&reg, b.sender)
	if len(f) > 0 {
		return badRequest(f)
	}
	k := zone.Key{Source: Name, ID: reg.in.ID}
	o := a.do(r.Context(), k.ID, senderOf(r), register(&reg))
	if o.err != nil {
		return problemOf(o.err)
	}
	snap := a.opt.Zone.Snapshot()
	in, ok := snap.Instance(k)
	if !ok {
		in = &reg.in // it was removed again meanwhile
	}
	status := http.StatusOK
	if o.created {
		status = http.StatusCreated
	}
	writeJSON(w, status, a.viewOf(snap, k, in))
	return nil
}

func (a *api) putHeartbeat(w http.ResponseWriter, r *request) *problem {
	if !a.leases.Renew([]byte(idOf(key(r))), senderOf(r)) {
		return problemOf(errUnknown)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *api) putState(w http.ResponseWriter, r *request) *problem {
	var f faults
	state := parseState(r.body, &f)
	if len(f) > 0 {
		return badRequest(f)
	}
	return a.change(w, r, a.setState(idOf(key(r)), state))
}

func (a *api) deleteInstance(w http.ResponseWriter, r *request) *problem {
	return a.change(w, r, remove)
}

func (a *api) change(w http.ResponseWriter, r *request, next func(record) *registration) *problem {
	if o := a.do(r.Context(), idOf(key(r)), senderOf(r), next); o.err != nil {
		return problemOf(o.err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *api) getHealth(w http.ResponseWriter, r *request) *problem {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Write([]byte("ok\n"))
	return nil
}

func (a *api) getReady(w http.ResponseWriter, r *request) *problem {
	if waiting := a.health.Waiting(); len(waiting) > 0 {
		p := unavailable("waiting for "+strings.Join(waiting, ", "), 1)
		p.Waiting = waiting
		return p
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Write([]byte("ready\n"))
	return nil
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.Encode(v) // who does not read it has gone
}
