package dnsserver

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
)

// C2: queries that come together are all answered, in the order in which they came.
func TestPipelinedQueriesAreAllAnswered(t *testing.T) {
	s := serve(t, Options{Handler: authorityOf(newZone(t))}, "127.0.0.1:0")
	w := dial(t, "tcp", s.Addrs()[0])
	var all []byte
	var msgs [][]byte
	for range 1000 {
		msgs = append(msgs, query("web.svc.test. SRV"))
		all = append(all, framed(msgs[len(msgs)-1])...)
	}
	sent := make(chan error, 1)
	go func() {
		_, err := w.Write(all)
		sent <- err
	}()
	for _, m := range msgs {
		checkEcho(t, m, w.receive())
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
}

// C3: a message may come in any number of pieces.
func TestMessageInPieces(t *testing.T) {
	s := serve(t, Options{Handler: authorityOf(newZone(t))}, "127.0.0.1:0")
	w := dial(t, "tcp", s.Addrs()[0])
	const want = "NOERROR aa: web.svc.test. 5 IN A 10.0.0.7"
	for _, b := range framed(query("web.svc.test. A")) {
		if _, err := w.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
	if got := text(t, w.receive()); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// C3: length and message go out in one write, so that they share a segment.
func TestReplyIsOneWrite(t *testing.T) {
	c := &recorded{addr: net.TCPAddrFromAddrPort(netip.MustParseAddrPort("192.0.2.1:5"))}
	msg := query("x. TXT")
	c.in.Write(framed(msg))
	s := &Server{o: (&Options{Handler: localIs}).withDefaults()}
	newConn(s, c, TCP, new(counters)).serve(context.Background())
	if len(c.writes) != 1 {
		t.Fatalf("%d writes, want one", len(c.writes))
	}
	if out := c.writes[0]; int(binary.BigEndian.Uint16(out)) != len(out)-2 {
		t.Errorf("length %d before %d octets", binary.BigEndian.Uint16(out), len(out)-2)
	}
	checkEcho(t, msg, c.writes[0][2:])
}

// recorded is a connection that has received in, and keeps what is written.
type recorded struct {
	net.Conn
	addr   net.Addr
	in     bytes.Buffer
	writes [][]byte
}

func (c *recorded) Read(b []byte) (int, error)       { return c.in.Read(b) }
func (c *recorded) RemoteAddr() net.Addr             { return c.addr }
func (c *recorded) LocalAddr() net.Addr              { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 53), Port: 53} }
func (c *recorded) SetReadDeadline(time.Time) error  { return nil }
func (c *recorded) SetWriteDeadline(time.Time) error { return nil }
func (c *recorded) Write(b []byte) (n int, err error) {
	c.writes = append(c.writes, bytes.Clone(b))
	return len(b), nil
}

// stuck is a connection that takes one octet of a message, and times out.
type stuck struct {
	recorded
	closed bool
}

func (c *stuck) Write(b []byte) (int, error) {
	_, _ = c.recorded.Write(b[:1])
	return 1, os.ErrDeadlineExceeded
}

func (c *stuck) Close() error { c.closed = true; return nil }

// C6: nothing follows a part of a message.
func TestConnectionIsClosedBehindPartOfAReply(t *testing.T) {
	c := &stuck{recorded: recorded{addr: net.TCPAddrFromAddrPort(netip.MustParseAddrPort("192.0.2.1:5"))}}
	s := &Server{o: (&Options{Handler: localIs}).withDefaults()}
	if err := newConn(s, c, TCP, new(counters)).write(framed(query("x. TXT"))); err == nil || !c.closed {
		t.Errorf("err %v, closed %v", err, c.closed)
	}
}

func TestLongestMessages(t *testing.T) {
	s := serve(t, Options{Handler: authorityOf(newZone(t))}, "127.0.0.1:0")
	w := dial(t, "tcp", s.Addrs()[0])
	// Padding (RFC 7830) up to so many octets.
	padded := func(size int) []byte {
		head := message(0, "1001", webA)
		padding := size - len(head) - 11 - 4
		o := append([]byte("\x00\x00\x29\x04\xd0\x00\x00\x00\x00"), byte((padding+4)>>8), byte(padding+4), 0, 12, byte(padding>>8), byte(padding))
		return append(append(head, o...), make([]byte, padding)...)
	}
	for _, tt := range []struct {
		msg  []byte
		want string
	}{
		{padded(maxMessage), "NOERROR aa: web.svc.test. 5 IN A 10.0.0.7 [edns0 1232]"},
		{padded(maxMessage + 1), "FORMERR no-question"},
		{padded(65535), "FORMERR no-question"},
		{query("web.svc.test. A"), "NOERROR aa: web.svc.test. 5 IN A 10.0.0.7"},
		{make([]byte, 65535), "FORMERR no-question"},
		{query("web.svc.test. A"), "NOERROR aa: web.svc.test. 5 IN A 10.0.0.7"},
	} {
		w.send(tt.msg)
		if got := text(t, w.receive()); got != tt.want {
			t.Errorf("message of %d octets: got %s, want %s", len(tt.msg), got, tt.want)
		}
	}
}

// A1: what cannot be a query ends the connection.
func TestConnectionThatBringsNoQueriesIsClosed(t *testing.T) {
	s := serve(t, Options{Handler: localIs}, "127.0.0.1:0")
	for _, msg := range [][]byte{{}, {1}, message(0, "1000")[:11], message(bitQR, "1000", webA)} {
		w := dial(t, "tcp", s.Addrs()[0])
		w.send(msg)
		if w.receive() != nil {
			t.Errorf("message %x was answered", msg)
		}
	}
}

// RFC 7766 §6.2.3: octets that are no whole message do not keep a connection open.
func TestIdleTimeoutIsRestartedByWholeMessagesOnly(t *testing.T) {
	const idle = 150 * time.Millisecond
	s := serve(t, Options{Handler: localIs, IdleTimeout: idle}, "127.0.0.1:0")
	w := dial(t, "tcp", s.Addrs()[0])
	began := time.Now()
	for time.Since(began) < 3*idle {
		w.send(query("x. TXT"))
		if w.receive() == nil {
			t.Fatalf("closed after %v although it was not idle", time.Since(began))
		}
		time.Sleep(idle / 5)
	}
	began = time.Now()
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() { // one octet at a time
		defer close(done)
		for _, b := range framed(query("a-name-that-takes-a-while.example. TXT")) {
			select {
			case <-stop:
				return
			case <-time.After(idle / 10):
			}
			if _, err := w.Write([]byte{b}); err != nil {
				return
			}
		}
	}()
	if w.receive() != nil {
		t.Error("a message that came too slowly was answered")
	}
	close(stop)
	<-done
	if took := time.Since(began); took > 2*patience/3 {
		t.Errorf("closed after %v, want about %v", took, idle)
	}
}

// C6: whoever does not read its replies is cut off, and holds nothing up.
func TestConnectionThatDoesNotReadIsClosed(t *testing.T) {
	z := newZone(t)
	crowd(t, z, "many", 4000, 1)
	s := serve(t, Options{Handler: authorityOf(z), WriteTimeout: 100 * time.Millisecond}, "127.0.0.1:0")
	w := dial(t, "tcp", s.Addrs()[0])
	msg := framed(query("many.svc.test. A"))
	go func() {
		for {
			if _, err := w.Write(msg); err != nil {
				return
			}
		}
	}()
	waitFor(t, "the connection to be closed", func() bool { return s.Stats().TCP > 2 && s.Stats().Connections == 0 })
	other := dial(t, "tcp", s.Addrs()[0])
	other.send(query("web.svc.test. A"))
	if other.receive() == nil {
		t.Error("others are not answered any more")
	}
	w.Close()
}

func waitFor(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !cond(); {
		if time.Now().After(end) {
			t.Fatalf("waited %v for %s", patience, what)
		}
		time.Sleep(time.Millisecond)
	}
}

// answered reports whether a connection is served.
func answered(w *wire) bool {
	if _, err := w.Write(framed(query("x. TXT"))); err != nil {
		return false
	}
	return w.receive() != nil
}

// refused reports whether a connection is closed before anything is answered on it:
// so soon, perhaps, that it never seems open.
func refused(t testing.TB, to netip.AddrPort) bool {
	t.Helper()
	c, err := net.Dial("tcp", to.String())
	if err != nil {
		return errors.Is(err, syscall.ECONNRESET)
	}
	defer c.Close()
	check(t, c.SetDeadline(time.Now().Add(patience)))
	return !answered(&wire{t, c, true, TCP})
}

// C4: no more connections from one address than are allowed.
func TestConnectionsFromOneAddressAreLimited(t *testing.T) {
	s := serve(t, Options{Handler: localIs, MaxConnsPerIP: 3}, "127.0.0.1:0")
	var open []*wire
	for range 3 {
		w := dial(t, "tcp", s.Addrs()[0])
		if !answered(w) {
			t.Fatal("a connection within the limit was refused")
		}
		open = append(open, w)
	}
	if !refused(t, s.Addrs()[0]) {
		t.Error("a fourth connection was served")
	}
	if !answered(dialFrom(t, "127.0.0.2", s.Addrs()[0])) {
		t.Error("a connection from another address was refused")
	}
	for _, w := range open {
		if !answered(w) {
			t.Error("an open connection was closed")
		}
	}
	open[0].Close()
	waitFor(t, "the connection to be gone", func() bool { return s.Stats().Connections == 3 })
	if !answered(dial(t, "tcp", s.Addrs()[0])) {
		t.Error("a connection in the place of one that is gone was refused")
	}
	if st := s.Stats(); st.Refused != 1 || st.Evicted != 0 {
		t.Errorf("stats %+v", st)
	}
}

func dialFrom(t testing.TB, from string, to netip.AddrPort) *wire {
	t.Helper()
	return dialAs(t, "tcp", netip.AddrPortFrom(netip.MustParseAddr(from), 0), to)
}

// C4: when all places are taken, the one that has been idle for longest is given
// to the next.
func TestOldestIdleConnectionMakesRoom(t *testing.T) {
	s := serve(t, Options{Handler: localIs, MaxConns: 3}, "127.0.0.1:0", "127.0.0.1:0")
	var open []*wire
	for i := range 3 {
		w := dial(t, "tcp", s.Addrs()[i%2]) // the limit is for all addresses together
		if !answered(w) {
			t.Fatal("refused")
		}
		waitFor(t, "the connection to be idle", s.idle)
		open = append(open, w)
	}
	if !answered(open[0]) { // now the second is the oldest
		t.Fatal("closed")
	}
	waitFor(t, "the connection to be idle", s.idle)
	if !answered(dial(t, "tcp", s.Addrs()[0])) {
		t.Error("the fourth connection was refused")
	}
	for i, want := range []bool{true, false, true} {
		if got := answered(open[i]); got != want {
			t.Errorf("connection %d served: %v, want %v", i, got, want)
		}
	}
	if st := s.Stats(); st.Connections != 3 || st.Evicted != 1 || st.Refused != 0 {
		t.Errorf("stats %+v", st)
	}
	for _, w := range open {
		w.Close()
	}
	waitFor(t, "one connection to be left", func() bool { return s.Stats().Connections == 1 })
	s.conns.mu.Lock()
	defer s.conns.mu.Unlock()
	if from := peer(netip.MustParseAddr("127.0.0.1")); s.conns.byAddr[from] != 1 {
		t.Errorf("%d connections are counted for %s, want 1", s.conns.byAddr[from], from)
	}
}

// idle reports whether no connection has a query under way.
func (s *Server) idle() bool {
	s.conns.mu.Lock()
	defer s.conns.mu.Unlock()
	for c := range s.conns.open {
		if c.busy.Load() > 0 {
			return false
		}
	}
	return true
}

func TestBusyConnectionsAreNotClosedForOthers(t *testing.T) {
	release := make(chan struct{})
	letGo := sync.OnceFunc(func() { close(release) })
	h := handlerFunc(func(context.Context, *Query) (*dns.Msg, error) {
		<-release
		return new(dns.Msg), nil
	})
	s := serve(t, Options{Handler: h, MaxConns: 1}, "127.0.0.1:0")
	t.Cleanup(letGo) // before the server is waited for
	busy := dial(t, "tcp", s.Addrs()[0])
	busy.send(query("x. A"))
	waitFor(t, "the query to be read", func() bool { return s.Stats().TCP == 1 })
	if !refused(t, s.Addrs()[0]) {
		t.Error("the second connection was served")
	}
	waitFor(t, "the refusal to be counted", func() bool { return s.Stats().Refused == 1 })
	letGo()
	if busy.receive() == nil {
		t.Error("the first connection was closed before its reply")
	}
}

// failingListener accepts nothing, and counts how often it was tried.
type failingListener struct {
	err   error
	tries atomic.Int32
}

func (l *failingListener) Accept() (net.Conn, error) { l.tries.Add(1); return nil, l.err }
func (l *failingListener) Addr() net.Addr            { return &net.TCPAddr{} }
func (l *failingListener) Close() error              { return nil }

// When descriptors are short the loop rests for longer and longer, up to a second.
func TestAcceptBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Server{o: (&Options{}).withDefaults(), log: &limitedLog{log: slog.New(slog.DiscardHandler)}}
		s.conns = newConns(s)
		l := &failingListener{err: &net.OpError{Op: "accept", Err: syscall.EMFILE}}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.accept(ctx, ctx, l, TCP) }()
		time.Sleep(10 * time.Second)
		// 5, 10, … 640 ms are 8 rests in 1.3 s; then one each second.
		if n := l.tries.Load(); n < 10 || n > 20 {
			t.Errorf("tried %d times in 10 s, want about 17", n)
		}
		s.stopping.Store(true)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if n := s.Stats().Errors; n < 10 {
			t.Errorf("%d errors counted", n)
		}
	})
}

func TestAcceptEndsWithItsSocket(t *testing.T) {
	s := &Server{o: (&Options{}).withDefaults()}
	s.conns = newConns(s)
	l := &failingListener{err: net.ErrClosed}
	if err := s.accept(t.Context(), t.Context(), l, TCP); err == nil {
		t.Error("no error although the socket is gone")
	}
}

// Short of descriptors, an idle connection is closed to get one.
func TestDescriptorsAreTakenFromIdleConnections(t *testing.T) {
	s := serve(t, Options{Handler: localIs}, "127.0.0.1:0")
	w := dial(t, "tcp", s.Addrs()[0])
	if !answered(w) {
		t.Fatal("refused")
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	l := &failingListener{err: syscall.ENFILE}
	go func() { done <- s.accept(ctx, ctx, l, TCP) }()
	if b, err := io.ReadAll(w); err != nil || len(b) != 0 {
		t.Errorf("read %x, %v, want the end", b, err)
	}
	if st := s.Stats(); st.Evicted == 0 {
		t.Errorf("stats %+v", st)
	}
	cancel()
	s.stopping.Store(true)
	if err := <-done; err != nil {
		t.Error(err)
	}
}
