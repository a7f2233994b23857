package upstream

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/rollcall-dns/rollcall/dnsserver/upstream/upstreamtest"
)

// overTCP has all be asked over TCP.
func overTCP(b upstreamtest.Behaviour) upstreamtest.Behaviour {
	return upstreamtest.Over(upstreamtest.UDP, upstreamtest.Truncate, b)
}

// named answers each name with an address of its own, after up to a moment.
func named(q *upstreamtest.Query) {
	if !q.Wait(time.Duration(rand.IntN(int(5 * time.Millisecond)))) {
		return
	}
	name := strings.ToLower(q.Msg.Question[0].Name)
	upstreamtest.Answers(name + " 60 IN A " + addressOf(name))(q)
}

func addressOf(name string) string {
	var n int
	fmt.Sscanf(name, "n%d.example.", &n)
	return fmt.Sprintf("10.0.%d.%d", n/256, n%256)
}

// Many questions at once share few connections, whose replies overtake one another, and
// each gets its own answer.
func TestStreamSharesConnections(t *testing.T) {
	s := upstreamtest.Start(t, overTCP(named))
	for _, addr := range []string{s.Addr(), s.TLSAddr()} {
		a, c := mustAddr(t, addr), newClient(t, Options{MaxConns: 3, RootCAs: s.RootCAs()})
		before := s.Conns()
		var wg sync.WaitGroup
		for w := range 30 {
			wg.Go(func() {
				for i := range 20 {
					name := fmt.Sprintf("n%d.example.", 100*w+i)
					got, err := c.Exchange(t.Context(), a, question(t, name+" A"))
					check(t, got, err, name+" 60 IN A "+addressOf(name))
				}
			})
		}
		wg.Wait()
		if n := s.Conns() - before; n < 1 || n > 3 {
			t.Errorf("%v was sent 600 queries over %d connections, want at most 3", a, n)
		}
		if st := c.Stats()[a]; st.TCP+st.TLS != 600 || st.Mismatches != 0 || st.RTT <= 0 || st.Dials > 3 {
			t.Errorf("%+v", st)
		}
	}
}

// A connection that the server has closed while it was idle, or closes now, costs a new
// one and no answer.
func TestStreamThatTheServerCloses(t *testing.T) {
	s := upstreamtest.Start(t, overTCP(web))
	for _, addr := range []string{s.Addr(), s.TLSAddr()} {
		a, c := mustAddr(t, addr), newClient(t, Options{RootCAs: s.RootCAs()})
		for i := range 20 {
			got, err := c.Exchange(t.Context(), a, question(t, "web.example. A"))
			check(t, got, err, webA)
			s.CloseConns()
			if i%2 == 0 {
				time.Sleep(time.Millisecond)
			}
		}
	}
}

// A server that answers one query for each connection answers many at once, too.
func TestStreamOfOneReply(t *testing.T) {
	s := upstreamtest.Start(t, overTCP(func(q *upstreamtest.Query) {
		web(q)
		q.Conn.Close()
	}))
	a, c := mustAddr(t, s.Addr()), newClient(t, Options{})
	var wg sync.WaitGroup
	for range 30 {
		wg.Go(func() {
			got, err := c.Exchange(t.Context(), a, question(t, "web.example. A"))
			check(t, got, err, webA)
		})
	}
	wg.Wait()
}

// A connection is closed when it is idle, and leaves no goroutine.
func TestStreamIsClosedWhenIdle(t *testing.T) {
	s := upstreamtest.Start(t, overTCP(web))
	a, c := mustAddr(t, s.Addr()), newClient(t, Options{Timeout: hurry, IdleTimeout: hurry})
	for want := range 2 {
		got, err := c.Exchange(t.Context(), a, question(t, "web.example. A"))
		check(t, got, err, webA)
		if n := s.Conns(); n != want+1 {
			t.Errorf("%d connections, want %d", n, want+1)
		}
		eventually(t, "the connection ends", func() bool {
			p := &c.server(a).pool
			p.mu.Lock()
			defer p.mu.Unlock()
			return len(p.conns) == 0
		})
	}
	c.wg.Wait() // none is left to be stopped
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// Where as many queries wait as connections take, the next is turned down at once.
func TestStreamsAreBounded(t *testing.T) {
	s := upstreamtest.Start(t, overTCP(upstreamtest.Drop))
	a, c := mustAddr(t, s.TLSAddr()), newClient(t, Options{MaxConns: 2, Timeout: time.Hour, RootCAs: s.RootCAs()})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range 2 * maxCalls {
		wg.Go(func() {
			if _, err := c.Exchange(ctx, a, question(t, "web.example. A")); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want canceled", err)
			}
		})
	}
	eventually(t, "all have asked", func() bool { return s.Count(upstreamtest.TLS) == 2*maxCalls })
	if _, err := c.Exchange(ctx, a, question(t, "web.example. A")); !errors.Is(err, ErrBusy) {
		t.Errorf("got %v, want busy", err)
	}
	cancel()
	wg.Wait()
	s.Do(web)
	got, err := c.Exchange(t.Context(), a, question(t, "web.example. A"))
	check(t, got, err, webA)
	if n := s.Conns(); n != 2 {
		t.Errorf("%d connections, want 2", n)
	}
}

// A connection on which nothing comes any more is not asked again: it may be dead.
func TestStreamThatIsSilentIsReplaced(t *testing.T) {
	s := upstreamtest.Start(t, overTCP(upstreamtest.Drop))
	a, c := mustAddr(t, s.Addr()), newClient(t, Options{Timeout: hurry})
	_, err := c.Exchange(t.Context(), a, question(t, "web.example. A"))
	if !errors.Is(err, ErrTimeout) {
		t.Errorf("got %v, want %v", err, ErrTimeout)
	}
	s.Do(overTCP(web))
	got, err := c.Exchange(t.Context(), a, question(t, "web.example. A"))
	check(t, got, err, webA)
	if n := s.Conns(); n != 2 {
		t.Errorf("%d connections, want 2", n)
	}
}

