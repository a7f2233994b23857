package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// startHTTP serves until ctx is done, which the test waits for at its end, or with
// the function that gives the error of run.
func startHTTP(t *testing.T, ctx context.Context, h http.HandlerFunc) (url string, stopped func() error) {
	t.Helper()
	s, stopped := startLimited(t, ctx, h, maxConns)
	return urlOf(s), stopped
}

func urlOf(s *httpServer) string { return "http://" + s.listener.Addr().String() }

func startLimited(t testing.TB, ctx context.Context, h http.HandlerFunc, limit int) (s *httpServer, stopped func() error) {
	t.Helper()
	s, err := listenHTTP(netip.MustParseAddrPort("127.0.0.1:0"), nil, limit, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	s.handle(h)
	end := make(chan error, 1)
	go func() { end <- s.run(ctx) }()
	stopped = sync.OnceValue(func() error { return <-end })
	t.Cleanup(func() { http.DefaultClient.CloseIdleConnections(); stopped() })
	return s, stopped
}

func TestHTTPFinishesRequestsUnderWay(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	begun := make(chan struct{})
	url, stopped := startHTTP(t, ctx, func(w http.ResponseWriter, r *http.Request) {
		close(begun)
		time.Sleep(100 * time.Millisecond)
		if r.Context().Err() == nil {
			io.WriteString(w, "done")
		}
	})
	go func() { <-begun; cancel() }()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "done" {
		t.Errorf("got %q, %v", body, err)
	}
	if err := stopped(); err != nil {
		t.Error(err)
	}
}

func TestHTTPThatLosesItsSocketFails(t *testing.T) {
	s, err := listenHTTP(netip.MustParseAddrPort("127.0.0.1:0"), nil, maxConns, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	s.close()
	if err := s.run(t.Context()); err == nil {
		t.Error("run returned no error")
	}
}

func TestHTTPTakesNoEndlessHeaders(t *testing.T) {
	url, _ := startHTTP(t, t.Context(), func(http.ResponseWriter, *http.Request) { t.Error("the handler was called") })
	req, err := http.NewRequest("GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Long", strings.Repeat("x", 40<<10))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("got %s, want 431", resp.Status)
	}
}

// idling counts the connections that wait for another request.
func (l *conns) idling() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.idle.Len()
}

// untilIdling waits until so many do.
func (l *conns) untilIdling(n int) {
	for l.idling() < n {
		time.Sleep(time.Millisecond)
	}
}

// idle makes a connection that has had one answer, and is kept.
func idle(t *testing.T, url string) (c net.Conn, kept bool) {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(10 * time.Second))
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	if resp.Close {
		io.Copy(io.Discard, c) // until it makes room
	}
	return c, !resp.Close
}

func TestHTTPSparesConnectionsWhenTheyBecomeFew(t *testing.T) {
	s, _ := startLimited(t, t.Context(), func(http.ResponseWriter, *http.Request) {}, 8)
	url := urlOf(s)
	for i := range 20 {
		if _, kept := idle(t, url); kept != (i < 6) {
			t.Errorf("connection %d: kept %t", i+1, kept)
		}
	}
}

func TestHTTPLongestIdleConnectionMakesRoom(t *testing.T) {
	s, _ := startLimited(t, t.Context(), func(http.ResponseWriter, *http.Request) {}, 8)
	url := urlOf(s)
	var kept []net.Conn
	for range 6 {
		c, _ := idle(t, url)
		kept = append(kept, c)
		s.listener.untilIdling(len(kept))
	}
	for range 2 { // these say nothing, and take what room is left
		c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	for len(s.listener.free) < 8 { // until they are accepted
		time.Sleep(time.Millisecond)
	}
	idle(t, url)
	if _, err := kept[0].Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the longest idle connection: got %v, want its end", err)
	}
	kept[5].SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if _, err := kept[5].Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the last idle connection: got %v, want it to stay", err)
	}
}
