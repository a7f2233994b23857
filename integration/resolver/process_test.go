package resolver

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/rollcall-dns/rollcall/integration/internal/rollcall"
)

// peak is the most memory that a server has had so far, in octets.
func peak(t testing.TB, s *rollcall.Server) int { return status(t, s, "VmHWM") }

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
