package conformance

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/rollcall-dns/rollcall/integration/internal/rollcall"
)

// bin is the directory that holds the program.
var bin string

func TestMain(m *testing.M) {
	flag.Parse()
	flag.Set("test.parallel", "8") // many rows wait for a time-out of the server
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	var err error
	if bin, err = os.MkdirTemp("", "rollcall-conformance"); err != nil {
		panic(err)
	}
	defer os.RemoveAll(bin)
	if err := rollcall.Build(bin); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// start starts a server on free ports of 127.0.0.1 and ::1, with static records, without
// an engine unless the flags say so, and stops it when the test ends.
func start(t testing.TB, flags ...string) *rollcall.Server {
	t.Helper()
	cmd := exec.Command(bin+"/rollcall", append([]string{
		"serve", "--dns", "127.0.0.1:0", "--dns", "[::1]:0", "--http", "127.0.0.1:0",
		"--domain", "svc.test", "--domain", "other.test", "--advertise", "192.0.2.1", "--static", "testdata/records.yaml",
	}, flags...)...)
	cmd.Env = append(os.Environ(), "ROLLCALL_DOCKER=off")
	s, err := rollcall.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := s.Stop(syscall.SIGTERM); err != nil {
			t.Errorf("the server ended badly: %v", err)
		}
		if log := s.Log(); t.Failed() && strings.Contains(log, "level=WARN") {
			t.Logf("the server's log:\n%s", log)
		}
	})
	return s
}

// ready waits until the server answers from its zone, and registers instances: on each
// line "SERVICE ID {BODY}", for longer than any test takes.
func ready(t testing.TB, s *rollcall.Server, instances string) {
	t.Helper()
	if err := s.WaitReady(); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(instances) {
		f := strings.SplitN(strings.TrimSpace(line), " ", 3)
		if len(f) == 3 {
			register(t, s, f[0], f[1], strings.Replace(f[2], "{", `{"lease": "1h", `, 1))
		}
	}
}

func register(t testing.TB, s *rollcall.Server, service, id, body string) {
	t.Helper()
	request(t, s, http.MethodPut, service, id, body, http.StatusCreated)
}

// request changes a registration over HTTP: at is its ID, or ID/state.
func request(t testing.TB, s *rollcall.Server, method, service, at, body string, want int) {
	t.Helper()
	url := fmt.Sprintf("http://%s/v1/services/%s/instances/%s", s.HTTP, service, at)
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != want {
		t.Fatalf("%s %s %s: %s", method, url, body, resp.Status)
	}
}

// paths are the four ways to a server.
func paths(s *rollcall.Server) []path {
	return []path{{"udp4", s.DNS[0]}, {"tcp4", s.DNS[0]}, {"udp6", s.DNS[1]}, {"tcp6", s.DNS[1]}}
}
