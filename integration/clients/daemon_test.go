//go:build conformance

package clients

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A log keeps what a daemon prints.
type log struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// patience is how long a daemon may take to start, and to stop.
const patience = 30 * time.Second

// daemon starts a program that stays in the foreground, waits until it is ready, and
// ends it with the test.
func daemon(t *testing.T, ready func() error, cmd *exec.Cmd) {
	t.Helper()
	out, exited := new(log), make(chan struct{})
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v: scripts/install-conformance-tools installs it", err)
	}
	go func() {
		defer close(exited)
		cmd.Wait()
	}()
	t.Cleanup(func() {
		stop(t, cmd, exited)
		if t.Failed() {
			t.Logf("%v:\n%s", cmd, out)
		}
	})
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		err := ready()
		if err == nil {
			return
		}
		select {
		case <-exited:
			t.Fatalf("%v ended", cmd)
		default:
		}
		if time.Now().After(end) {
			t.Fatalf("%v is not ready after %v: %v", cmd, patience, err)
		}
	}
}

func stop(t *testing.T, cmd *exec.Cmd, exited <-chan struct{}) {
	cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-exited:
	case <-time.After(patience):
		cmd.Process.Kill()
		<-exited
		t.Errorf("%v had to be killed", cmd)
	}
}

// listens is ready when something accepts connections at the address.
func listens(network, addr string) func() error {
	return func() error {
		c, err := net.Dial(network, addr)
		if err == nil {
			c.Close()
		}
		return err
	}
}

// serveInstances has each address of the machine answer HTTP at the port of the
// instances, with the address: a comment, so that it is a page of metrics as well.
func serveInstances(t *testing.T) {
	t.Helper()
	l, err := net.Listen("tcp", ":8080")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		at := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr).AddrPort().Addr().Unmap()
		fmt.Fprintln(w, "#", at)
	})}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.Serve(l)
	}()
	t.Cleanup(func() {
		s.Close()
		<-ended
	})
}

// get is the status and the body at a URL.
func get(ctx context.Context, url string) (status int, body []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(resp.Body)
	return resp.StatusCode, body, err
}
