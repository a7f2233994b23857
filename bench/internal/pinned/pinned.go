// Package pinned runs the programs that are measured on one core, keeps all else on
// another, and reads from the kernel what they took. It refuses nothing to those who
// measure on one core alone: the figures are then those of a busy machine.
package pinned

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// The cores of the program that is measured, and of all else.
const (
	Server    = "0"
	Generator = "1"
)

// Self moves this process, and so all that it starts, to a core: by starting again
// there. It is called first of all.
func Self(core string) error {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	_, rest, _ := strings.Cut(string(status), "Cpus_allowed_list:")
	if allowed, _, _ := strings.Cut(rest, "\n"); strings.TrimSpace(allowed) == core {
		return nil
	}
	taskset, err := exec.LookPath("taskset")
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return syscall.Exec(taskset, append([]string{"taskset", "-c", core, self}, os.Args[1:]...), os.Environ())
}
