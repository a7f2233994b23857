package integration

import (
	"fmt"
	"net/netip"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/rollcall-dns/rollcall/integration/internal/rollcall"
)

// startServer starts a server without an engine until the end of the test. It gives
// the directory of the program too.
func startServer(t *testing.T) (bin string, s *rollcall.Server) {
	t.Helper()
	bin, err := binaries()
	if err != nil {
		t.Fatal(err)
	}
	s, err = rollcall.Start(exec.Command(filepath.Join(bin, "rollcall"), "serve",
		"--docker", "off", "--dns", "127.0.0.1:0", "--http", "127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Stop(syscall.SIGTERM) })
	if err := s.WaitReady(); err != nil {
		t.Fatal(err)
	}
	return bin, s
}

func serve(ts *testscript.TestScript, neg bool, args []string) {
	plain(ts, neg, true, "serve FLAG…")
	st := stateOf(ts)
	if st.server != nil {
		ts.Fatalf("a server runs already")
	}
	bin, err := binaries()
	ts.Check(err)
	cmd := exec.Command(bin+"/rollcall", append([]string{"serve"}, args...)...)
	cmd.Dir = ts.MkAbs(".")
	for _, name := range []string{"PATH", "DOCKER_HOST", "ROLLCALL_DNS", "ROLLCALL_HTTP", "ROLLCALL_DOCKER"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	s, err := rollcall.Start(cmd)
	ts.Check(err)
	st.server = s
	ts.Defer(func() {
		if st.server == s {
			s.Stop(syscall.SIGTERM)
			ts.Logf("the server's log:\n%s", s.Log())
		}
	})
	ts.Check(s.WaitReady())
	ts.Setenv("DNS", s.DNS[0].String())
	ts.Setenv("PORT", strconv.Itoa(int(s.DNS[0].Port())))
	ts.Setenv("HTTP", s.HTTP)
	for name, addrs := range map[string][]netip.AddrPort{"TLSPORT": s.TLS, "HTTPSPORT": s.HTTPS} {
		if len(addrs) > 0 {
			ts.Setenv(name, strconv.Itoa(int(addrs[0].Port())))
		}
	}
}

func halt(ts *testscript.TestScript, neg bool, args []string) {
	plain(ts, neg, len(args) == 0, "halt")
	st := stateOf(ts)
	if st.server == nil {
		ts.Fatalf("no server runs")
	}
	s := st.server
	st.server = nil
	stdout, err := s.Stop(syscall.SIGTERM)
	fmt.Fprint(ts.Stdout(), stdout)
	fmt.Fprint(ts.Stderr(), strings.TrimSpace(s.Log()), "\n")
	if err != nil {
		ts.Fatalf("the server ended badly: %v\n%s", err, s.Log())
	}
}
