package dnsserver

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// HTTPSPath is where DNS over HTTPS is answered.
const HTTPSPath = "/dns-query"

// dnsMessage is the type of what is sent there (RFC 8484 §6).
const dnsMessage = "application/dns-message"

// The limits on HTTP, beside those on connections.
const (
	maxStreams    = maxWaitingHere   // requests at the same time on one connection
	receiveBuffer = 64 << 10         // octets of bodies that wait in it, the least that HTTP/2 has
	maxHeaders    = 8 << 10          // octets of all headers of a request, the question of GET among them
	requestTime   = 5 * time.Second  // for the asker to send a request
	answerTime    = 10 * time.Second // for the answer to be found
)

// httpsServer speaks HTTP on connections that conns has let in and TLS has secured. Of
// HTTP/2 and its floods net/http takes care, within the limits above.
type httpsServer struct {
	s        *Server
	server   http.Server
	n        *counters
	idle     sync.Pool     // of *responder
	secured  chan net.Conn // connections to speak HTTP on
	over     chan struct{} // closed when no more are taken
	overOnce sync.Once
	requests gate

	answering context.Context // of answers: it outlives the stop of the server
}

func (s *Server) newHTTPS(secure *tls.Config) *httpsServer {
	h := &httpsServer{s: s, n: s.newCounters(), secured: make(chan net.Conn), over: make(chan struct{})}
	h.idle.New = func() any {
		r := s.newResponder(h.n, nil)
		return &r
	}
	h.server = http.Server{
		Handler:           http.HandlerFunc(h.handle),
		TLSConfig:         secure,
		ReadHeaderTimeout: requestTime,
		ReadTimeout:       requestTime,
		WriteTimeout:      answerTime + s.o.WriteTimeout,
		IdleTimeout:       s.o.IdleTimeout,
		MaxHeaderBytes:    maxHeaders,
		ErrorLog:          slog.NewLogLogger(s.o.Log.Handler(), slog.LevelDebug), // of askers, which cannot be helped
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams:          maxStreams,
			MaxReceiveBufferPerConnection: receiveBuffer,
			MaxReceiveBufferPerStream:     receiveBuffer,
			WriteByteTimeout:              s.o.WriteTimeout,
		},
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, c.(*tls.Conn).NetConn().(*socket).of)
		},
	}
	return h
}

// connKey finds the connection of a request in its context.
type connKey struct{}

// run speaks HTTP until running is done, and then finishes the requests under way.
func (h *httpsServer) run(running, answering context.Context) error {
	h.answering = answering
	stopped := make(chan struct{})
	unhook := context.AfterFunc(running, func() {
		defer close(stopped)
		h.finish()
	})
	err := h.server.Serve(h)
	if unhook() {
		return err
	}
	<-stopped
	return nil
}

// finish answers the connections that have just come, and then the requests under way.
// Shutdown alone would close the former, with the request that it has not read yet.
func (h *httpsServer) finish() {
	ctx, cancel := context.WithTimeout(context.Background(), lastReplies)
	defer cancel()
	h.s.accepting.Wait()
	for end := time.Now().Add(firstQuery); h.s.conns.expectQuery(HTTPS) && time.Now().Before(end); {
		pause(ctx, 5*time.Millisecond)
	}
	if h.server.Shutdown(ctx) != nil {
		h.server.Close()
	}
}

// gate lets in until it is closed. The zero value is open.
type gate struct {
	mu     sync.Mutex // guards the following
	inside int
	closed bool
	empty  chan struct{} // closed when the last one has left; nil while open
}

func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	g.inside++
	return true
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.inside--; g.closed && g.inside == 0 {
		close(g.empty)
	}
}

// close lets nobody in any more, and waits for those inside. It is called once.
func (g *gate) close() {
	g.mu.Lock()
	g.closed, g.empty = true, make(chan struct{})
	if g.inside == 0 {
		close(g.empty)
	}
	empty := g.empty
	g.mu.Unlock()
	<-empty
}

// Accept implements net.Listener: what is accepted has been let in and secured.
func (h *httpsServer) Accept() (net.Conn, error) {
	select {
	case c := <-h.secured:
		return c, nil
	case <-h.over:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (h *httpsServer) Close() error {
	h.overOnce.Do(func() { close(h.over) })
	return nil
}

// Addr implements net.Listener.
func (h *httpsServer) Addr() net.Addr { return new(net.TCPAddr) }

// serve returns when the connection has been closed.
func (h *httpsServer) serve(c *conn) {
	c.http.Store(true)
	_ = c.raw.SetDeadline(time.Time{})
	select {
	case h.secured <- c.net:
		<-c.net.(*tls.Conn).NetConn().(*socket).closed
	case <-h.over:
	}
}

// handle answers one request (RFC 8484 §4). Who asks is whom the connection comes from,
// whatever headers say.
func (h *httpsServer) handle(w http.ResponseWriter, req *http.Request) {
	// HTTP/2 lets requests of a connection begin when that is over already.
	if !h.requests.enter() {
		return
	}
	defer h.requests.leave()
	c := req.Context().Value(connKey{}).(*conn)
	c.asked.Store(true)
	if h.s.stopping.Load() {
		w.Header().Set("Connection", "close") // in HTTP/2 a GOAWAY
	}
	msg, err := messageOf(w, req)
	var reply []byte
	if err == nil {
		c.busy.Add(1)
		defer c.rest()
		if reply = h.answer(c.query(), msg); len(reply) == 0 {
			err = errNoMessage
		}
	}
	if bad, ok := errors.AsType[*badRequest](err); ok {
		h.n.badRequests.Add(1)
		bad.write(w)
		return
	}
	w.Header().Set("Content-Type", dnsMessage)
	w.Header().Set("Content-Length", strconv.Itoa(len(reply)))
	w.Header().Set("Cache-Control", cacheControl(reply))
	_, _ = w.Write(reply) // the asker may be gone
}

// answer gives the reply to msg, or nothing. An asker that goes away ends nothing: others
// may wait for the answer to the same question.
func (h *httpsServer) answer(q Query, msg []byte) []byte {
	r := h.idle.Get().(*responder)
	defer func() {
		r.q = Query{}
		h.idle.Put(r)
	}()
	r.q = q
	reply, wait := r.respond(h.answering, msg, nil)
	if !wait {
		return reply
	}
	later := make(chan []byte, 1)
	if !h.s.waiters.start(h.answering, &r.q, msg, 0, func(reply []byte) { later <- reply }) {
		return r.busy(nil)
	}
	return <-later
}
