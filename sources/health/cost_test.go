package health

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rollcall-dns/rollcall/sources"
	"github.com/rollcall-dns/rollcall/zone"
)

// serverEnv makes the test binary the server of a benchmark, so that the work of
// that is not counted with ours.
const serverEnv = "ROLLCALL_TEST_SERVER"

// serveBenchmark answers every request in the same way, until its input ends.
func serveBenchmark() {
	l, err := net.Listen("tcp4", "0.0.0.0:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(l.Addr())
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				b := make([]byte, 1024)
				if n, _ := conn.Read(b); n > 0 {
					io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n")
				}
			}()
		}
	}()
	io.Copy(io.Discard, os.Stdin)
}

// benchServer starts it, and gives its port.
func benchServer(b *testing.B) uint16 {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), serverEnv+"=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})
	line := make([]byte, 64)
	n, err := out.Read(line)
	if err != nil {
		b.Fatal(err)
	}
	return netip.MustParseAddrPort(strings.TrimSpace(string(line[:n]))).Port()
}

// cpu is what the process has used so far.
func cpu() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// benchInstances is how many are checked each benchInterval.
const (
	benchInstances = 10_000
	benchInterval  = 10 * time.Second
)

func benchAddr(i int) netip.Addr {
	a := [4]byte{127, 1}
	binary.BigEndian.PutUint16(a[2:], uint16(1+i))
	return netip.AddrFrom4(a)
}

// BenchmarkCost checks 10,000 instances each 10 s over HTTP, and compares the time of
// the processor with that of a bare loop that dials, asks and closes at that rate. It
// takes 40 s.
func BenchmarkCost(b *testing.B) {
	port := benchServer(b)
	for b.Loop() {
		bare := bareLoop(b, port)
		ours, memory := checks(b, port)
		b.ReportMetric(float64(bare.Microseconds()), "bare-µs/probe")
		b.ReportMetric(float64(ours.Microseconds()), "checks-µs/probe")
		b.ReportMetric(float64(ours)/float64(bare), "ratio")
		b.ReportMetric(memory, "MB-more")
	}
}

func bareLoop(b *testing.B, port uint16) time.Duration {
	const request = "GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
	reply := make([]byte, 4096)
	began, used := time.Now(), cpu()
	n := 0
	for ; time.Since(began) < benchInterval; n++ {
		time.Sleep(time.Until(began.Add(time.Duration(n) * benchInterval / benchInstances)))
		conn, err := net.DialTimeout("tcp", netip.AddrPortFrom(benchAddr(n), port).String(), 2*time.Second)
		if err != nil {
			b.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(2 * time.Second))
		if _, err := io.WriteString(conn, request); err != nil {
			b.Fatal(err)
		}
		if _, err := conn.Read(reply); err != nil {
			b.Fatal(err)
		}
		conn.Close()
	}
	return (cpu() - used) / time.Duration(n)
}

func checks(b *testing.B, port uint16) (each time.Duration, megabytes float64) {
	z := newZone(b)
	before := resident()
	g := New(Options{Sink: sources.Into(z), Logger: quiet})
	var probes, failed atomic.Int64
	g.ask = func(w *worker, ctx context.Context, c *zone.Check, s []zone.Spot, best int) (int, error) {
		at, err := w.probe(ctx, c, s, best)
		if probes.Add(1); err != nil {
			failed.Add(1)
		}
		return at, err
	}
	start(b, g)
	c := zone.Change{Source: "test"}
	for i := range benchInstances {
		in := checked(fmt.Sprint(i), path("/health", func(c *zone.Check) { c.Interval, c.Timeout = benchInterval, 2*time.Second }))
		in.Endpoints = []zone.Endpoint{{Addr: benchAddr(i), Ports: []zone.Port{{Number: port}}}}
		c.Put = append(c.Put, in)
	}
	send(b, g, c)
	time.Sleep(2 * benchInterval) // until they are spread
	n, used := probes.Load(), cpu()
	time.Sleep(benchInterval)
	used = cpu() - used
	n = probes.Load() - n
	if failed.Load() > 0 || n < benchInstances*9/10 {
		b.Fatalf("%d probes, %d failed; want 10,000, none failed", n, failed.Load())
	}
	return used / time.Duration(n), resident() - before
}

// resident is what the process has in memory, in MB.
func resident() float64 {
	runtime.GC()
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var size, pages float64
	fmt.Sscan(string(data), &size, &pages)
	return pages * float64(os.Getpagesize()) / 1e6
}
