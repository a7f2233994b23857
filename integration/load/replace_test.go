package load

import (
	"context"
	"flag"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/rollcall-dns/rollcall/integration/internal/steady"
)

var (
	rate         = flag.Int("rate", 2000, "how many questions are asked a second")
	replacements = flag.Int("replacements", 2, "how often the server is replaced")
	between      = flag.Duration("between", 500*time.Millisecond, "how long a server stays that is replaced")
)

// TestReplacementLosesNothing replaces the server under load: each question is asked
// once, and so is each lease renewed; the one or the other server answers.
func TestReplacementLosesNothing(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	s := serve(t, "--dns", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data-dir", data)
	register(t, s, "web", 10, func(i int) string { return fmt.Sprintf(`{"addresses":["192.0.2.%d"],"lease":"1h"}`, i+1) })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	asked := make(chan *steady.Report, 1)
	at := s.DNS[0]
	go func() { asked <- ask(ctx, t, at, "web.svc.internal", *rate) }()
	renewed := make(chan renewals, 1)
	api := s.HTTP
	go func() { renewed <- renew(ctx, t, api, "web", 10) }()
	for range *replacements {
		time.Sleep(*between)
		next := serve(t, "--replace", "--dns", s.DNS[0].String(), "--http", s.HTTP, "--data-dir", data)
		if _, err := s.Wait(); err != nil {
			t.Errorf("the server that was replaced: %v\n%s", err, s.Log())
		}
		s = next
	}
	time.Sleep(500 * time.Millisecond)
	cancel()
	r := <-asked
	hb := <-renewed
	t.Logf("%d leases renewed, %d not", hb.done, hb.lost)
	t.Logf("replaced %d times at %d questions a second: %v", *replacements, *rate, r)
	if r.Wrong > 0 || r.Lost*1000 > r.Asked {
		t.Errorf("%d of %d questions were lost, %d answered wrongly", r.Lost, r.Asked, r.Wrong)
	}
}
