package main

import (
	"container/list"
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// conns bounds the connections of an HTTP server. When there is no room for one
// more, the one that has been idle longest makes it.
type conns struct {
	net.Listener
	free   chan struct{} // holds one element for each open connection
	ending atomic.Bool   // each ends with its request, or when none comes
	beats  *beats        // nil: net/http answers all

	mu   sync.Mutex // guards the fields below
	idle list.List  // of *serverConn, the longest idle first
	at   map[*serverConn]*list.Element
	open map[*serverConn]struct{}
}

func limitConns(l net.Listener, limit int) *conns {
	return &conns{
		Listener: l,
		free:     make(chan struct{}, limit),
		at:       map[*serverConn]*list.Element{},
		open:     map[*serverConn]struct{}{},
	}
}

// Accept implements net.Listener.
func (l *conns) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	select {
	case l.free <- struct{}{}:
	default:
		l.evict()
		l.free <- struct{}{} // while it is crowded, each ends with its request
	}
	sc := &serverConn{Conn: c, of: l, direct: direct{from: remoteOf(c)}}
	sc.release = sync.OnceFunc(func() {
		l.mu.Lock()
		delete(l.open, sc)
		l.mu.Unlock()
		<-l.free
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open[sc] = struct{}{}
	return sc, nil
}

// Close implements net.Listener. Each connection that is open ends with the response to
// its next request, or when none comes for a while.
func (l *conns) Close() error {
	err := l.Listener.Close()
	l.ending.Store(true)
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.open {
		c.hurry()
	}
	return err
}

// wait waits until all connections have ended, but not beyond the end of ctx. It is
// called once, when none is accepted any more.
func (l *conns) wait(ctx context.Context) {
	for range cap(l.free) { // who has all the room knows that it is empty
		select {
		case l.free <- struct{}{}:
		case <-ctx.Done():
			return
		}
	}
}

// crowded reports whether so many are open that each should end with its request.
func (l *conns) crowded() bool { return len(l.free) > cap(l.free)*3/4 }

// closing reports whether each connection ends with its request.
func (l *conns) closing() bool { return l.crowded() || l.ending.Load() }

// sparing lets h's clients keep their connections while there is room, and time.
func (l *conns) sparing(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if l.closing() {
			w.Header().Set("Connection", "close")
		}
		h.ServeHTTP(w, r)
	})
}

// changed is the server's ConnState.
func (l *conns) changed(nc net.Conn, s http.ConnState) {
	c := nc.(*serverConn)
	switch s {
	case http.StateNew:
		c.awaits(firstWait)
	case http.StateIdle:
		c.awaits(nextWait)
	}
	c.direct.between, c.direct.rested = s == http.StateIdle, time.Time{}
	l.mu.Lock()
	defer l.mu.Unlock()
	if e, ok := l.at[c]; ok {
		l.idle.Remove(e)
		delete(l.at, c)
	}
	if s == http.StateIdle {
		l.at[c] = l.idle.PushBack(c)
	}
}

// rested says that an idle connection has been of use.
func (l *conns) rested(c *serverConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e, ok := l.at[c]; ok {
		l.idle.MoveToBack(e)
	}
}

func (l *conns) evict() {
	l.mu.Lock()
	oldest := l.idle.Front()
	if oldest != nil {
		l.idle.Remove(oldest)
		delete(l.at, oldest.Value.(*serverConn))
	}
	l.mu.Unlock()
	if oldest != nil {
		oldest.Value.(*serverConn).Close()
	}
}
