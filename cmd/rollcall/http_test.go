package main

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// startHTTP serves until ctx is done, which the test waits for at its end, or with
// the function that gives the error of run.
func startHTTP(t *testing.T, ctx context.Context, h http.HandlerFunc) (url string, stopped func() error) {
	t.Helper()
	s, err := listenHTTP("127.0.0.1:0", h, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	end := make(chan error, 1)
	go func() { end <- s.run(ctx) }()
	stopped = sync.OnceValue(func() error { return <-end })
	t.Cleanup(func() { http.DefaultClient.CloseIdleConnections(); stopped() })
	return "http://" + s.listener.Addr().String(), stopped
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
	s, err := listenHTTP("127.0.0.1:0", http.NotFoundHandler(), slog.New(slog.DiscardHandler))
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
