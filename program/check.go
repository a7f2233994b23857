package program

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/rollcall-dns/rollcall/client"
)

// Check finds out whether a program on this host can serve. The zero value is the
// default: a connection to the first TCP port, if there is one.
type Check struct {
	kind string // "tcp", "http", "none" or ""
	port uint16 // 0: the first TCP port
	path string // of http
}

// checkTimeout is how long a program may take to answer.
const checkTimeout = 2 * time.Second

// ParseCheck reads "tcp", "tcp:PORT", "http:/PATH", "http:PORT/PATH" or "none". Its
// error is the rule that is broken: "must be …".
func ParseCheck(text string) (Check, error) {
	kind, rest, _ := strings.Cut(text, ":")
	number, path, slash := strings.Cut(rest, "/")
	port, err := strconv.ParseUint(number, 10, 16)
	if number != "" && (err != nil || port == 0) || (kind == "http") != slash ||
		kind != "http" && kind != "tcp" && text != "none" {
		return Check{}, errors.New("must be tcp, tcp:PORT, http:/PATH, http:PORT/PATH or none")
	}
	return Check{kind: kind, port: uint16(port), path: "/" + path}, nil
}

// String gives the kind of the check.
func (c Check) String() string { return c.kind }

// Complete takes what was not given from the ports of a registration. Its error is
// a check that has no port.
func (c Check) Complete(ports []client.Port) (Check, error) {
	first := uint16(0)
	for _, p := range ports {
		if p.Protocol == "" || p.Protocol == "tcp" {
			first = p.Number
			break
		}
	}
	if c.kind == "" {
		c.kind = "tcp"
		if first == 0 {
			c.kind = "none"
		}
	}
	if c.port == 0 {
		c.port = first
	}
	if c.port == 0 && c.kind != "none" {
		return c, errors.New("must name a port, for there is no --port over TCP to take it from")
	}
	return c, nil
}

// try makes one attempt. A nil error means that the program can serve.
func (c *Check) try(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	switch c.kind {
	case "tcp":
		conn, err := dialLocal(ctx, c.port)
		if err != nil {
			return err
		}
		return conn.Close()
	case "http":
		return c.tryHTTP(ctx)
	}
	return nil
}

func (c *Check) tryHTTP(ctx context.Context) error {
	client := http.Client{
		Transport: &http.Transport{
			DisableKeepAlives: true,
			DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return dialLocal(ctx, c.port) },
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://localhost:%d%s", c.port, c.path), nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 200))
		return fmt.Errorf("GET %s: %s: %s", req.URL, resp.Status, strings.TrimSpace(string(text)))
	}
	return nil
}

// dialLocal reaches a program that listens on either loopback address.
func dialLocal(ctx context.Context, port uint16) (net.Conn, error) {
	var d net.Dialer
	n := strconv.Itoa(int(port))
	conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", n))
	if err != nil {
		if c6, err6 := d.DialContext(ctx, "tcp", net.JoinHostPort("::1", n)); err6 == nil {
			return c6, nil
		}
	}
	return conn, err
}
