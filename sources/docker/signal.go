package docker

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

const (
	sigKILL = 9
	sigTERM = 15

	sigRTMIN, sigRTMAX = 34, 64 // as the C library counts, and Docker with it
)

// signals is a set of signals, as a kill event numbers them.
type signals uint64

// with adds a signal; numbers that no signal has are left out.
func (s signals) with(n int) signals {
	if n < 1 || n > sigRTMAX {
		return s
	}
	return s | 1<<(n-1)
}

func (s signals) has(n int) bool { return s&signals(0).with(n) != 0 }

// signalNames are those of Linux, which containers run on whatever this runs on.
var signalNames = [...]string{1: "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1",
	"SEGV", "USR2", "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG",
	"XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS"}

// signalNumber reads a STOPSIGNAL: "SIGQUIT", "quit", "3" or "SIGRTMIN+3".
func signalNumber(s string) (int, bool) {
	if n, err := strconv.Atoi(s); err == nil {
		return n, n > 0 && n <= sigRTMAX
	}
	name := strings.TrimPrefix(strings.ToUpper(s), "SIG")
	if n := slices.Index(signalNames[:], name); n > 0 {
		return n, true
	}
	for base, from := range map[string]int{"RTMIN": sigRTMIN, "RTMAX": sigRTMAX} {
		if off, ok := strings.CutPrefix(name, base); ok {
			n, err := strconv.Atoi(cmp.Or(off, "0")) // "+3" or "-1"
			return from + n, err == nil && from+n >= sigRTMIN && from+n <= sigRTMAX
		}
	}
	return 0, false
}
