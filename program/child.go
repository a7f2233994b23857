package program

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// The exit codes of shells for what has no exit code of its own.
const (
	exitNotStarted = 126
	exitNotFound   = 127
	exitSignalled  = 128 // and the number of the signal
	exitLost       = 1   // the system does not tell
)

// StartError is a program that could not be started.
type StartError struct {
	Program  string
	ExitCode int // that of shells: 127 when there is no such program, else 126
	Err      error
}

func (e *StartError) Error() string { return fmt.Sprintf("start %q: %v", e.Program, e.Err) }
func (e *StartError) Unwrap() error { return e.Err }

// child is the program as a process.
type child struct {
	pid   int
	group bool     // it leads a process group of its own
	ended chan int // its exit code, once
}

// startChild starts a program with the files of this process: in a group of its own,
// but at a terminal in the one that may read from it. It is killed when
// this process dies. As the first process of a container this one also waits for
// those whose parents have died, which os/exec cannot do.
func startChild(args []string, group bool, env []string) (*child, error) {
	path, err := exec.LookPath(args[0])
	if err != nil {
		return nil, notStarted(args[0], err)
	}
	c := &child{group: group, ended: make(chan int, 1)}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // what dies with its parent dies with this thread
		attr := &syscall.ProcAttr{Env: env, Files: []uintptr{0, 1, 2}, Sys: childAttr(c.group)}
		pid, err := syscall.ForkExec(path, args, attr)
		c.pid = pid
		started <- err
		if err == nil {
			c.ended <- reap(pid)
		}
		runtime.UnlockOSThread()
	}()
	if err := <-started; err != nil {
		return nil, notStarted(args[0], err)
	}
	return c, nil
}

func notStarted(name string, err error) error {
	e := &StartError{name, exitNotStarted, err}
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		e.ExitCode = exitNotFound
	}
	return e
}

// reap waits for children until the one with this pid has ended, and gives its
// exit code.
func reap(pid int) int {
	for {
		var status syscall.WaitStatus
		got, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return exitLost
		case got == pid && status.Signaled():
			return exitSignalled + int(status.Signal())
		case got == pid && status.Exited():
			return status.ExitStatus()
		}
	}
}

// signal sends a signal to the program; errors mean that it has ended.
func (c *child) signal(s os.Signal) { _ = syscall.Kill(c.pid, s.(syscall.Signal)) }

// kill ends the program and, where they can be told apart, what it has started.
func (c *child) kill() {
	if c.group {
		_ = syscall.Kill(-c.pid, syscall.SIGKILL)
	}
	_ = syscall.Kill(c.pid, syscall.SIGKILL)
}

// terminal takes for one every character device but the one that is nothing.
func terminal(f *os.File) bool {
	info, err := f.Stat()
	if err != nil || info.Mode()&fs.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}
