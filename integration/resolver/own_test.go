package resolver

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/rollcall-dns/rollcall/integration/internal/rollcall"
	"github.com/rollcall-dns/rollcall/integration/internal/steady"
)

const ownName = "own.svc.internal"

func registerOwn(t *testing.T, s *rollcall.Server) {
	register(t, s.HTTP, "own", `{"addresses":["192.0.2.1"],"ports":[{"number":80}],"lease":"10m"}`)
}

// own asks for a name of ours until some time: from a process of its own, beside the
// server on its processor, so that nothing of a flood stands between the two but the
// server itself.
func own(t testing.TB, s *rollcall.Server, until time.Time) *steady.Report {
	t.Helper()
	args := []string{os.Args[0]}
	if measured() {
		args = append([]string{"taskset", "-c", *core}, args...)
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stderr = os.Stderr
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%v %d %d", askerEnv, s.DNS[0], *beside, time.Until(until)))
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("ask for a name of ours: %v", err)
	}
	r := new(steady.Report)
	if err := json.Unmarshal(out, r); err != nil {
		t.Fatal(err)
	}
	return r
}

// askerEnv makes the test binary ask for a name of ours: its value says whom, how often
// in a second, and for how many nanoseconds.
const askerEnv = "ROLLCALL_TEST_ASKER"

func askOwn(how string) {
	var server string
	var rate int
	var d time.Duration
	if _, err := fmt.Sscan(how, &server, &rate, (*int64)(&d)); err != nil {
		panic(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	r, err := steady.Ask(ctx, steady.Questions{Server: netip.MustParseAddrPort(server), Name: steady.Always(ownName), Rate: rate})
	if err != nil {
		panic(err)
	}
	json.NewEncoder(os.Stdout).Encode(r)
}
