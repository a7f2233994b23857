package faults

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/rollcall-dns/rollcall/integration/internal/rollcall"
)

// soon is how long answers may be wrong after a fault of the engine or its events.
const soon = 5 * time.Second

var raced = flag.Bool("raced", false, "build the program with the race detector, and fail where it sees a race")

// shared is the directory of what is made once for all tests.
var shared string

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) int {
	var err error
	if shared, err = os.MkdirTemp("", "rcf"); err != nil { // short, for the sake of sockets
		panic(err)
	}
	defer os.RemoveAll(shared)
	defer removeEngine()
	defer results.print()
	return m.Run()
}

// program builds the programs once, and gives their directory.
var programs = sync.OnceValues(func() (string, error) {
	dir := filepath.Join(shared, "bin")
	err := rollcall.Build(dir, "integration/peer")
	if *raced {
		err = errors.Join(err, os.Setenv("GORACE", "halt_on_error=1"), rollcall.BuildRaced(dir))
	}
	return dir, err
})

func program(t testing.TB) string {
	t.Helper()
	dir, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "rollcall")
}

// serve runs a server until the end of the test.
func serve(t testing.TB, flags ...string) *rollcall.Server {
	t.Helper()
	return serveWith(t, nil, flags...)
}

// serveWith has a command run the server, such as unshare with its options.
func serveWith(t testing.TB, within []string, flags ...string) *rollcall.Server {
	t.Helper()
	command := append(within[:len(within):len(within)], program(t), "serve", "--dns", "127.0.0.1:0", "--http", "127.0.0.1:0")
	s, err := rollcall.Start(exec.Command(command[0], append(command[1:], flags...)...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Stop(syscall.SIGTERM)
		if strings.Contains(s.Log(), "DATA RACE") {
			t.Error("the server has a race")
		}
		if t.Failed() {
			t.Logf("the server's log:\n%s", s.Log())
		}
	})
	if err := s.WaitReady(); err != nil {
		t.Fatalf("%v\n%s", err, s.Log())
	}
	return s
}

// table is what docs/faults.md shows.
type table struct {
	mu   sync.Mutex // guards rows
	rows []string
}

var results table

// row notes how long answers were not the truth after a fault, or what else it cost.
func (r *table) row(t testing.TB, fault, format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	name, _, _ := strings.Cut(t.Name(), "/")
	r.rows = append(r.rows, fmt.Sprintf("%s\t%s\t%s", fault, fmt.Sprintf(format, args...), name))
}

func (r *table) print() {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "FAULT\tMEASURED\tTEST")
	for _, row := range r.rows {
		fmt.Fprintln(w, row)
	}
	w.Flush()
}

func ms(d time.Duration) string {
	if d < time.Millisecond {
		return "less than 1ms"
	}
	return d.Round(time.Millisecond).String()
}
