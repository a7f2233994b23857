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
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollcall-dns/rollcall/sockets"
)

// handovers is how often a server hands its socket to the next while it is asked.
const handovers = 100

// TestHTTPHandoverAnswersEveryRequest asks over connections that are new each time, and
// over ones that are kept as long as the server says nothing else: what net/http
// answers, and what it does not see.
func TestHTTPHandoverAnswersEveryRequest(t *testing.T) {
	s := followHTTP(t, nil)
	addr := s.listener.Addr().String()
	ctx, cancel := context.WithCancel(t.Context())
	var asked, failed atomic.Int64
	var askers sync.WaitGroup
	for i := range 16 {
		askers.Go(func() {
			for ctx.Err() == nil {
				n, err := askWhileKept(ctx, addr, [...]string{"X-Any: thing\r\n", ""}[i/2%2], i%2 == 0, time.Duration(i)*time.Millisecond/2)
				asked.Add(int64(n))
				if err != nil {
					failed.Add(1)
					t.Errorf("after %d answers over the same connection: %v", n, err)
				}
			}
		})
	}
	direct := uint64(0)
	for range handovers {
		before := s.listener.beats
		s = s.succeeded(t)
		direct += before.answered.Load()
	}
	cancel()
	askers.Wait()
	s.end()
	if direct == 0 {
		t.Error("net/http has seen all")
	}
	t.Logf("%d requests, %d that net/http did not see, %d handovers, %d without an answer", asked.Load(), direct, handovers, failed.Load())
}

// following is a server that runs, on a socket that others may follow it on.
type following struct {
	*httpServer
	stop context.CancelFunc
	done chan error
}

func followHTTP(t *testing.T, inherited *os.File) *following {
	t.Helper()
	var set *sockets.Set
	addr := netip.MustParseAddrPort("127.0.0.1:0")
	if inherited != nil {
		l, err := net.FileListener(inherited)
		if err != nil {
			t.Fatal(err)
		}
		addr = l.Addr().(*net.TCPAddr).AddrPort()
		l.Close()
		if set, err = sockets.Of([]*os.File{inherited}); err != nil {
			t.Fatal(err)
		}
	}
	s, err := listenHTTP(addr, set, maxConns, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	s.handle(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	s.handleBeats(always)
	ctx, stop := context.WithCancel(context.Background())
	f := &following{s, stop, make(chan error, 1)}
	go func() { f.done <- s.run(ctx) }()
	return f
}

// end stops the server as one process of two does: when it has stopped it is gone.
func (f *following) end() error {
	f.stop()
	return <-f.done
}

// succeeded is the server that follows, after a moment in which this one serves.
func (f *following) succeeded(t *testing.T) *following {
	t.Helper()
	time.Sleep(3 * time.Millisecond)
	file, err := f.file()
	if err != nil {
		t.Fatal(err)
	}
	if err := f.end(); err != nil {
		t.Error(err)
	}
	return followHTTP(t, file)
}

// askWhileKept asks over one connection, once or until it is to end, and gives the
// number of answers. Each request has these lines more in its header.
func askWhileKept(ctx context.Context, addr, lines string, once bool, pause time.Duration) (answers int, err error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(30 * time.Second))
	r := bufio.NewReader(c)
	for ctx.Err() == nil {
		time.Sleep(pause)
		if _, err := io.WriteString(c, "PUT / HTTP/1.1\r\nHost: x\r\n"+lines+"Content-Length: 2\r\n\r\n{}"); err != nil {
			return answers, err
		}
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			return answers, err
		}
		if resp.StatusCode != http.StatusNoContent {
			return answers, errors.New(resp.Status)
		}
		if answers++; once || resp.Close {
			break
		}
	}
	return answers, nil
}

// TestHTTPSocketIsInheritedWhereItListens: by whoever is told the same address.
func TestHTTPSocketIsInheritedWhereItListens(t *testing.T) {
	for _, tt := range []struct{ addr, others string }{
		{"127.0.0.1", "refused"},
		{"0.0.0.0", "refused"},
		{"[::1]", "refused"},
		{"[::]", "reached"},
	} {
		t.Run(tt.addr, func(t *testing.T) {
			first, err := listenHTTP(netip.MustParseAddrPort(tt.addr+":0"), nil, 1, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			defer first.close()
			_, port, _ := net.SplitHostPort(first.socket.Addr().String())
			file, err := first.file()
			if err != nil {
				t.Fatal(err)
			}
			set, err := sockets.Of([]*os.File{file})
			if err != nil {
				t.Fatal(err)
			}
			second, err := listenHTTP(netip.MustParseAddrPort(tt.addr+":"+port), set, 1, slog.New(slog.DiscardHandler))
			if err != nil {
				set.Close()
				t.Fatal(err)
			}
			second.close()
			other := "127.0.0.1:" + port // of the other family
			if tt.addr[0] != '[' {
				other = "[::1]:" + port
			}
			got := "refused"
			if c, err := net.Dial("tcp", other); err == nil {
				got = "reached"
				c.Close()
			}
			if got != tt.others {
				t.Errorf("%s: %s is %s, want it %s", tt.addr, other, got, tt.others)
			}
		})
	}
}
