package resolver

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-dns/rollcall/integration/internal/rollcall"
)

const loopLine = "leads back to us"

// A server whose upstream is itself says so, and goes on.
func TestServerThatIsItsOwnUpstream(t *testing.T) {
	port := freePorts(t, 1)[0]
	at := fmt.Sprintf("127.0.0.1:%d", port)
	s := serve(t, "--dns", at, "--upstream", at)
	expect(t, "a name of others", ask(t, s.DNS[0], "www.example. A"), "SERVFAIL ra ede=22")
	expect(t, "a name of ours", ask(t, s.DNS[0], "nope.svc.internal. A"), "NXDOMAIN aa ra")
	if !strings.Contains(s.Log(), "a server is this one") {
		t.Error("the log does not say so")
	}
}

// Two and three servers in a ring, as one mistake in a resolv.conf makes it.
func TestRings(t *testing.T) {
	for n := 2; n <= 3; n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			servers := ring(t, n)
			eventually(t, func() bool { return loops(servers) > 0 })
			for i, s := range servers {
				began := time.Now()
				if got := ask(t, s.DNS[0], fmt.Sprintf("www%d.example. A", i)); !strings.HasPrefix(got, "SERVFAIL ra ede=2") {
					t.Errorf("server %d answers %s", i, got)
				}
				if d := time.Since(began); d > 4*time.Second {
					t.Errorf("server %d answered after %v", i, d)
				}
				expect(t, "a name of ours", ask(t, s.DNS[0], "nope.svc.internal. A"), "NXDOMAIN aa ra")
			}
		})
	}
}

// ring starts servers of which each asks the next.
func ring(t *testing.T, n int, more ...string) (servers []*rollcall.Server) {
	t.Helper()
	ports := freePorts(t, n)
	for i := range ports {
		flags := []string{"--dns", fmt.Sprintf("127.0.0.1:%d", ports[i]), "--upstream", fmt.Sprintf("127.0.0.1:%d", ports[(i+1)%n])}
		servers = append(servers, serve(t, append(flags, more...)...))
	}
	return servers
}

func loops(servers []*rollcall.Server) (n int) {
	for _, s := range servers {
		n += strings.Count(s.Log(), loopLine)
	}
	return n
}

// What is asked in a loop goes round it once, and one way out serves all.
func TestRingWithAWayOut(t *testing.T) {
	up := startDnsmasq(t, "address=/#/192.0.2.80")
	servers := ring(t, 3, "--upstream", up.at.String())
	for _, s := range servers {
		expect(t, "by the way out", ask(t, s.DNS[0], "www.example. A"), "NOERROR ra | www.example. A 192.0.2.80")
	}
	if n := len(up.asked(t, "www.example")); n > 10 {
		t.Errorf("three questions became %d", n)
	}
}