// The certificate must be for the name that was given, or the address, and from
// somebody who is trusted. Nothing is asked before.
func TestTLSVerifiesTheServer(t *testing.T) {
	s := upstreamtest.Start(t, web)
	bare, _, _ := strings.Cut(s.TLSAddr(), "#")
	tests := []struct {
		addr  string
		roots *x509.CertPool
		ok    bool
	}{
		{bare + "#" + upstreamtest.Name, s.RootCAs(), true},
		{bare, s.RootCAs(), true},
		{bare + "#other.test", s.RootCAs(), false},
		{strings.Replace(bare, "127.0.0.1", "127.0.0.2", 1), s.RootCAs(), false},
		{bare, x509.NewCertPool(), false},
		{bare, nil, false},
	}
	for _, tt := range tests {
		before := s.Total()
		got, err := newClient(t, Options{RootCAs: tt.roots}).Exchange(t.Context(), mustAddr(t, tt.addr), question(t, "web.example. A"))
		switch {
		case tt.ok:
			check(t, got, err, webA)
		case err == nil || s.Total() != before:
			t.Errorf("%s was asked %d times and gave %v", tt.addr, s.Total()-before, got)
		}
	}
	if n := s.Count(upstreamtest.UDP) + s.Count(upstreamtest.TCP); n != 0 {
		t.Errorf("asked %d times without encryption", n)
	}
}

// The second connection costs no certificate: the session of the first goes on.
func TestTLSSessionsAreResumed(t *testing.T) {
	s := upstreamtest.Start(t, web)
	a, c := mustAddr(t, s.TLSAddr()), newClient(t, Options{RootCAs: s.RootCAs()})
	for range 3 {
		got, err := c.Exchange(t.Context(), a, question(t, "web.example. A"))
		check(t, got, err, webA)
		s.CloseConns()
		eventually(t, "the connection is gone", func() bool { return len(s.Open()) == 0 })
	}
	if n, resumed := s.Conns(), s.Resumed(); n != 3 || resumed != 2 {
		t.Errorf("%d of %d sessions were resumed, want 2 of 3", resumed, n)
	}
}

// Whoever waits is released by its context at once, whatever it waits for.
func TestExchangeIsCancelled(t *testing.T) {
	cause := errors.New("nobody wants it any more")
	s := upstreamtest.Start(t, upstreamtest.Drop)
	for _, addr := range []string{s.Addr(), s.TLSAddr()} {
		c := newClient(t, Options{Timeout: time.Hour, RootCAs: s.RootCAs()})
		ctx, cancel := context.WithCancelCause(t.Context())
		before := s.Total()
		go func() {
			for s.Total() == before {
				runtime.Gosched()
			}
			cancel(cause)
		}()
		if _, err := c.Exchange(ctx, mustAddr(t, addr), question(t, "web.example. A")); !errors.Is(err, cause) {
			t.Errorf("got %v, want %v", err, cause)
		}
		if _, err := c.Exchange(ctx, mustAddr(t, addr), question(t, "web.example. A")); !errors.Is(err, cause) {
			t.Errorf("got %v, want %v", err, cause)
		}
		short, done := context.WithTimeout(t.Context(), hurry)
		defer done()
		if _, err := c.Exchange(short, mustAddr(t, addr), question(t, "web.example. A")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
		}
		if st := c.Stats()[mustAddr(t, addr)]; st.Timeouts != 1 {
			t.Errorf("counted %d time-outs, want the last alone", st.Timeouts)
		}
	}
}

// Close ends what is asked over connections, and nothing is asked over them afterwards.
func TestCloseEndsWhatWaits(t *testing.T) {
	s := upstreamtest.Start(t, overTCP(upstreamtest.Drop))
	c := New(Options{Timeout: time.Hour})
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := c.Exchange(t.Context(), mustAddr(t, s.Addr()), question(t, "web.example. A")); !errors.Is(err, ErrClosed) {
				t.Errorf("got %v, want %v", err, ErrClosed)
			}
		})
	}
	eventually(t, "all have asked", func() bool { return s.Count(upstreamtest.TCP) == 20 })
	c.Close()
	wg.Wait()
	if _, err := c.Exchange(t.Context(), mustAddr(t, s.Addr()), question(t, "web.example. A")); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v, want %v", err, ErrClosed)
	}
}

// 64 KiB over TCP come whole.
func TestStreamTakesTheLongestMessage(t *testing.T) {
	s := upstreamtest.Start(t, overTCP(upstreamtest.Huge(64_900)))
	got, err := newClient(t, Options{}).Exchange(t.Context(), mustAddr(t, s.Addr()), question(t, "web.example. TXT"))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(got.Answer); n != 246 || got.Answer[n-1].(*dns.TXT).Hdr.Name != "web.example." {
		t.Errorf("%d records came", n)
	}
}

// An identity is drawn again only after its caller has gone, not when its reply is
// there: he would take that of the next one with him.
func TestStreamIdentityIsFreeWhenItsCallerHasGone(t *testing.T) {
	c := newConn(nil)
	id, reply, _ := c.register(7)
	c.deliver(7, new(message))
	c.deliver(7, new(message)) // the second is passed over
	if next, _, _ := c.register(7); id != 7 || next == 7 || len(reply) != 1 {
		t.Errorf("identities %d and %d with %d replies", id, next, len(reply))
	}
	c.forget(7)
	if next, _, _ := c.register(7); next != 7 {
		t.Errorf("identity %d, want 7", next)
	}
}
