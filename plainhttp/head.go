// Package plainhttp reads the heads of HTTP/1.1 requests that are as plain as most are,
// where they stand: it allocates nothing and keeps nothing. It refuses all of which two
// readers could think differently, and is no server: what it refuses, net/http answers.
package plainhttp

import "bytes"

// Head is the request line and the header of a request. Its slices are parts of what was
// parsed.
type Head struct {
	Method, Target []byte
	Size           int // octets of the head, with the empty line that ends it
	Body           int // octets that follow, as Content-Length says
	// Simple says that nothing in the header asks for anything: that a server which
	// knows the method and the target knows the request.
	Simple bool
}

// maxBody bounds what Content-Length may say, far above what any request has. Ten times as
// much is an int of 32 bits, too.
const maxBody = 1 << 27

// Parse reads the head that b begins with. It reports false when the head is not all
// there; and when the lines or the length of the body could be read in two ways, or
// depend on more than Content-Length (RFC 9112 §2.2, §5, §6.3).
func Parse(b []byte) (h Head, ok bool) {
	line, rest, ok := cutLine(b)
	if !ok || !h.start(line) {
		return Head{}, false
	}
	h.Simple = true
	f := fields{head: &h}
	for {
		if line, rest, ok = cutLine(rest); !ok {
			return Head{}, false
		}
		if len(line) == 0 {
			break
		}
		if !f.add(line) {
			return Head{}, false
		}
	}
	h.Size = len(b) - len(rest)
	h.Simple = h.Simple && f.host
	return h, true
}

// cutLine takes a line off, without the CR LF that ends it.
func cutLine(b []byte) (line, rest []byte, ok bool) {
	end := bytes.IndexByte(b, '\n')
	if end < 1 || b[end-1] != '\r' {
		return nil, nil, false
	}
	return b[:end-1], b[end+1:], true
}

var protocol = []byte(" HTTP/1.1")

// start reads the request line.
func (h *Head) start(line []byte) bool {
	line, ok := bytes.CutSuffix(line, protocol)
	if !ok {
		return false
	}
	if h.Method, h.Target, ok = bytes.Cut(line, space); !ok || len(h.Method) == 0 || len(h.Target) == 0 {
		return false
	}
	return all(h.Method, upper) && all(h.Target, visible)
}

var space = []byte{' '}
