package resolver

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// An upstream that stands still is told within 4 s, and its first good answer comes
// within 1 s of its return.
func TestUpstreamThatStandsStill(t *testing.T) {
	up := startDnsmasq(t, "address=/#/192.0.2.80")
	s := serve(t, "--upstream", up.at.String())
	expect(t, "before", ask(t, s.DNS[0], "a.example. A"), "NOERROR ra | a.example. A 192.0.2.80")
	up.signal(syscall.SIGSTOP)
	began := time.Now()
	expect(t, "while it stands still", ask(t, s.DNS[0], "b.example. A"), "SERVFAIL ra ede=22")
	if d := time.Since(began); d > 4*time.Second {
		t.Errorf("SERVFAIL came after %v", d)
	}
	up.signal(syscall.SIGCONT)
	back := time.Now()
	eventually(t, func() bool { return strings.HasPrefix(ask(t, s.DNS[0], "b.example. A"), "NOERROR") })
	t.Logf("the first good answer came %v after its return", time.Since(back).Round(time.Millisecond))
	if d := time.Since(back); d > time.Second {
		t.Errorf("the first good answer came %v after its return", d)
	}
}

// One of two upstreams stands still: nobody waits for it.
func TestOneOfTwoUpstreamsStandsStill(t *testing.T) {
	still, up := startDnsmasq(t, "address=/#/192.0.2.80"), startDnsmasq(t, "address=/#/192.0.2.80")
	s := serve(t, "--upstream", still.at.String(), "--upstream", up.at.String())
	still.signal(syscall.SIGSTOP)
	var slow int
	for i := range 200 {
		began := time.Now()
		expect(t, "by the other", ask(t, s.DNS[0], fmt.Sprintf("n%d.example. A", i)), fmt.Sprintf("NOERROR ra | n%d.example. A 192.0.2.80", i))
		if time.Since(began) > time.Second {
			slow++
		}
	}
	if slow > 1 {
		t.Errorf("%d of 200 questions took longer than a second", slow)
	}
}

// Questions that wait for an upstream that stands still hold up none about our names.
func TestOwnNamesBesideAStandstill(t *testing.T) {
	up := startDnsmasq(t, "address=/#/192.0.2.80")
	s := serve(t, "--upstream", up.at.String())
	up.signal(syscall.SIGSTOP)
	var wg sync.WaitGroup
	defer wg.Wait()
	for i := range 300 {
		wg.Go(func() {
			in, err := exchange(s.DNS[0], fmt.Sprintf("n%d.example. A", i), 5*time.Second)
			if err != nil || in.Rcode != 2 {
				t.Errorf("one that waits: %v, %v", in, err)
			}
		})
	}
	var took []time.Duration
	for range 300 {
		began := time.Now()
		expect(t, "a name of ours", ask(t, s.DNS[0], "nope.svc.internal. A"), "NXDOMAIN aa ra")
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	t.Logf("p50 %v, p99 %v", took[150], took[297])
	if took[297] > time.Second {
		t.Errorf("p99 %v beside 300 questions that wait", took[297])
	}
}
