package faults

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// clock is what a running program takes for the wall clock. A static program does not
// ask a C library that could be replaced, as faketime does it, but the code that the
// kernel maps into each process: that of this one process is changed.
type clock struct {
	t    testing.TB
	pid  int
	addr int64  // of __vdso_clock_gettime
	from uint64 // where the kernel's code begins, and ends
	to   uint64
}

// takeClock finds the code in a process.
func takeClock(t testing.TB, pid int) *clock {
	t.Helper()
	c := &clock{t: t, pid: pid}
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(maps)) {
		if strings.Contains(line, "[vdso]") {
			fmt.Sscanf(line, "%x-%x", &c.from, &c.to)
		}
	}
	image := make([]byte, c.to-c.from)
	c.memory(func(f *os.File) error { _, err := f.ReadAt(image, int64(c.from)); return err })
	e, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		t.Fatal(err)
	}
	symbols, err := e.DynamicSymbols()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range symbols {
		if s.Name == "__vdso_clock_gettime" {
			c.addr = int64(c.from + s.Value)
			return c
		}
	}
	t.Fatal("the kernel's code has no __vdso_clock_gettime")
	return nil
}

func (c *clock) memory(use func(*os.File) error) {
	c.t.Helper()
	f, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", c.pid), os.O_RDWR, 0)
	if err == nil {
		err = use(f)
		f.Close()
	}
	if err != nil {
		c.t.Fatalf("change the clock of process %d: %v", c.pid, err)
	}
}

// set sets the wall clock off by so much from that of the machine. Monotonic time
// goes on, as when an administrator sets the time.
func (c *clock) set(by time.Duration) {
	c.t.Helper()
	code := []byte{
		0xb8, 0xe4, 0, 0, 0, // mov $228, %eax: clock_gettime
		0x0f, 0x05, // syscall
		0x85, 0xff, // test %edi, %edi: CLOCK_REALTIME
		0x75, 0x07, // jne over the next
		0x48, 0x81, 0x06, 0, 0, 0, 0, // addq $seconds, (%rsi)
		0xc3, // ret
	}
	binary.LittleEndian.PutUint32(code[14:], uint32(int32(by/time.Second)))
	for range 100 {
		syscall.Kill(c.pid, syscall.SIGSTOP)
		outside := c.outside()
		if outside {
			c.memory(func(f *os.File) error { _, err := f.WriteAt(code, c.addr); return err })
		}
		syscall.Kill(c.pid, syscall.SIGCONT)
		if outside {
			return
		}
		time.Sleep(time.Millisecond)
	}
	c.t.Fatal("a thread is always reading the clock")
}

// outside waits until all threads have stopped, and reports whether none did so in the
// kernel's code.
func (c *clock) outside() bool {
	for range 100 {
		tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/syscall", c.pid))
		stopped := len(tasks) > 0
		for _, task := range tasks {
			text, err := os.ReadFile(task)
			fields := strings.Fields(string(text))
			if err != nil || len(fields) < 2 { // "running"
				stopped = false
				break
			}
			pc, err := strconv.ParseUint(fields[len(fields)-1], 0, 64)
			if err != nil || pc >= c.from && pc < c.to {
				return false
			}
		}
		if stopped {
			return true
		}
		time.Sleep(time.Millisecond)
	}
	return false
}
