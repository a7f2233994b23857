// Package web sends HTTP requests over connections that stay open, at so little cost
// that one core of it loads a server on another. It understands no more than the answers
// of rollcall and of net/http: with a Content-Length, or without a body.
package web

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
)

// Conn is one connection. It is used by one goroutine.
type Conn struct {
	net.Conn
	in   *bufio.Reader
	body []byte
}

// Dial connects to a server.
func Dial(addr string) (*Conn, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &Conn{Conn: c, in: bufio.NewReaderSize(c, 64<<10)}, nil
}

// AppendPut appends a PUT request for a path.
func AppendPut(b []byte, path string, body []byte) []byte {
	b = append(b, "PUT "...)
	b = append(b, path...)
	b = append(b, " HTTP/1.1\r\nHost: localhost\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(len(body)), 10)
	return append(append(b, "\r\n\r\n"...), body...)
}

// Do sends a request and reads the answer to it. The body is valid until the next call.
func (c *Conn) Do(request []byte) (status int, body []byte, err error) {
	if _, err := c.Write(request); err != nil {
		return 0, nil, err
	}
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return 0, nil, err
	}
	if len(line) < len("HTTP/1.1 200") {
		return 0, nil, fmt.Errorf("status line %q", line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, nil, fmt.Errorf("status line %q", line)
	}
	length, err := c.header()
	if err != nil {
		return 0, nil, err
	}
	if cap(c.body) < length {
		c.body = make([]byte, length)
	}
	c.body = c.body[:length]
	_, err = io.ReadFull(c.in, c.body)
	return status, c.body, err
}

var contentLength = []byte("Content-Length: ")

// header reads to the end of the header.
func (c *Conn) header() (length int, err error) {
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			return length, nil
		}
		if text, ok := bytes.CutPrefix(line, contentLength); ok {
			if length, err = strconv.Atoi(string(text)); err != nil {
				return 0, fmt.Errorf("header %q", line)
			}
		}
	}
}

// Each sends n requests over some connections, each when the one before it on the same
// is answered. An answer above 299 is an error, and ends it.
func Each(ctx context.Context, addr string, conns, n int, request func(i int, b []byte) []byte) error {
	var next atomic.Int64
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	var all sync.WaitGroup
	for range conns {
		all.Go(func() {
			if err := each(ctx, addr, func() int { return int(next.Add(1)) - 1 }, n, request); err != nil {
				fail(err)
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}

func each(ctx context.Context, addr string, next func() int, n int, request func(i int, b []byte) []byte) error {
	c, err := Dial(addr)
	if err != nil {
		return err
	}
	defer c.Close()
	var b []byte
	for i := next(); i < n && ctx.Err() == nil; i = next() {
		b = request(i, b[:0])
		if err := c.Put(b); err != nil {
			return err
		}
	}
	return nil
}

// Put sends a request that must succeed.
func (c *Conn) Put(request []byte) error {
	status, body, err := c.Do(request)
	if err != nil {
		return err
	}
	if status > 299 {
		line, _, _ := bytes.Cut(request, []byte("\r\n"))
		return fmt.Errorf("%s: %d: %s", line, status, body)
	}
	return nil
}
