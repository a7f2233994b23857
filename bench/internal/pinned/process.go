package pinned

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Process is a program that runs, with its children.
type Process struct {
	name string
	cmd  *exec.Cmd
	log  string
}

// Start starts a program on a core, in a folder, where it leaves its log. It is going to
// listen at these addresses: nothing else may.
func Start(name, core, dir string, argv []string, addrs ...string) (*Process, error) {
	for _, a := range addrs {
		if err := free(a); err != nil {
			return nil, fmt.Errorf("start %s: %w", name, err)
		}
	}
	p := &Process{name: name, log: filepath.Join(dir, "log")}
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	p.cmd = exec.Command("taskset", append([]string{"-c", core}, argv...)...) // which executes it: the process is the same
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.Dir = out, out, dir
	p.cmd.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return p, nil
}

// PID is that of the program itself.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Log is what it has written until now.
func (p *Process) Log() string {
	text, _ := os.ReadFile(p.log)
	return string(text)
}

// Stop asks it to end, and ends it after a while. Only the first call counts.
func (p *Process) Stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	late := time.AfterFunc(10*time.Second, func() { _ = p.cmd.Process.Kill() })
	defer late.Stop()
	_ = p.cmd.Wait()
}

// Kill ends it without a word.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// tick is the unit of the times in /proc (USER_HZ).
const tick = 10 * time.Millisecond

// CPU is the time that it has had of processors, in steps of 10 ms, with all its
// children: those that have ended as well, once it has waited for them.
func (p *Process) CPU() (sum time.Duration, err error) {
	for _, pid := range family(p.PID()) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if pid != p.PID() && errors.Is(err, os.ErrNotExist) {
			continue // it has just ended
		}
		if err != nil {
			return 0, err
		}
		// The name of the command, in brackets, may hold anything.
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		for _, f := range fields[11:15] { // utime, stime, and those of children
			ticks, err := strconv.Atoi(f)
			if err != nil {
				return 0, fmt.Errorf("/proc stat of %s: %q", p.name, stat)
			}
			sum += time.Duration(ticks) * tick
		}
	}
	return sum, nil
}

// Memory is what it has in memory now, and the most that it ever had, in octets. What
// its processes share counts for each.
func (p *Process) Memory() (now, most int, err error) {
	for _, pid := range family(p.PID()) {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			return 0, 0, err
		}
		now += kilobytes(status, "VmRSS:")
		most += kilobytes(status, "VmHWM:")
	}
	return now, most, nil
}

func kilobytes(status []byte, field string) int {
	_, rest, _ := bytes.Cut(status, []byte(field))
	number, _, _ := bytes.Cut(bytes.TrimSpace(rest), []byte(" "))
	n, _ := strconv.Atoi(string(number)) // a kernel without it is told as 0
	return n << 10
}

// family is a process and all below it.
func family(pid int) []int {
	pids := []int{pid}
	children, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, file := range children {
		list, _ := os.ReadFile(file)
		for _, f := range strings.Fields(string(list)) {
			if child, err := strconv.Atoi(f); err == nil {
				pids = append(pids, family(child)...)
			}
		}
	}
	return pids
}
