package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

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
	s.http.listener.untilIdling(1)
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
		if !resp.Close {
			s.listener.untilIdling(1)
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
		s.listener.untilIdling(len(kept))
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
		s.listener.untilIdling(len(kept))
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
