package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// engine is a Docker engine of a script's own, which it can stop. It lives in a
// network namespace of its own, so that its firewall rules and bridges are not
// in the way of the engine that the other tests use.
type engine struct {
	dir    string
	cmd    *exec.Cmd // nil while stopped
	exited chan struct{}
	filled bool // holds the image
}

func (e *engine) host() string { return "unix://" + filepath.Join(e.dir, "docker.sock") }

func engineCmd(ts *testscript.TestScript, neg bool, args []string) {
	plain(ts, neg, len(args) == 1, "engine start|stop")
	st := stateOf(ts)
	if st.engine == nil {
		dir, err := os.MkdirTemp("", "rollcall-engine") // short, for the socket's sake
		ts.Check(err)
		st.engine = &engine{dir: dir}
		ts.Setenv("DOCKER_HOST", st.engine.host())
		ts.Defer(func() { st.engine.stop(); st.engine.remove() })
	}
	switch args[0] {
	case "start":
		ts.Check(st.engine.start())
	case "stop":
		ts.Check(st.engine.stop())
	default:
		ts.Fatalf("usage: engine start|stop")
	}
}

func (e *engine) start() error {
	err := e.startWith("overlay2")
	if err != nil {
		// overlay2 needs a file system that vfs does not
		err = e.startWith("vfs")
	}
	if err != nil || e.filled {
		return err
	}
	e.filled = true
	return importImage(e.host())
}

func (e *engine) startWith(storage string) error {
	log, err := os.OpenFile(filepath.Join(e.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	e.cmd = exec.Command("unshare", "--net", "dockerd", "--data-root", e.dir+"/data", "--exec-root", e.dir+"/exec",
		"--pidfile", e.dir+"/pid", "--host", e.host(), "--storage-driver", storage)
	e.cmd.Stdout, e.cmd.Stderr = log, log
	e.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a Ctrl-C is for the test, which then stops the engine
	if err := e.cmd.Start(); err != nil {
		e.cmd = nil
		return fmt.Errorf("start an engine: %w: install docker.io", err)
	}
	e.exited = make(chan struct{})
	go func(cmd *exec.Cmd, exited chan<- struct{}) { cmd.Wait(); close(exited) }(e.cmd, e.exited)
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if exec.Command("docker", "--host", e.host(), "version").Run() == nil {
			return nil
		}
		select {
		case <-e.exited:
			end = time.Now()
		default:
		}
	}
	e.stop()
	said, _ := os.ReadFile(log.Name())
	return fmt.Errorf("the engine with %s did not start:\n%s", storage, said)
}

// stop ends the engine and, with it, its containers.
func (e *engine) stop() error {
	if e.cmd == nil {
		return nil
	}
	cmd := e.cmd
	e.cmd = nil
	cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-e.exited:
		return nil
	case <-time.After(60 * time.Second):
		cmd.Process.Kill()
		<-e.exited
		return fmt.Errorf("the engine had to be killed")
	}
}

// remove takes off what the engine leaves mounted, and removes its files.
func (e *engine) remove() {
	mounts, _ := os.ReadFile("/proc/self/mounts")
	for line := range strings.Lines(string(mounts)) {
		if at := strings.Fields(line)[1]; strings.HasPrefix(at, e.dir+"/") {
			syscall.Unmount(at, syscall.MNT_DETACH)
		}
	}
	os.RemoveAll(e.dir)
}
