// Package engine runs Docker engines for tests that need one of their own, which they
// can stop, or which is on a network of its own.
package engine

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// patience is how long an engine may take to start, and to stop.
const patience = 60 * time.Second

// Engine is a Docker engine with all its files in a directory of its own.
type Engine struct {
	dir    string
	within []string
	cmd    *exec.Cmd // nil while stopped
	exited chan struct{}
}

// New prepares an engine that is run by a command, such as unshare with its options;
// none runs it on the network of the test. Who makes an engine removes it.
func New(within ...string) (*Engine, error) {
	dir, err := os.MkdirTemp("", "rollcall-engine") // short, for the socket's sake
	return &Engine{dir: dir, within: within}, err
}

// Host is where the engine listens, as DOCKER_HOST has it.
func (e *Engine) Host() string { return "unix://" + filepath.Join(e.dir, "docker.sock") }

// Start returns when the engine answers. The flags are for this start alone.
func (e *Engine) Start(flags ...string) error {
	err := e.startWith("overlay2", flags)
	if err != nil {
		// overlay2 needs a file system that vfs does not
		err = e.startWith("vfs", flags)
	}
	return err
}

func (e *Engine) startWith(storage string, flags []string) error {
	log, err := os.OpenFile(filepath.Join(e.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	command := append(e.within[:len(e.within):len(e.within)], "dockerd", "--data-root", e.dir+"/data", "--exec-root", e.dir+"/exec",
		"--pidfile", e.dir+"/pid", "--host", e.Host(), "--storage-driver", storage)
	command = append(command, flags...)
	e.cmd = exec.Command(command[0], command[1:]...)
	e.cmd.Stdout, e.cmd.Stderr = log, log
	e.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a Ctrl-C is for the test, which then stops the engine
	if err := e.cmd.Start(); err != nil {
		e.cmd = nil
		return fmt.Errorf("start an engine: %w: install docker.io", err)
	}
	e.exited = make(chan struct{})
	go func(cmd *exec.Cmd, exited chan<- struct{}) { cmd.Wait(); close(exited) }(e.cmd, e.exited)
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if exec.Command("docker", "--host", e.Host(), "version").Run() == nil {
			return nil
		}
		select {
		case <-e.exited:
			end = time.Now()
		default:
		}
	}
	e.Stop()
	said, _ := os.ReadFile(log.Name())
	return fmt.Errorf("the engine with %s did not start:\n%s", storage, said)
}

// Stop ends the engine and, with it, its containers.
func (e *Engine) Stop() error {
	if e.cmd == nil {
		return nil
	}
	cmd := e.cmd
	e.cmd = nil
	cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-e.exited:
		return nil
	case <-time.After(patience):
		cmd.Process.Kill()
		<-e.exited
		return fmt.Errorf("the engine had to be killed")
	}
}

// Kill ends the engine with no warning. Its containers live on, until it has been
// started and stopped again.
func (e *Engine) Kill() {
	if e.cmd != nil {
		e.cmd.Process.Kill()
		<-e.exited
		e.cmd = nil
	}
}

// Remove stops the engine, takes off what it leaves mounted, and removes its files.
func (e *Engine) Remove() error {
	err := e.Stop()
	mounts, _ := os.ReadFile("/proc/self/mounts")
	for line := range strings.Lines(string(mounts)) {
		if at := strings.Fields(line)[1]; strings.HasPrefix(at, e.dir+"/") {
			syscall.Unmount(at, syscall.MNT_DETACH)
		}
	}
	os.RemoveAll(e.dir)
	return err
}
