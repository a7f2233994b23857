package health

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"

	"github.com/rollcall-dns/rollcall/zone"
)

// maxAnswer is how much of an answer is read; what comes behind it does not matter.
const maxAnswer = 64 << 10

// tryHTTP asks with one request, and takes what net/http would do for a client that
// stays: no connection is kept, nothing is followed, and the body is thrown away.
func (w *worker) tryHTTP(ctx context.Context, c *zone.Check, s *zone.Spot, tcp *net.TCPConn) error {
	what := methodOf(c) + " " + urlOf(c, s)
	conn, err := secured(ctx, c, tcp, "http/1.1")
	if err != nil {
		return &failure{what + ": TLS", err}
	}
	// Whoever closes first has to remember the connection for a minute: so it is
	// cut, once there is nothing more to come.
	tcp.SetLinger(0)
	h, err := w.get(conn, c, s)
	if err != nil {
		return &failure{what, err}
	}
	if h.status/100 == 2 {
		return nil
	}
	text := strings.TrimSpace(fmt.Sprintf("%s: %d %s", what, h.status, http.StatusText(h.status)))
	if h.status/100 == 3 && h.location != "" {
		text += fmt.Sprintf(" to %.120q: redirects are not followed", h.location)
	}
	return errors.New(text)
}

// failure is what went wrong with a request.
type failure struct {
	what string
	err  error
}

func (f *failure) Error() string { return f.what + ": " + cause(f.err) }
func (f *failure) Unwrap() error { return f.err }

// secured begins TLS where the check is over it.
func secured(ctx context.Context, c *zone.Check, tcp *net.TCPConn, alpn string) (net.Conn, error) {
	if !c.Kind.TLS() {
		return tcp, nil
	}
	name := c.Host
	if host, _, err := net.SplitHostPort(name); err == nil {
		name = host
	}
	conn := tls.Client(tcp, &tls.Config{
		ServerName: name, InsecureSkipVerify: !c.Verify, NextProtos: []string{alpn},
	})
	return conn, conn.HandshakeContext(ctx)
}

func methodOf(c *zone.Check) string { return cmp.Or(c.Method, http.MethodGet) }

// hostOf is the name by which the server is asked.
func hostOf(c *zone.Check, s *zone.Spot) string {
	if c.Host != "" {
		return c.Host
	}
	return s.Addr.String()
}

func urlOf(c *zone.Check, s *zone.Spot) string {
	return c.Kind.String() + "://" + s.Addr.String() + c.Target
}

// get sends the request, and reads the answer to its end or to maxAnswer.
func (w *worker) get(conn net.Conn, c *zone.Check, s *zone.Spot) (h head, err error) {
	b := append(append(w.buf[:0], methodOf(c)...), ' ')
	b = append(b, c.Target...)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, hostOf(c, s)...)
	b = append(b, "\r\nUser-Agent: rollcall\r\nAccept: */*\r\nConnection: close\r\n\r\n"...)
	if _, err := conn.Write(b); err != nil {
		return h, err
	}
	if cap(b) < 4096 {
		b = make([]byte, 0, 4096)
	}
	b = b[:0]
	defer func() {
		if w.buf = b[:0]; cap(b) > 16<<10 {
			w.buf = nil
		}
	}()
	for size := 0; ; {
		n, readErr := conn.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		for size == 0 || h.interim() {
			more, err := h.parse(b[size:])
			if err != nil {
				return h, err
			}
			if size += more; more == 0 {
				break
			}
		}
		switch whole := size > 0 && !h.interim(); {
		case whole && (h.status/100 != 2 || c.Method == http.MethodHead || h.ended(b[size:]) || readErr == io.EOF && h.length < 0 || len(b) >= maxAnswer):
			return h, nil
		case readErr != nil:
			return h, readErr
		case len(b) >= maxAnswer:
			return h, errors.New("the head of the answer is longer than 64 KiB")
		}
		if len(b) == cap(b) {
			b = append(make([]byte, 0, min(4*cap(b), maxAnswer)), b...)
		}
	}
}

// head is what a check wants to know of the head of an answer (RFC 9112 §4).
type head struct {
	status   int
	length   int64 // of the body; -1: until the end, or in chunks
	chunked  bool
	location string
}

func (h *head) interim() bool { return h.status/100 == 1 }

var errNotHTTP = errors.New("the answer is not HTTP/1")

// parse reads the head that an answer begins with, and gives its size; 0 means
// that it is not whole yet.
func (h *head) parse(b []byte) (size int, err error) {
	if !bytes.HasPrefix(b, []byte("HTTP/1.")[:min(len(b), 7)]) {
		return 0, errNotHTTP
	}
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end < 0 {
		return 0, nil
	}
	size = end + 4
	line, fields, _ := bytes.Cut(b[:end], []byte("\r\n"))
	_, line, _ = bytes.Cut(line, []byte(" "))
	if len(line) < 3 || len(line) > 3 && line[3] != ' ' {
		return 0, errNotHTTP
	}
	*h = head{length: -1}
	if h.status, err = strconv.Atoi(string(line[:3])); err != nil || h.status < 100 {
		return 0, errNotHTTP
	}
	if h.status == http.StatusNoContent {
		h.length = 0
	}
	for len(fields) > 0 {
		var field []byte
		field, fields, _ = bytes.Cut(fields, []byte("\r\n"))
		h.field(field)
	}
	return size, nil
}

func (h *head) field(field []byte) {
	name, value, _ := bytes.Cut(field, []byte(":"))
	value = bytes.TrimSpace(value)
	is := func(want string) bool { return len(name) == len(want) && strings.EqualFold(string(name), want) }
	switch {
	case is("Content-Length"):
		if n, err := strconv.ParseInt(string(value), 10, 64); err == nil && n >= 0 && h.status != http.StatusNoContent {
			h.length = n
		}
	case is("Transfer-Encoding"):
		h.chunked = true
	case is("Location"):
		h.location = string(value)
	}
}

// ended reports whether a body that was read so far is whole. Of chunks only the
// end is looked at: what is in them does not matter.
func (h *head) ended(body []byte) bool {
	if h.chunked {
		return bytes.HasSuffix(body, []byte("\r\n0\r\n\r\n")) || string(body) == "0\r\n\r\n"
	}
	return h.length >= 0 && int64(len(body)) >= h.length
}
