package conformance

import (
	"bytes"
	"net"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestManyConnections has as many connections as the descriptors allow, up to 10,000:
// most are idle, some send one octet at a time, some never read. UDP is answered
// meanwhile as fast as before, and all of them are ended by the server.
func TestManyConnections(t *testing.T) {
	const each = 500 // from one address
	n := connections(t)
	s := start(t, "--tcp-connections", strconv.Itoa(n), "--tcp-connections-per-address", strconv.Itoa(each))
	ready(t, s, instances)
	udp, tcp := path{"udp4", s.DNS[0]}, path{"tcp4", s.DNS[0]}
	before, empty := latency(t, udp), memory(t, s)

	var open []*wire
	for i := range n {
		open = append(open, dialFrom(t, tcp, tcp.loopback(1+i/each)))
		open[i].within(2 * patience)
	}
	var busy sync.WaitGroup
	busy.Go(func() { writeSlowly(open[:n/10]) })
	for _, w := range open[n/10 : n/10+20] {
		busy.Go(func() { neverRead(w) })
	}
	during, full := latency(t, udp), memory(t, s)
	busy.Wait()
	for i, w := range open {
		if !closed(w) {
			t.Fatalf("connection %d is not ended", i)
		}
	}
	for range 10 {
		if dialFrom(t, tcp, tcp.loopback(1)).ask(probe) == "nothing" {
			t.Error("no slot is free afterwards")
		}
	}
	after := latency(t, udp)
	t.Logf("%d connections: the median over UDP was %v before, %v with them, %v after; memory %d KiB without them, %d KiB with them", n, before, during, after, empty, full)
	if during > 10*max(before, after) {
		t.Errorf("UDP took %v with %d connections, %v before and %v after", during, n, before, after)
	}
	if full > empty+32*n+16<<10 {
		t.Errorf("the server's memory grew from %d KiB to %d KiB with %d connections", empty, full, n)
	}
}

// connections is how many a process can have, up to 10,000.
func connections(t *testing.T) int {
	t.Helper()
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		t.Fatal(err)
	}
	return min(10_000, int(l.Cur)-200)
}

// latency is the median time of a question.
func latency(t *testing.T, p path) time.Duration {
	t.Helper()
	w := dial(t, p)
	times := make([]time.Duration, 1001)
	for i := range times {
		query := w.message("web.svc.test. SRV +edns")
		began := time.Now()
		w.send(query)
		w.receive()
		times[i] = time.Since(began)
	}
	slices.Sort(times)
	return times[len(times)/2]
}

// writeSlowly sends an octet over each connection, then another, until all are closed.
func writeSlowly(ws []*wire) {
	for open := slices.Clone(ws); len(open) > 0; time.Sleep(100 * time.Millisecond) {
		open = slices.DeleteFunc(open, func(w *wire) bool {
			_, err := w.Write([]byte{1})
			return err != nil
		})
	}
}

// neverRead asks for long answers until the connection is closed.
func neverRead(w *wire) {
	w.Conn.(*net.TCPConn).SetReadBuffer(4 << 10)
	queries := bytes.Repeat(framed(message(1, "huge.svc.test. A")), 1000)
	for {
		if _, err := w.Write(queries); err != nil {
			return
		}
	}
}
