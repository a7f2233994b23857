package faults

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// proxy stands between a server and an engine, and does to the events of the engine
// what a bad day does. All else passes.
type proxy struct {
	host    string // as DOCKER_HOST has it
	passing sync.WaitGroup

	mu      sync.Mutex // guards the fields below
	cut     bool       // streams end, and none begins
	delay   time.Duration
	copies  int
	seen    [][]byte // events, each a line
	streams map[*stream]struct{}
}

// stream is one answer of the engine to GET /events.
type stream struct {
	io.ReadCloser                // what the server reads
	w             *io.PipeWriter // and where it comes from
	from          io.Closer
	writing       sync.Mutex
}

func newProxy(t testing.TB, engine string) *proxy {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	p := &proxy{host: "unix://" + socket, copies: 1, streams: map[*stream]struct{}{}}
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", strings.TrimPrefix(engine, "unix://"))
	}}
	quiet := log.New(io.Discard, "", 0)
	pass := &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "http", Host: "docker"}) },
		Transport:      transport,
		FlushInterval:  -1,
		ErrorLog:       quiet,
		ModifyResponse: p.meddle,
	}
	s := &http.Server{Handler: pass, ErrorLog: quiet}
	var serving sync.WaitGroup
	serving.Go(func() { s.Serve(l) })
	t.Cleanup(func() {
		p.cutOff(true)
		s.Close()
		serving.Wait()
		p.passing.Wait()
		transport.CloseIdleConnections()
	})
	return p
}

// meddle puts a stream of its own in the place of the engine's.
func (p *proxy) meddle(r *http.Response) error {
	if !strings.HasSuffix(r.Request.URL.Path, "/events") {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cut {
		r.Body.Close()
		return errors.New("the events are cut off")
	}
	reader, w := io.Pipe()
	st := &stream{ReadCloser: reader, w: w, from: r.Body}
	p.streams[st] = struct{}{}
	lines := make(chan delayed, 1<<16)
	from := bufio.NewScanner(r.Body)
	p.passing.Go(func() { p.read(from, lines) }) // both end with the engine's stream
	p.passing.Go(func() { p.pass(st, lines) })
	r.Body = st
	return nil
}

// delayed is an event, and when it is to be passed on.
type delayed struct {
	line []byte
	due  time.Time
}

func (p *proxy) read(from *bufio.Scanner, to chan<- delayed) {
	defer close(to)
	from.Buffer(nil, 1<<20)
	for from.Scan() {
		line := append(bytes.Clone(from.Bytes()), '\n')
		p.mu.Lock()
		p.seen = append(p.seen, line)
		due := time.Now().Add(p.delay)
		p.mu.Unlock()
		to <- delayed{line, due}
	}
}

func (p *proxy) pass(st *stream, from <-chan delayed) {
	for e := range from {
		time.Sleep(time.Until(e.due))
		p.mu.Lock()
		copies := p.copies
		p.mu.Unlock()
		st.write(bytes.Repeat(e.line, copies))
	}
	p.mu.Lock()
	delete(p.streams, st)
	p.mu.Unlock()
	st.w.CloseWithError(errors.New("the engine's stream has ended"))
}

func (st *stream) write(b []byte) {
	st.writing.Lock()
	defer st.writing.Unlock()
	st.w.Write(b)
}

// Close ends both sides.
func (st *stream) Close() error { return errors.Join(st.ReadCloser.Close(), st.from.Close()) }

// cutOff ends the streams that there are, and lets none begin until it is over.
func (p *proxy) cutOff(yes bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cut = yes; yes {
		for st := range p.streams {
			st.Close()
		}
	}
}

func (p *proxy) set(delay time.Duration, copies int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay, p.copies = delay, copies
}

// replay sends the events that it has seen and that a test picks, again and again.
func (p *proxy) replay(n int, pick func(event []byte) bool) (sent int) {
	p.mu.Lock()
	var lines []byte
	picked := 0
	for _, line := range p.seen {
		if pick(line) {
			lines = append(lines, line...)
			picked++
		}
	}
	streams := slices.Collect(maps.Keys(p.streams))
	p.mu.Unlock()
	for ; picked > 0 && sent < n; sent += picked {
		for _, st := range streams {
			st.write(lines)
		}
	}
	return sent
}
