package main

import (
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// now gives this moment, on a clock that also runs while the machine sleeps.
func now() (moment, error) {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return moment{}, err
	}
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		return moment{}, err
	}
	return moment{strings.TrimSpace(string(boot)), time.Duration(t.Nano())}, nil
}
