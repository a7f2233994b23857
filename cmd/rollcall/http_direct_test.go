package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
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
		for len(part) > len(request) && s.listener.idling() == 0 {
			time.Sleep(time.Millisecond)
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

// beatOnce sends one heartbeat, and reads the answer.
func beatOnce(c net.Conn, answer []byte) error {
	if _, err := c.Write(beatOctets); err != nil {
		return err
	}
	_, err := io.ReadFull(c, answer)
	return err
}

var beatOctets = []byte(beatText)

const beatAnswerSize = len("HTTP/1.1 204 No Content\r\nCache-Control: no-store\r\nDate: Mon, 02 Jan 2006 15:04:05 GMT\r\n\r\n")

// beatAgain gives a function that sends heartbeats over one connection, of which
// net/http has seen the first.
func beatAgain(t *testing.T, s *server) (beat func()) {
	t.Helper()
	c, err := net.Dial("tcp", s.httpAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	answer := make([]byte, beatAnswerSize)
	beat = func() {
		if err := beatOnce(c, answer); err != nil {
			t.Fatal(err)
		}
	}
	beat()
	for s.http.listener.idling() == 0 {
		time.Sleep(time.Millisecond)
	}
	return beat
}

func beatTwice(t *testing.T, s *server) {
	t.Helper()
	beatAgain(t, s)()
	if n := s.http.listener.beats.answered.Load(); n != 1 {
		t.Errorf("net/http has not seen %d heartbeats, want 1", n)
	}
}

func TestHTTPHeartbeatAllocatesNothing(t *testing.T) {
	s, _ := startServer(t, testConfig())
	registerFor(t, s, "web/instances/one", "192.0.2.1", time.Hour)
	beat := beatAgain(t, s)
	if n := testing.AllocsPerRun(1000, beat); n >= 1 {
		t.Errorf("%v allocations in the whole program", n)
	}
	if n := s.http.stats().requests[beatKind]; n != 1002 {
		t.Errorf("%d heartbeats were counted, want 1002", n)
	}
}

// always renews.
func always([]byte, netip.Addr) bool { return true }

var noContent = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
})

func TestHTTPHeartbeatsKeepTheirConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p, stop := servePipes(t, noContent, always)
		defer stop()
		c := p.dial()
		defer c.Close()
		for i := range 10 {
			if err := beatOnce(c, make([]byte, beatAnswerSize)); err != nil {
				t.Fatalf("heartbeat %d: %v", i+1, err)
			}
			time.Sleep(idleTime - time.Second)
		}
		if n := s.listener.beats.answered.Load(); n != 9 {
			t.Errorf("%d answered directly, want 9", n)
		}
		began := time.Now()
		if _, err := c.Read(make([]byte, 1)); err != io.EOF || time.Since(began) > time.Second {
			t.Errorf("got %v after %v more, want the end after %v", err, time.Since(began), idleTime)
		}
	})
}

func TestHTTPSlowRequestAfterHeartbeatsHasItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, p, stop := servePipes(t, noContent, always)
		defer stop()
		c := p.dial()
		defer c.Close()
		for range 3 {
			beatOnce(c, make([]byte, beatAnswerSize))
			time.Sleep(time.Minute)
		}
		io.WriteString(c, beatHead)
		began := time.Now()
		if _, err := c.Read(make([]byte, 1)); err != io.EOF || time.Since(began) != 5*time.Second {
			t.Errorf("a header that does not end: got %v after %v, want the end after 5 s", err, time.Since(began))
		}
	})
}

func TestHTTPHeartbeatWhoseAnswerNobodyReadsEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, p, stop := servePipes(t, noContent, always)
		defer stop()
		c := p.dial()
		defer c.Close()
		beatOnce(c, make([]byte, beatAnswerSize))
		time.Sleep(time.Second)
		io.WriteString(c, beatText)
		time.Sleep(writeTime + time.Second)
		if _, err := io.WriteString(c, beatText); err == nil {
			t.Error("the connection was kept")
		}
	})
}

func TestHTTPHeartbeatOfAServerThatEndsIsTheLast(t *testing.T) {
	s, p, stop := servePipes(t, noContent, always)
	defer stop()
	c := p.dial()
	defer c.Close()
	in := bufio.NewReader(c)
	for i := range 3 {
		if i == 2 {
			s.listener.ending.Store(true)
		}
		io.WriteString(c, beatText)
		resp, err := http.ReadResponse(in, nil)
		if err != nil || resp.Close != (i == 2) {
			t.Fatalf("answer %d: %+v, %v", i+1, resp, err)
		}
		for !resp.Close && s.listener.idling() == 0 {
			time.Sleep(time.Millisecond)
		}
	}
}

func TestHTTPServerThatEndsWaitsAWhileForAHeartbeat(t *testing.T) {
	s, _ := startLimited(t, t.Context(), noContent, 8)
	s.handleBeats(always)
	answer := make([]byte, beatAnswerSize)
	var kept []net.Conn
	for range 2 {
		c, _ := idle(t, urlOf(s))
		kept = append(kept, c)
		for s.listener.idling() < len(kept) {
			time.Sleep(time.Millisecond)
		}
		if err := beatOnce(c, answer); err != nil {
			t.Fatal(err)
		}
	}
	s.listener.Close()
	io.WriteString(kept[0], beatText)
	if readAnswer(bufio.NewReader(kept[0])) {
		t.Error("the connection was kept")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if s.listener.wait(ctx); ctx.Err() != nil {
		t.Error("the connection over which nothing came has not ended")
	}
}

func TestHTTPConnectionWithHeartbeatsIsNotTheLongestIdle(t *testing.T) {
	s, _ := startLimited(t, t.Context(), noContent, 8)
	s.handleBeats(always)
	var kept []net.Conn
	for range 3 {
		c, _ := idle(t, urlOf(s))
		kept = append(kept, c)
		for s.listener.idling() < len(kept) {
			time.Sleep(time.Millisecond)
		}
	}
	if err := beatOnce(kept[0], make([]byte, beatAnswerSize)); err != nil {
		t.Fatal(err)
	}
	s.listener.evict()
	if _, err := kept[1].Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the longest idle connection: got %v, want its end", err)
	}
	if err := beatOnce(kept[0], make([]byte, beatAnswerSize)); err != nil {
		t.Errorf("the one that was used: %v", err)
	}
}
