package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"
)

const (
	beatPath  = "/v1/services/web/instances/one/heartbeat"
	beatHead  = "PUT " + beatPath + " HTTP/1.1\r\nHost: r\r\n"
	beatText  = beatHead + "Content-Length: 0\r\n\r\n"
	lostBeat  = "PUT /v1/services/web/instances/two/heartbeat HTTP/1.1\r\nHost: r\r\n\r\n"
	register1 = "PUT /v1/services/web/instances/one HTTP/1.1\r\nHost: r\r\nContent-Length: 15\r\n\r\n"
)

// leaseOf is a server's own handler, with a lease for beatPath, and who renews it.
func leaseOf(t *testing.T) (h http.Handler, renew func([]byte, netip.Addr) bool) {
	t.Helper()
	s, _ := startServer(t, testConfig())
	registerFor(t, s, "web/instances/one", "192.0.2.1", time.Hour)
	return s.http.requests.next, s.selfreg.Beat
}

var date = regexp.MustCompile(`Date: [^\r]*\r\n`)

// talk writes the parts of a script, and gives all that is answered but for the date. "|" is
// between parts that are written one after the other, ">" behind one for each answer to
// it, after which the server is waited for until it waits too.
func talk(t *testing.T, s *httpServer, p *pipes, script string) string {
	t.Helper()
	c := p.dial()
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	var said strings.Builder
	in := bufio.NewReader(io.TeeReader(c, &said))
	for part := range strings.SplitSeq(script, "|") {
		request := strings.TrimRight(part, ">")
		if _, err := io.WriteString(c, request); err != nil {
			break // the server has ended it
		}
		kept := true
		for range len(part) - len(request) {
			kept = readAnswer(in)
		}
		if !kept {
			break
		}
		if len(part) > len(request) {
			s.listener.untilIdling(1)
		}
	}
	return date.ReplaceAllString(said.String(), "Date: …\r\n")
}

// readAnswer reads one answer, and reports whether the connection stays.
func readAnswer(in *bufio.Reader) (kept bool) {
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		return false
	}
	io.Copy(io.Discard, resp.Body)
	if resp.StatusCode == http.StatusContinue {
		return readAnswer(in)
	}
	return !resp.Close
}

// TestHTTPAnswersHeartbeatsAsTheHandlerDoes has all said twice: where the handler answers
// all, and where it does not.
func TestHTTPAnswersHeartbeatsAsTheHandlerDoes(t *testing.T) {
	h, renew := leaseOf(t)
	const get = "GET /healthz HTTP/1.1\r\nHost: r\r\n\r\n>"
	for _, tt := range []struct {
		name, script string
		direct       uint64
	}{
		{"the first request is the handler's", beatText + ">", 0},
		{"heartbeats", beatText + ">|" + beatText + ">|" + beatText + ">", 2},
		{"after a registration", register1 + `{"lease": "1h"}>|` + beatText + ">", 1},
		{"whose body comes later", register1 + `|{"lease": "1h"}>|` + beatText + ">", 1},
		{"or comes in parts", register1 + `|{"lease|": "1h"}>|` + beatText + ">", 1},
		{"among others", get + "|" + beatText + ">|" + get + "|" + beatText + ">|" + beatText + ">", 3},
		{"with a body that nobody reads", get + "|" + beatHead + "Content-Length: 3\r\n\r\nabc>|" + beatText + ">", 2},
		{"whose body comes later", get + "|" + beatHead + "Content-Length: 3\r\n\r\n|abc>|" + beatText + ">", 1},
		{"as any header may say", get + "|" + beatHead + "X-Any: thing\r\n\r\n>|" + beatText + ">", 1},
		{"of nobody", get + "|" + lostBeat + ">|" + beatText + ">", 1},
		{"that is the last", get + "|" + beatHead + "Connection: close\r\n\r\n>|" + beatText, 0},
		{"of HTTP/1.0", get + "|PUT " + beatPath + " HTTP/1.0\r\nConnection: keep-alive\r\n\r\n>|" + beatText + ">", 0},
		{"without a host", get + "|PUT " + beatPath + " HTTP/1.1\r\n\r\n>", 0},
		{"with another method", get + "|" + strings.Replace(beatText, "PUT", "POST", 1) + ">|" + beatText + ">", 1},
		{"in chunks", get + "|" + beatHead + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n>|" + beatText + ">", 0},
		{"as is expected", get + "|" + beatHead + "Content-Length: 3\r\nExpect: 100-continue\r\n\r\nabc>", 0},
		{"in pieces", get + "|" + beatText[:20] + "|" + beatText[20:] + ">|" + beatText + ">", 0},
		{"in pieces that end with a line", get + "|POST / HTTP/1.1\r\n|" + beatText + ">", 0},
		{"two at once", get + "|" + beatText + beatText + ">>", 0},
		{"one and a half", get + "|" + beatText + beatText[:20] + ">|" + beatText[20:] + ">|" + beatText + ">", 0},
		{"one and what begins another", get + "|" + beatText + "POST / HTTP/1.1\r\n>|" + beatText + ">", 0},
		{"in the body of another", get + "|PUT /v1/heartbeats HTTP/1.1\r\nHost: r\r\nContent-Length: 85\r\n\r\n|" + beatText + ">|" + beatText + ">", 1},
		{"not HTTP", get + "|\x00\x01\x02\r\n\r\n>", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			said := map[bool]string{}
			for _, direct := range []bool{true, false} {
				var r func([]byte, netip.Addr) bool
				if direct {
					r = renew
				}
				s, p, stop := servePipes(t, h, r)
				said[direct] = talk(t, s, p, tt.script)
				stop()
				if direct && s.listener.beats.answered.Load() != tt.direct {
					t.Errorf("%d answered directly, want %d", s.listener.beats.answered.Load(), tt.direct)
				}
			}
			if said[true] != said[false] || said[true] == "" {
				t.Errorf("answered with\n%s\nwhat the handler answers with\n%s", said[true], said[false])
			}
		})
	}
}

