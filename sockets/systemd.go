package sockets

import (
	"fmt"
	"os"
	"strconv"
	"syscall"
)

// firstFD is the first that systemd passes (sd_listen_fds(3)).
const firstFD = 3

// maxFDs bounds what a variable can make this process look at.
const maxFDs = 1024

// FromSystemd takes the sockets that systemd has opened for this process
// (sd_listen_fds(3)), and clears the variables that say so, for they do not hold
// for its children. Without any it gives nil.
func FromSystemd() (*Set, error) {
	pid, count := os.Getenv("LISTEN_PID"), os.Getenv("LISTEN_FDS")
	for _, name := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
		os.Unsetenv(name)
	}
	if count == "" || pid != strconv.Itoa(os.Getpid()) {
		return nil, nil
	}
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 || n > maxFDs {
		return nil, fmt.Errorf("LISTEN_FDS %q must be a number from 0 to %d", count, maxFDs)
	}
	var files []*os.File
	for fd := firstFD; fd < firstFD+n; fd++ {
		syscall.CloseOnExec(fd)
		files = append(files, os.NewFile(uintptr(fd), strconv.Itoa(fd)))
	}
	return Of(files)
}
