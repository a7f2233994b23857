package admin

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// problem is an error as clients read it (RFC 9457).
type problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`

	header [2]string // one more header; "" is none
}

func refusal(status int, detail string) *problem {
	return &problem{Title: http.StatusText(status), Status: status, Detail: detail}
}

func notAllowed(methods string) *problem {
	return refusal(http.StatusMethodNotAllowed, "allowed here: "+methods).with("Allow", methods)
}

func (p *problem) with(header, value string) *problem {
	p.header = [2]string{header, value}
	return p
}

func unavailable(detail string, retryAfter time.Duration) *problem {
	return refusal(http.StatusServiceUnavailable, detail).with("Retry-After", strconv.Itoa(int(retryAfter.Seconds())))
}

func (p *problem) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/problem+json")
	if p.header[0] != "" {
		w.Header().Set(p.header[0], p.header[1])
	}
	w.WriteHeader(p.Status)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.Encode(p) // who does not read it has gone
}
