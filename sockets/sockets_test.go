package sockets_test

import (
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/rollcall-dns/rollcall/sockets"
)

func TestMain(m *testing.M) {
	if os.Getenv("SOCKETS_TEST_CHILD") != "" {
		child()
		return
	}
	goleak.VerifyTestMain(m)
}

// child prints what it was given.
func child() {
	for range 2 { // the second time there is nothing
		set, err := sockets.FromSystemd()
		if err != nil {
			os.Stdout.WriteString(err.Error() + "\n")
		}
		os.Stdout.WriteString(strings.Join(set.Left(), ",") + "\n")
		set.Close()
	}
}

func files(t *testing.T, conns ...interface{ File() (*os.File, error) }) (fs []*os.File) {
	t.Helper()
	for _, c := range conns {
		f, err := c.File()
		if err != nil {
			t.Fatal(err)
		}
		fs = append(fs, f)
	}
	return fs
}

func tcp(t *testing.T) *net.TCPListener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.(*net.TCPListener)
}

func udp(t *testing.T) *net.UDPConn {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c.(*net.UDPConn)
}

func TestSocketsAreTakenByAddress(t *testing.T) {
	l, c, other := tcp(t), udp(t), udp(t)
	set, err := sockets.Of(files(t, l, c, c, other))
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	nowhere := netip.MustParseAddrPort("127.0.0.1:1")
	if set.TakeTCP(nowhere) != nil || set.TakeUDP(nowhere) != nil {
		t.Error("took a socket of another address")
	}
	at := l.Addr().(*net.TCPAddr).AddrPort()
	taken := set.TakeTCP(at)
	if taken == nil || set.TakeTCP(at) != nil {
		t.Error("a socket must be taken once")
	}
	taken.Close()
	both := set.TakeUDP(c.LocalAddr().(*net.UDPAddr).AddrPort())
	if len(both) != 2 {
		t.Fatalf("took %d sockets of one address, want 2", len(both))
	}
	for _, b := range both {
		b.Close()
	}
	if got, want := set.Left(), []string{"udp " + other.LocalAddr().String()}; !slices.Equal(got, want) {
		t.Errorf("left: %v, want %v", got, want)
	}
}

func TestWhatIsNoSocketIsNamed(t *testing.T) {
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	u, err := net.Listen("unix", t.TempDir()+"/x")
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	set, err := sockets.Of(append(files(t, tcp(t), u.(*net.UnixListener)), f))
	if err == nil || set != nil || !strings.Contains(err.Error(), os.DevNull) || !strings.Contains(err.Error(), "not of TCP") {
		t.Errorf("got %v, %v", set, err)
	}
}

func TestNoSetHasNothing(t *testing.T) {
	var none *sockets.Set
	at := netip.MustParseAddrPort("127.0.0.1:1")
	if none.TakeTCP(at) != nil || none.TakeUDP(at) != nil || none.Left() != nil {
		t.Error("nil has something")
	}
	none.Close()
}

func TestSystemdPassesSockets(t *testing.T) {
	l, c := tcp(t), udp(t)
	tests := []struct{ env, want string }{
		{`LISTEN_PID=$$ LISTEN_FDS=2`, "tcp " + l.Addr().String() + ",udp " + c.LocalAddr().String() + "\n\n"},
		{`LISTEN_PID=1 LISTEN_FDS=2`, "\n\n"},
		{`LISTEN_PID=$$ LISTEN_FDS=-1`, `LISTEN_FDS "-1" must be a number from 0 to 1024` + "\n\n\n"},
		{`LISTEN_PID=$$ LISTEN_FDS=0`, "\n\n"},
	}
	for _, tt := range tests {
		cmd := exec.Command("sh", "-c", tt.env+` exec "$0"`, os.Args[0])
		cmd.Env = append(os.Environ(), "SOCKETS_TEST_CHILD=1")
		cmd.ExtraFiles = files(t, l, c)
		got, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != tt.want {
			t.Errorf("%s: got %q, want %q", tt.env, got, tt.want)
		}
		for _, f := range cmd.ExtraFiles {
			f.Close()
		}
	}
}
