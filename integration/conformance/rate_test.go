package conformance

import (
	"fmt"
	"net/netip"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/rollcall-dns/rollcall/integration/internal/rollcall"
)

// likeReplies asks as somebody on the Internet, whose answers are limited, and as
// others, whose are not. The addresses are those of a network namespace.
func likeReplies(t *testing.T, at place) {
	s, client := onTheInternet(t, "--response-rate", "50")
	public, p := client.v4, at.of(s)
	if p.addr.Addr().Is6() {
		public = client.v6
	}
	untilReady(t, p)

	w := dialFrom(t, p, public)
	cookie := fmt.Sprintf(" +opt=10:%x", newCookie(w))
	full, cut := flood(w, "localhost. A", cookie, 1000)
	if full == 0 || cut == 0 || full+cut > 900 {
		t.Errorf("of 1,000 like answers %d came whole and %d with TC, want most of them not to come at all or with TC", full, cut)
	}
	if full, cut := flood(w, "localhost. A"+cookie, cookie, 200); full != 200 || cut != 0 {
		t.Errorf("with a valid cookie %d of 200 came whole, %d with TC", full, cut)
	}
	if full, _ := flood(w, "other.localhost. A", cookie, 1); full != 1 {
		t.Error("another question has no answer")
	}
	private := dial(t, p)
	if full, cut := flood(private, "localhost. A", cookie, 200); full != 200 || cut != 0 {
		t.Errorf("of 200 answers to a loopback address %d came whole, %d with TC", full, cut)
	}
	tcp := dialFrom(t, p.overTCP(), public)
	for i := range 200 {
		if got := tcp.ask("localhost. A"); got != "NOERROR aa: localhost. 300 IN A 127.0.0.1" {
			t.Fatalf("answer %d over TCP: %s", i, got)
		}
	}
}

// flood asks a question n times at once, and counts what comes before the reply to a
// last one that is exempt: whole answers, and those with TC.
func flood(w *wire, query, exempt string, n int) (full, cut int) {
	w.t.Helper()
	for sent := 0; sent < n; {
		w.within(patience)
		for range min(100, n-sent) {
			w.send(w.message(query))
			sent++
		}
		last := w.message("localhost. AAAA" + exempt)
		w.send(last)
		for lasts := 0; lasts < 2; {
			switch reply := w.receive(); {
			case sameID(reply, last):
				if lasts++; lasts == 1 {
					w.send(last) // what it was read together with comes in any order
				}
			case reply[2]&0x02 != 0:
				cut++
			default:
				full++
			}
		}
	}
	return full, cut
}

type publicAddrs struct{ v4, v6 netip.Addr }

// onTheInternet starts a server in a network namespace, with public addresses to ask
// from. The caller's goroutine is in it until it ends: what it dials is there as well.
func onTheInternet(t *testing.T, flags ...string) (*rollcall.Server, publicAddrs) {
	t.Helper()
	runtime.LockOSThread() // and never unlocked: the thread ends with the test
	if err := syscall.Unshare(syscall.CLONE_NEWNET); err != nil {
		t.Fatalf("a network namespace: %v: the tests run as root, or with CAP_SYS_ADMIN", err)
	}
	a := publicAddrs{netip.MustParseAddr("198.51.100.7"), netip.MustParseAddr("2001:db8:5::7")}
	for _, args := range [][]string{
		{"link", "set", "lo", "up"},
		{"address", "add", a.v4.String() + "/32", "dev", "lo"},
		{"address", "add", a.v6.String() + "/128", "dev", "lo", "nodad"},
	} {
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			t.Fatalf("ip %v: %v: install iproute2\n%s", args, err, out)
		}
	}
	return start(t, flags...), a
}

// untilReady waits for a server that HTTP does not reach, because it is in a namespace.
func untilReady(t *testing.T, p path) {
	t.Helper()
	w := dial(t, p)
	for end := time.Now().Add(patience); rcodeText(w.ask("svc.test. SOA")) != "NOERROR"; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the server does not become ready")
		}
	}
}
