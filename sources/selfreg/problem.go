package selfreg

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/rollcall-dns/rollcall/sources/lease"
	"github.com/rollcall-dns/rollcall/zone"
)

// problem is an error as clients read it (RFC 9457). Its type is "about:blank",
// which need not be written: the status says what kind of problem it is.
type problem struct {
	Title   string   `json:"title"`
	Status  int      `json:"status"`
	Detail  string   `json:"detail,omitempty"`
	Errors  faults   `json:"errors,omitempty"`  // the fields at fault
	Waiting []string `json:"waiting,omitempty"` // the sources that readiness waits for

	retryAfter int // seconds; 0: not said
}

func newProblem(status int, detail string) *problem {
	return &problem{Title: http.StatusText(status), Status: status, Detail: detail}
}

func badRequest(f faults) *problem {
	p := newProblem(http.StatusBadRequest, "The request breaks the rules of these fields.")
	if f[0].Field == "" {
		p.Detail = "The body cannot be read."
	}
	p.Errors = f
	return p
}

func (p *problem) write(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(p.retryAfter))
	}
	w.WriteHeader(p.Status)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.Encode(p) // who does not read it has gone
}

// problemOf is what a client is told about an error.
func problemOf(err error) *problem {
	switch {
	case errors.Is(err, errUnknown):
		return newProblem(http.StatusNotFound, err.Error())
	case errors.Is(err, zone.ErrFull):
		return unavailable("the server holds as many instances as it may", 30)
	case errors.Is(err, errBusy):
		return unavailable(err.Error(), 1)
	case errors.Is(err, lease.ErrStorage):
		return unavailable("the server cannot keep registrations now: its data directory cannot be written", 5)
	case errors.Is(err, context.Canceled):
		return unavailable("the request was cancelled before it was done", 1)
	}
	return newProblem(http.StatusInternalServerError, err.Error())
}

func unavailable(detail string, retryAfter int) *problem {
	p := newProblem(http.StatusServiceUnavailable, detail)
	p.retryAfter = retryAfter
	return p
}
