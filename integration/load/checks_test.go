package load

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// rounds is how often BenchmarkAnswersBesideChecks measures with checks and without:
//
//	go test ./integration/load -run '^$' -bench Checks -benchtime 1x -rate 5000 -rounds 7
var rounds = flag.Int("rounds", 3, "how often answers are timed with checks, and as often without")

const (
	checked  = 10_000           // instances
	interval = 10 * time.Second // of their checks
)

// BenchmarkAnswersBesideChecks asks at a steady rate while the server makes 10,000
// HTTP checks each 10 s, and while this process makes the same requests in its place:
// so the machine and what is checked have the same work in both.
func BenchmarkAnswersBesideChecks(b *testing.B) {
	target := startTarget(b)
	for b.Loop() {
		var with, without []time.Duration
		for range *rounds {
			without = append(without, timed(b, target, false))
			with = append(with, timed(b, target, true))
		}
		b.Logf("99 %% within, without checks %v, with %v", without, with)
		slices.Sort(without)
		slices.Sort(with)
		b.ReportMetric(float64(without[len(without)/2].Microseconds()), "p99-µs-without")
		b.ReportMetric(float64(with[len(with)/2].Microseconds()), "p99-µs-with")
		b.ReportMetric(float64(with[len(with)/2])/float64(without[len(without)/2]), "ratio")
	}
}

// timed gives the time within which 99 % of the questions are answered.
func timed(b *testing.B, target string, checks bool) time.Duration {
	s := serve(b, "--dns", "127.0.0.1:0", "--http", "127.0.0.1:0")
	defer s.Stop(syscall.SIGTERM)
	host, port, _ := net.SplitHostPort(target)
	check := "null"
	if checks {
		check = fmt.Sprintf(`{"http":"/health","interval":"%v","initial":"up"}`, interval)
	}
	register(b, s, "asked", 10, func(i int) string { return fmt.Sprintf(`{"addresses":["192.0.2.%d"],"lease":"1h"}`, i+1) })
	register(b, s, "checked", checked, func(i int) string {
		return fmt.Sprintf(`{"addresses":["%s"],"ports":[{"number":%s}],"lease":"1h","host":"h%d","check":%s}`, host, port, i, check)
	})
	ctx, cancel := context.WithTimeout(b.Context(), 3*interval/2)
	defer cancel()
	if !checks {
		go request(ctx, b, target)
	}
	time.Sleep(interval) // until they are spread
	r := ask(ctx, b, s.DNS[0], "asked.svc.internal", *rate)
	if b.Logf("checks %v: %v", checks, r); r.Wrong > 0 {
		b.Errorf("%d answers are wrong", r.Wrong)
	}
	return r.At(0.99)
}

// request asks the target as often as the checks do.
func request(ctx context.Context, b *testing.B, target string) {
	text := "GET /health HTTP/1.1\r\nHost: " + target + "\r\nConnection: close\r\n\r\n"
	reply := make([]byte, 4096)
	began := time.Now()
	for n := 0; ctx.Err() == nil; n++ {
		time.Sleep(time.Until(began.Add(time.Duration(n) * interval / checked)))
		conn, err := net.DialTimeout("tcp", target, 2*time.Second)
		if err != nil {
			b.Error(err)
			return
		}
		conn.SetDeadline(time.Now().Add(2 * time.Second))
		if _, err := io.WriteString(conn, text); err != nil {
			b.Error(err)
		}
		if _, err := conn.Read(reply); err != nil {
			b.Error(err)
		}
		conn.Close()
	}
}

// targetEnv makes the test binary what is checked, in a process of its own.
const targetEnv = "ROLLCALL_TEST_TARGET"

// startTarget gives the address of what is checked.
func startTarget(b *testing.B) string {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), targetEnv+"=1")
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
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// serveTarget answers every request with 204, until its input ends.
func serveTarget() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(l.Addr())
	go http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	io.Copy(io.Discard, os.Stdin)
}
