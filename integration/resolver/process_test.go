package resolver

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/rollcall-dns/rollcall/integration/internal/rollcall"
)

// peak is the most memory that a server has had so far, in octets.
func peak(t testing.TB, s *rollcall.Server) int { return status(t, s, "VmHWM") }

// resident is the memory that a server has now, in octets.
func resident(t testing.TB, s *rollcall.Server) int { return status(t, s, "VmRSS") }

func status(t testing.TB, s *rollcall.Server, field string) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.Pid()))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); f[0] == field+":" {
			kb, err := strconv.Atoi(f[1])
			if err != nil {
				t.Fatal(err)
			}
			return kb << 10
		}
	}
	t.Fatalf("no %s of the server", field)
	return 0
}

// metric is the sum of a server's metrics of one name.
func metric(t testing.TB, s *rollcall.Server, name string) (sum float64) {
	t.Helper()
	resp, err := http.Get("http://" + s.HTTP + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if series, value, _ := strings.Cut(lines.Text(), " "); series == name || strings.HasPrefix(series, name+"{") {
			v, err := strconv.ParseFloat(value, 64)
			if err != nil {
				t.Fatal(err)
			}
			sum += v
		}
	}
	return sum
}
