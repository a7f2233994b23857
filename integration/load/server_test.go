package load

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/rollcall-dns/rollcall/integration/internal/rollcall"
	"github.com/rollcall-dns/rollcall/integration/internal/steady"
)

// program is where the shipped program was built.
var program string

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) int {
	if os.Getenv(targetEnv) != "" {
		serveTarget()
		return 0
	}
	dir, err := os.MkdirTemp("", "rcl")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	if err := rollcall.Build(dir); err != nil {
		panic(err)
	}
	program = filepath.Join(dir, "rollcall")
	return m.Run()
}

// serve runs a server until the end of the test, or its own.
func serve(t testing.TB, flags ...string) *rollcall.Server {
	t.Helper()
	s, err := rollcall.Start(exec.Command(program, append([]string{"serve", "--docker", "off"}, flags...)...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Stop(syscall.SIGTERM) })
	if err := s.WaitReady(); err != nil {
		t.Fatalf("%v\n%s", err, s.Log())
	}
	return s
}

// register puts n instances of a service, with the body of each.
func register(t testing.TB, s *rollcall.Server, service string, n int, body func(i int) string) {
	t.Helper()
	const clients = 16
	transport := &http.Transport{MaxIdleConnsPerHost: clients}
	defer transport.CloseIdleConnections()
	c := http.Client{Transport: transport}
	var all sync.WaitGroup
	for first := range clients {
		all.Go(func() {
			for i := first; i < n; i += clients {
				url := fmt.Sprintf("http://%s/v1/services/%s/instances/%d", s.HTTP, service, i)
				req, err := http.NewRequest(http.MethodPut, url, strings.NewReader(body(i)))
				if err != nil {
					t.Error(err)
					return
				}
				resp, err := c.Do(req)
				if err != nil {
					t.Error(err)
					return
				}
				resp.Body.Close()
				if resp.StatusCode != http.StatusCreated {
					t.Errorf("register %s: %s", url, resp.Status)
					return
				}
			}
		})
	}
	all.Wait()
}

// ask asks for the addresses of a name, rate times a second, until ctx is done.
func ask(ctx context.Context, t testing.TB, server netip.AddrPort, name string, rate int) *steady.Report {
	t.Helper()
	r, err := steady.Ask(ctx, steady.Questions{Server: server, Name: steady.Always(name), Rate: rate})
	if err != nil {
		t.Error(err)
		return new(steady.Report)
	}
	return r
}
