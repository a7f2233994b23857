//go:build conformance

package clients

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/rollcall-dns/rollcall/integration/internal/rollcall"
)

// dirVar names the directory of what was built. It is set on the inside.
const dirVar = "ROLLCALL_CLIENTS_DIR"

// TestMain builds the programs, and runs the tests in namespaces of their own:
// their port 53, their /etc/resolv.conf, and processes that end with them.
func TestMain(m *testing.M) {
	if os.Getenv(dirVar) != "" {
		os.Exit(m.Run())
	}
	rc, err := runInside()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		rc = 1
	}
	os.Exit(rc)
}

func runInside() (rc int, err error) {
	dir, err := os.MkdirTemp("", "rollcall-clients")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { // programs drop to users of their own
		return 0, err
	}
	if err := rollcall.Build(dir); err != nil {
		return 0, err
	}
	resolvers, err := block("glibc, musl, Python, Node.js, Go")
	if err != nil {
		return 0, err
	}
	if err := os.WriteFile(filepath.Join(dir, "resolv.conf"), []byte(resolvers), 0o644); err != nil {
		return 0, err
	}
	inside := exec.Command("unshare", append([]string{"--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child",
		"sh", "testdata/machine.sh", dir}, os.Args...)...)
	// Debian's programs come first: others of the same name are not what is tested.
	inside.Env = append(os.Environ(), dirVar+"="+dir, "PATH=/usr/sbin:/usr/bin:/sbin:/bin:"+os.Getenv("PATH"))
	inside.Stdout, inside.Stderr = os.Stdout, os.Stderr
	if err := inside.Run(); inside.ProcessState == nil {
		return 0, fmt.Errorf("run the tests on a machine of their own: %w", err)
	}
	return inside.ProcessState.ExitCode(), nil
}

// Where rollcall answers: at its own port for programs that can be told one, at port
// 53 for those that cannot, and at an address that containers reach.
const (
	atPort  = "127.0.0.1:8053"
	at53    = "127.0.0.1:53"
	outside = "10.7.0.53:53"
)

// ttl is that of the instances.
const ttl = "2s"

// A registry is a running rollcall, and what is registered with it.
type registry struct{ server *rollcall.Server }

func startRegistry(t *testing.T) *registry {
	t.Helper()
	return startRegistryAt(t, "--dns", atPort, "--dns", at53, "--dns", outside)
}

// startRegistryAt has it answer where the flags say.
func startRegistryAt(t *testing.T, flags ...string) *registry {
	t.Helper()
	return &registry{startRollcall(t, append([]string{"rollcall", "serve", "--docker", "off"}, flags...)...)}
}

// startRollcall runs a command line of rollcall.
func startRollcall(t *testing.T, command ...string) *rollcall.Server {
	t.Helper()
	s, err := rollcall.Start(exec.Command(filepath.Join(os.Getenv(dirVar), command[0]), command[1:]...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := s.Stop(syscall.SIGTERM); err != nil {
			t.Errorf("rollcall ended badly: %v", err)
		}
		if t.Failed() {
			t.Logf("the log of rollcall:\n%s", s.Log())
		}
	})
	if err := s.WaitReady(); err != nil {
		t.Fatal(err)
	}
	return s
}

// put registers an instance of a service.
func (r *registry) put(t *testing.T, service, id, state string, addrs ...string) {
	t.Helper()
	body := fmt.Sprintf(`{"addresses":["%s"],"ports":[{"name":"http","number":8080}],"ttl":%q,"lease":"1h","state":%q}`,
		strings.Join(addrs, `","`), ttl, state)
	if status := r.request(t, http.MethodPut, service, id, body); status >= 300 {
		t.Fatalf("put %s of %s: %d", id, service, status)
	}
}

// drop removes an instance, if it is there.
func (r *registry) drop(t *testing.T, service, id string) {
	t.Helper()
	if status := r.request(t, http.MethodDelete, service, id, ""); status != http.StatusNoContent && status != http.StatusNotFound {
		t.Fatalf("drop %s of %s: %d", id, service, status)
	}
}

func (r *registry) request(t *testing.T, method, service, id, body string) (status int) {
	t.Helper()
	req, err := http.NewRequest(method, fmt.Sprintf("http://%s/v1/services/%s/instances/%s", r.server.HTTP, service, id), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}
