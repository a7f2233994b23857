package main

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"
)

// httpStats is what an HTTP server has done.
type httpStats struct {
	requests    map[requestKind]uint64
	connections int
}

// requestKind is what requests are counted by: none of it is the client's to choose
// freely, so that there are few.
type requestKind struct{ handler, method, code string }

// requests counts the requests of a handler.
type requests struct {
	next http.Handler

	mu    sync.Mutex // guards count
	count map[requestKind]uint64
}

func countRequests(next http.Handler) *requests {
	return &requests{next: next, count: map[requestKind]uint64{}}
}

// counts gives all counts.
func (c *requests) counts() map[requestKind]uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.count)
}

// methods are counted by name, others together.
var methods = []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPost, http.MethodDelete}

// ServeHTTP implements http.Handler. The handler is told apart by the pattern that it
// leaves in the request.
func (c *requests) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	cw := &codeWriter{ResponseWriter: w}
	c.next.ServeHTTP(cw, r)
	k := requestKind{cmp.Or(r.Pattern, "/"), "other", strconv.Itoa(cmp.Or(cw.code, http.StatusOK))}
	if slices.Contains(methods, r.Method) {
		k.method = r.Method
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count[k]++
}

// codeWriter notes the code of a response.
type codeWriter struct {
	http.ResponseWriter
	code int
}

// WriteHeader implements http.ResponseWriter.
func (w *codeWriter) WriteHeader(code int) {
	if code >= http.StatusOK { // others come before the response
		w.code = code
	}
	w.ResponseWriter.WriteHeader(code)
}

// Unwrap is for http.ResponseController.
func (w *codeWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
