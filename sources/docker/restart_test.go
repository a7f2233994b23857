package docker

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	api "github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
)

// daemon is an engine of the test's own, which it may stop.
type daemon struct {
	t    *testing.T
	dir  string
	args []string
	cmd  *exec.Cmd
	over chan struct{} // closed when cmd has ended
}

// newDaemon starts an engine in a network namespace of its own. In the machine's
// it would take away the bridge of the engine that is there: --bridge=none removes
// docker0.
func newDaemon(t *testing.T, args ...string) *daemon {
	t.Helper()
	dir, err := os.MkdirTemp("", "rctd") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	d := &daemon{t: t, dir: dir, args: args}
	t.Cleanup(func() {
		d.halt()
		d.unmount()
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	d.start()
	return d
}

func (d *daemon) host() string { return "unix://" + filepath.Join(d.dir, "engine.sock") }

func (d *daemon) client() client.Opt { return client.WithHost(d.host()) }

// halt stops the engine in good order.
func (d *daemon) halt() { d.stop(syscall.SIGTERM) }

func (d *daemon) start() {
	d.t.Helper()
	log, err := os.OpenFile(filepath.Join(d.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		d.t.Fatal(err)
	}
	defer log.Close()
	d.cmd = exec.Command("unshare", append([]string{"--net", "dockerd",
		"--data-root", filepath.Join(d.dir, "data"), "--exec-root", filepath.Join(d.dir, "exec"),
		"--pidfile", filepath.Join(d.dir, "pid"), "--host", d.host(),
		"--iptables=false", "--ip6tables=false", "--bridge=none", "--storage-driver=vfs"}, d.args...)...)
	d.cmd.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin") // not every PATH has them
	d.cmd.Stdout, d.cmd.Stderr = log, log
	if err := d.cmd.Start(); err != nil {
		d.t.Fatalf("this test needs dockerd and the rights to run it, which make test provides: %v", err)
	}
	d.over = make(chan struct{})
	go func(cmd *exec.Cmd, over chan struct{}) { defer close(over); _ = cmd.Wait() }(d.cmd, d.over)
	for end := time.Now().Add(60 * time.Second); Available(context.Background(), d.host()) != nil; time.Sleep(50 * time.Millisecond) {
		select {
		case <-d.over:
		default:
			if time.Now().Before(end) {
				continue
			}
		}
		text, _ := os.ReadFile(log.Name())
		d.t.Fatalf("dockerd does not come up:\n%s", text)
	}
}

func (d *daemon) stop(sig syscall.Signal) {
	d.t.Helper()
	_ = d.cmd.Process.Signal(sig)
	select {
	case <-d.over:
	case <-time.After(60 * time.Second):
		_ = d.cmd.Process.Kill()
		<-d.over
		d.t.Error("dockerd did not stop")
	}
}

// unmount takes off what dockerd leaves mounted.
func (d *daemon) unmount() {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		d.t.Error(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if at := strings.Fields(line)[1]; strings.HasPrefix(at, d.dir+"/") {
			if out, err := exec.Command("umount", "--lazy", at).CombinedOutput(); err != nil {
				d.t.Errorf("unmount %s: %v\n%s", at, err, out)
			}
		}
	}
}

func TestRealRestartOfTheEngine(t *testing.T) {
	d := newDaemon(t)
	l := newLab(t, d.client())
	w := newWorld(t, Options{Host: d.host()})
	result, _ := w.follow()
	host := func(s *spec) { s.host.NetworkMode = "host" }
	always := func(s *spec) { s.host.RestartPolicy.Name = api.RestartPolicyAlways }
	l.run("mortal", host)
	l.run("phoenix", host, always)
	const at = "up 192.0.2.10@"
	l.wantMine(w, map[string]string{"mortal": at, "phoenix": at})

	d.halt()
	if err := failed(t, result); !strings.Contains(err.Error(), "docker events: ") {
		t.Errorf("Run: %v", err)
	}
	result, _ = w.start()
	if err := failed(t, result); !strings.Contains(err.Error(), ErrNoEngine.Error()) {
		t.Errorf("Run without an engine: %v", err)
	}
	if w.ends() != 1 {
		t.Error("a set was ended without an engine")
	}
	d.start()
	w.follow()
	l.wantMine(w, map[string]string{"phoenix": at})
}
