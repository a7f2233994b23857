package handover_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rollcall-dns/rollcall/handover"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair is an old process that offers, and the connection of a new one.
func pair(t *testing.T, files []*os.File, state ...string) (old *handover.Successor, sent chan error, p *handover.Predecessor) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "control")
	offer, err := handover.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { offer.Close() })
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket's file is %v, %v", info.Mode(), err)
	}
	accepted := make(chan *handover.Successor, 1)
	sent = make(chan error, 1)
	go func() {
		s, err := offer.Accept(t.Context())
		accepted <- s
		if err == nil {
			err = s.Send(t.Context(), files, of(state))
		}
		sent <- err
	}()
	p, err = handover.Connect(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	old = <-accepted
	t.Cleanup(func() { old.Close(); p.Close() })
	return old, sent, p
}

func of(pieces []string) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for _, p := range pieces {
			if !yield([]byte(p)) {
				return
			}
		}
	}
}

func into(got *[]string) func([]byte) error {
	return func(b []byte) error { *got = append(*got, string(b)); return nil }
}

func listener(t *testing.T) (net.Listener, *os.File) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close(); f.Close() })
	return l, f
}

func TestHandOver(t *testing.T) {
	l, f := listener(t)
	old, sent, p := pair(t, []*os.File{f}, "a", strings.Repeat("b", 1<<20), "")
	files := p.Files()
	if len(files) != 1 {
		t.Fatalf("%d files came through", len(files))
	}
	taken, err := net.FileListener(files[0])
	files[0].Close()
	if err != nil || taken.Addr().String() != l.Addr().String() {
		t.Fatalf("got %v, %v", taken, err)
	}
	defer taken.Close()

	var first, rest []string
	if err := p.State(t.Context(), into(&first)); err != nil || !slices.Equal(first, []string{"a", strings.Repeat("b", 1<<20), ""}) {
		t.Errorf("got %d pieces, %v", len(first), err)
	}
	select {
	case err := <-sent:
		t.Errorf("Send returned before the successor was prepared: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	finished := make(chan error, 1)
	go func() {
		err := <-sent
		if err == nil {
			err = old.Finish(t.Context(), of([]string{"c"}))
		}
		finished <- err
	}()
	if err := p.Take(t.Context(), into(&rest)); err != nil || !slices.Equal(rest, []string{"c"}) {
		t.Errorf("got %v, %v", rest, err)
	}
	select {
	case err := <-finished:
		t.Errorf("Finish returned before the successor answered: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	if err := p.Done(); err != nil {
		t.Error(err)
	}
	if err := <-finished; err != nil {
		t.Error(err)
	}
	// What came while nobody accepted is accepted by whoever does.
	l.Close()
	c, err := net.Dial("tcp", taken.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

func TestSocketsStayNonBlocking(t *testing.T) {
	l, f := listener(t)
	_, _, p := pair(t, []*os.File{f})
	p.Close()
	l.(*net.TCPListener).SetDeadline(time.Now().Add(time.Millisecond))
	if c, err := l.Accept(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v, %v", c, err)
	}
}

func TestSuccessorThatDiesIsNoticed(t *testing.T) {
	_, sent, p := pair(t, nil, "a")
	p.Close()
	if err := <-sent; err == nil {
		t.Error("Send returned nil")
	}
}

func TestPredecessorThatDiesIsNoticed(t *testing.T) {
	old, sent, p := pair(t, nil, "a")
	var got []string
	if err := p.State(t.Context(), into(&got)); err != nil {
		t.Fatal(err)
	}
	go func() { <-sent; old.Close() }()
	if err := p.Take(t.Context(), into(&got)); err == nil {
		t.Error("Take returned nil")
	}
}

func TestWaitingCanBeCancelled(t *testing.T) {
	_, sent, p := pair(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	var got []string
	if err := p.State(ctx, into(&got)); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(10*time.Millisecond, cancel)
	if err := p.Take(ctx, into(&got)); err == nil {
		t.Error("Take returned nil")
	}
	<-sent
}

func TestNobodyToTakeOverFrom(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control")
	if _, err := handover.Connect(t.Context(), path); !errors.Is(err, handover.ErrNone) {
		t.Errorf("without a file: %v", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
	if _, err := handover.Connect(t.Context(), path); !errors.Is(err, handover.ErrNone) {
		t.Errorf("with a file that was left behind: %v", err)
	}
	offer, err := handover.Listen(path) // takes its place
	if err != nil {
		t.Fatal(err)
	}
	defer offer.Close()
	if _, err := handover.Listen(path); err == nil || !strings.Contains(err.Error(), "another server does") {
		t.Errorf("a second offer: %v", err)
	}
}

func TestListenRemovesNothingButSockets(t *testing.T) {
	path := filepath.Join(t.TempDir(), "precious")
	if err := os.WriteFile(path, []byte("data"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := handover.Listen(path); err == nil || !strings.Contains(err.Error(), path+": there is a file that is no socket") {
		t.Errorf("got error %v", err)
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != "data" {
		t.Errorf("the file has %q, %v", data, err)
	}
}

func TestAcceptEndsWithItsContext(t *testing.T) {
	offer, err := handover.Listen(filepath.Join(t.TempDir(), "control"))
	if err != nil {
		t.Fatal(err)
	}
	defer offer.Close()
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	if s, err := offer.Accept(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, %v", s, err)
	}
}
