package faults

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/rollcall-dns/rollcall/integration/internal/engine"
)

const image = "rollcall-faults"

// own is the engine of these tests, once it has been started. It is on a network of
// its own, which outlives it, so that it finds its containers again.
var own struct {
	once   sync.Once
	engine *engine.Engine
	err    error
}

func startEngine() error {
	netns := filepath.Join(shared, "netns")
	if err := os.WriteFile(netns, nil, 0o600); err != nil {
		return err
	}
	if out, err := exec.Command("unshare", "--net="+netns, "true").CombinedOutput(); err != nil {
		return fmt.Errorf("make a network: %w: %s", err, out)
	}
	e, err := engine.New("nsenter", "--net="+netns)
	if err != nil {
		return err
	}
	own.engine = e
	dir, err := programs()
	file := filepath.Join(shared, "image.tar")
	return errors.Join(err, e.Start(), engine.WriteImage(file, filepath.Join(dir, "peer")), engine.Import(e.Host(), file, image))
}

func removeEngine() {
	if own.engine == nil {
		return
	}
	own.engine.Remove()
	syscall.Unmount(filepath.Join(shared, "netns"), syscall.MNT_DETACH)
}

// services counts those that there were, for their names.
var services atomic.Int32

// containers are those of one service, on the engine of these tests.
type containers struct {
	*engine.Engine
	t       testing.TB
	service string
}

func newContainers(t testing.TB) *containers {
	t.Helper()
	own.once.Do(func() { own.err = startEngine() })
	if own.err != nil {
		t.Fatal(own.err)
	}
	c := &containers{own.engine, t, fmt.Sprint("fault", services.Add(1))}
	t.Cleanup(func() {
		if ids := strings.Fields(c.docker("ps", "--all", "--quiet", "--filter", "label="+c.service)); len(ids) > 0 {
			c.docker(append([]string{"rm", "--force"}, ids...)...)
		}
	})
	return c
}

func (c *containers) docker(args ...string) string {
	c.t.Helper()
	out, err := exec.Command("docker", append([]string{"--host", c.Host()}, args...)...).CombinedOutput()
	if err != nil {
		c.t.Fatalf("docker %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// run starts containers that are known by their ports.
func (c *containers) run(ports []int, flags ...string) {
	c.t.Helper()
	for _, p := range ports {
		c.docker(slices.Concat([]string{"run", "--detach", "--name", c.name(p), "--label", c.service,
			"--env", "SERVICE_NAME=" + c.service, "--expose", fmt.Sprint(p)}, flags, []string{image, "peer", "serve", ":7000"})...)
	}
}

func (c *containers) name(port int) string { return fmt.Sprintf("%s-%d", c.service, port) }

// pid is that of a container's process.
func (c *containers) pid(port int) int {
	c.t.Helper()
	pid, err := strconv.Atoi(c.docker("inspect", "--format", "{{.State.Pid}}", c.name(port)))
	if err != nil || pid <= 1 {
		c.t.Fatalf("the process of %s is %d, %v", c.name(port), pid, err)
	}
	return pid
}

// kill ends a container's process with no warning.
func (c *containers) kill(pid int) {
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		c.t.Fatal(err)
	}
}

// running gives the ports of those that the engine says run.
func (c *containers) running() (ports []int) {
	c.t.Helper()
	for name := range strings.FieldsSeq(c.docker("ps", "--filter", "label="+c.service, "--format", "{{.Names}}")) {
		p, err := strconv.Atoi(strings.TrimPrefix(name, c.service+"-"))
		if err != nil {
			c.t.Fatal(err)
		}
		ports = append(ports, p)
	}
	return ports
}
