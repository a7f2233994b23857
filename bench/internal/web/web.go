// Package web sends HTTP requests over connections that stay open, at so little cost
// that one core of it loads a server on another. It understands no more than the answers
// of rollcall and of net/http.
package web

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"strconv"
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
	if length == chunked {
		err = c.chunks()
		return status, c.body, err
	}
	if cap(c.body) < length {
		c.body = make([]byte, length)
	}
	c.body = c.body[:length]
	_, err = io.ReadFull(c.in, c.body)
	return status, c.body, err
}

var contentLength = []byte("Content-Length: ")

// chunked is the length of a body that comes in chunks.
const chunked = -1

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
		if string(line) == "Transfer-Encoding: chunked" {
			length = chunked
		}
		if text, ok := bytes.CutPrefix(line, contentLength); ok {
			if length, err = strconv.Atoi(string(text)); err != nil {
				return 0, fmt.Errorf("header %q", line)
			}
		}
	}
}

// chunks reads a body of chunks, and what ends them.
func (c *Conn) chunks() error {
	b := bytes.NewBuffer(c.body[:0])
	_, err := b.ReadFrom(httputil.NewChunkedReader(c.in))
	c.body = b.Bytes()
	if err != nil {
		return err
	}
	_, err = c.in.Discard(len("\r\n"))
	return err
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