// phrases are what FuzzHTTPDirect makes connections of.
var phrases = []string{
	beatText, lostBeat, beatHead, "\r\n", "\n", "Content-Length: 3\r\n", "Content-Length: 0\r\n", "abc", register1, `{"lease": "1h"}`,
	"GET / HTTP/1.1\r\nHost: r\r\n\r\n", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "POST / HTTP/1.1\r\nHost: r\r\n", "HEAD " + beatPath + " HTTP/1.1\r\n",
	"Host: r\r\n", "Connection: keep-alive\r\n", "Connection: close\r\n", "Transfer-Encoding: chunked\r\n", "0\r\n\r\n", "3\r\nabc\r\n", "X-Any: thing\r\n", " folded\r\n", "P", "UT",
}

// FuzzHTTPDirect: whatever is said over a connection is answered as if net/http alone
// did, wherever it is cut into segments. Each octet of what is said stands for a phrase,
// with a cut behind it when it is odd.
func FuzzHTTPDirect(f *testing.F) {
	fast := serveFuzz(f, func(path []byte, _ netip.Addr) bool { return string(path) == beatPath })
	slow := serveFuzz(f, nil)
	f.Add("\x01\x01\x01\x03\x01")
	f.Add("\x14\x19\x01\x01")         // the beginning of a request, and then what may be a part of it
	f.Add("\x11\x13\x01\x01\x17\x01") // a body
	f.Add("\x15\x01\x2d\x2f\x01")
	f.Fuzz(func(t *testing.T, said string) {
		parts := []string{""}
		for _, o := range []byte(said[:min(len(said), 12)]) {
			parts[len(parts)-1] += phrases[int(o/2)%len(phrases)]
			if o%2 == 1 {
				parts = append(parts, "")
			}
		}
		if got, want := say(t, fast, parts), say(t, slow, parts); got != want {
			t.Errorf("%q is answered with\n%q, and by net/http with\n%q", parts, got, want)
		}
	})
}

func serveFuzz(f *testing.F, renew func([]byte, netip.Addr) bool) (addr string) {
	s, _ := startLimited(f, f.Context(), noContent, maxConns)
	if renew != nil {
		s.handleBeats(renew)
	}
	return s.listener.Addr().String()
}

// say gives all that is answered over one connection, to its end, but for the date.
func say(t *testing.T, addr string, parts []string) string {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	for _, p := range parts {
		io.WriteString(c, p)
		time.Sleep(time.Millisecond / 2) // most parts are then read by themselves
	}
	c.(*net.TCPConn).CloseWrite()
	answers, _ := io.ReadAll(c)
	return date.ReplaceAllString(string(answers), "Date: …\r\n")
}
