package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// errUnknown is a server that does not know the registration: its lease has ended,
// or the server has been restarted.
var errUnknown = errors.New("the server does not know this registration")

// RefusedError is a server's verdict that the registration is wrong, so that
// trying again is of no use.
type RefusedError struct {
	Status int    // of HTTP, 400 to 499
	Reason string // in the server's words: which field breaks which rule
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("the server refuses it: %d %s: %s", e.Status, http.StatusText(e.Status), e.Reason)
}

// laterError is a failure that may pass.
type laterError struct {
	reason string
	after  time.Duration // no sooner; 0: the server did not say
}

func (e *laterError) Error() string { return e.reason }

// servers speaks to one of several servers. It is used by one goroutine at a time.
type servers struct {
	http  *http.Client
	bases []string // URLs without a slash at the end
	cur   int
}

// parseServers checks the URLs of servers.
func parseServers(list []string) ([]string, error) {
	if len(list) == 0 {
		return nil, errors.New("client: Options.Servers must name at least one server, for example http://127.0.0.1:8054")
	}
	var bases []string
	var errs []error
	for _, s := range list {
		u, err := url.Parse(s)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("client: server %q: %w", s, err))
		case u.Scheme != "http" && u.Scheme != "https", u.Host == "", u.RawQuery != "", u.Fragment != "":
			errs = append(errs, fmt.Errorf("client: server %q must be http://HOST:PORT", s))
		}
		bases = append(bases, strings.TrimSuffix(s, "/"))
	}
	return bases, errors.Join(errs...)
}

func (s *servers) current() string { return s.bases[s.cur] }

// next gives up on a server that could not be reached.
func (s *servers) next() { s.cur = (s.cur + 1) % len(s.bases) }

// do sends one request to the current server. A nil error is a 2xx.
func (s *servers) do(ctx context.Context, method, path string, body []byte) error {
	return s.doAt(ctx, s.current(), method, path, body)
}

func (s *servers) doAt(ctx context.Context, base, method, path string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, method, base+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	if len(body) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return err // it names method and URL
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10)) // read, so that the connection is kept
	if resp.StatusCode/100 == 2 {
		return nil
	}
	return fmt.Errorf("%s %s: %w", method, base+path, failureOf(resp, text))
}

// failureOf tells apart what a status means for a client.
func failureOf(resp *http.Response, body []byte) error {
	reason := reasonOf(resp, body)
	switch code := resp.StatusCode; {
	case code == http.StatusNotFound:
		return errUnknown
	case code == http.StatusRequestTimeout, code == http.StatusTooManyRequests,
		code == http.StatusUnauthorized, code == http.StatusForbidden, // an operator may mend these meanwhile
		code/100 != 4:
		after, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
		return &laterError{resp.Status + ": " + reason, time.Duration(min(max(after, 0), 300)) * time.Second}
	default:
		return &RefusedError{code, reason}
	}
}

// reasonOf is what a problem document says (RFC 9457), or the body as it is.
func reasonOf(resp *http.Response, body []byte) string {
	var p struct {
		Detail string `json:"detail"`
		Errors []struct{ Field, Reason string }
	}
	if json.Unmarshal(body, &p) != nil || p.Detail == "" {
		return strings.TrimSpace(string(body[:min(len(body), 200)]))
	}
	for _, e := range p.Errors {
		p.Detail += fmt.Sprintf(" %s %s;", e.Field, e.Reason)
	}
	return strings.TrimSuffix(p.Detail, ";")
}
