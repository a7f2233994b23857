package main

import (
	"container/list"
	"net"
	"net/http"
	"sync"
)

// conns bounds the connections of an HTTP server. When there is no room for one
// more, the one that has been idle longest makes it.
type conns struct {
	net.Listener
	free chan struct{} // holds one element for each open connection

	mu   sync.Mutex // guards the fields below
	idle list.List  // of net.Conn, the longest idle first
	at   map[net.Conn]*list.Element
}

func limitConns(l net.Listener, limit int) *conns {
	return &conns{Listener: l, free: make(chan struct{}, limit), at: map[net.Conn]*list.Element{}}
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
	return &limitedConn{Conn: c, release: sync.OnceFunc(func() { <-l.free })}, nil
}

// crowded reports whether so many are open that each should end with its request.
func (l *conns) crowded() bool { return len(l.free) > cap(l.free)*3/4 }

// sparing lets h's clients keep their connections while there is room.
func (l *conns) sparing(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if l.crowded() {
			w.Header().Set("Connection", "close")
		}
		h.ServeHTTP(w, r)
	})
}

// changed is the server's ConnState.
func (l *conns) changed(c net.Conn, s http.ConnState) {
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

func (l *conns) evict() {
	l.mu.Lock()
	oldest := l.idle.Front()
	if oldest != nil {
		l.idle.Remove(oldest)
		delete(l.at, oldest.Value.(net.Conn))
	}
	l.mu.Unlock()
	if oldest != nil {
		oldest.Value.(net.Conn).Close()
	}
}

type limitedConn struct {
	net.Conn
	release func()
}

// Close implements net.Conn.
func (c *limitedConn) Close() error {
	defer c.release()
	return c.Conn.Close()
}
