package resolver

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rollcall-dns/rollcall/dnsserver/upstream/upstreamtest"
	"github.com/rollcall-dns/rollcall/integration/internal/rollcall"
	"github.com/rollcall-dns/rollcall/integration/internal/steady"
)

var (
	flood  = flag.Int("flood", 2_000, "random names of others that are asked for in a second")
	rounds = flag.Int("rounds", 1, "how often names of ours are timed beside a flood, and as often without")
)

// clients are askers in different networks, as limits count them.
func clients(n int) (addrs []netip.Addr) {
	for i := range n {
		addrs = append(addrs, netip.AddrFrom4([4]byte{127, 1, byte(i), 1}))
	}
	return addrs
}

// A flood of names that nobody has asked for before takes no answer about our names from
// anybody, and no more memory than there may be, whether the upstream answers or not.
func TestFloodOfRandomNames(t *testing.T) {
	for _, tt := range []struct{ name, up string }{
		{"upstream answers", startSwift(t).String()},
		{"upstream is silent", upstreamtest.Start(t, upstreamtest.Drop).Addr()},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t, "--upstream", tt.up, "--cache-size", "8MiB")
			registerOwn(t, s)
			var without, with []*steady.Report
			var memory []int
			for range *rounds {
				without = append(without, own(t, s, time.Now().Add(*lasting)))
				during, others := flooded(t, s)
				with = append(with, during)
				memory = append(memory, resident(t, s)>>20)
				t.Logf("without %v; with %v; others: %v, of them %d good", without[len(without)-1], during, others, others.Good)
			}
			t.Logf("names of ours: p99 %v without, %v with the flood; memory %v MB after each round, at most %d MB",
				median(without), median(with), memory, peak(t, s)>>20)
			checkCache(t, s)
			lost, asked := 0, 0
			for _, r := range with {
				lost, asked = lost+r.Lost+r.Wrong, asked+r.Asked
			}
			if measured() && lost*1000 > asked || lost*4 > asked {
				t.Errorf("%d of %d questions about names of ours were lost", lost, asked)
			}
			if n := peak(t, s); n > maxMemory {
				t.Errorf("the server took %d octets", n)
			}
		})
	}
}

// flooded asks for a name of ours while others flood the server.
func flooded(t *testing.T, s *rollcall.Server) (ours, others *steady.Report) {
	t.Helper()
	until := time.Now().Add(*lasting)
	ctx, cancel := context.WithDeadline(t.Context(), until)
	defer cancel()
	var flooding sync.WaitGroup
	flooding.Go(func() {
		salt := rand.Uint32()
		var err error
		others, err = steady.Ask(ctx, steady.Questions{
			Server: s.DNS[0], Rate: *flood, From: clients(8), Patience: 4 * time.Second,
			Name: func(n int) string { return fmt.Sprintf("%x-%d.flood.example", salt, n) },
		})
		if err != nil {
			t.Error(err)
		}
	})
	ours = own(t, s, until)
	flooding.Wait()
	if others == nil {
		t.FailNow()
	}
	return ours, others
}

// median is that of the 99th percentiles of rounds.
func median(rounds []*steady.Report) time.Duration {
	var p99 []time.Duration
	for _, r := range rounds {
		p99 = append(p99, r.At(.99))
	}
	slices.Sort(p99)
	return p99[len(p99)/2]
}

// checkCache holds what the cache takes against what it may.
func checkCache(t *testing.T, s *rollcall.Server) {
	t.Helper()
	bytes, limit := metric(t, s, "rollcall_cache_bytes"), metric(t, s, "rollcall_cache_limit_bytes")
	t.Logf("cache: %.0f answers in %.0f of %.0f octets", metric(t, s, "rollcall_cache_answers"), bytes, limit)
	if bytes > limit || limit == 0 {
		t.Errorf("the cache takes %.0f octets, and may take %.0f", bytes, limit)
	}
}

// A thousand slow questions wait; what is beyond is told so at once; names of ours are
// answered as before.
func TestThousandSlowQuestions(t *testing.T) {
	slow := upstreamtest.Delay(3*time.Second, good)
	one, two := upstreamtest.Start(t, slow), upstreamtest.Start(t, slow)
	s := serve(t, "--upstream", one.Addr(), "--upstream", two.Addr())
	registerOwn(t, s)
	before := own(t, s, time.Now().Add(*lasting))
	var slowly *steady.Report
	var asking sync.WaitGroup
	asking.Go(func() { slowly = askSlowly(t, s) })
	during := own(t, s, time.Now().Add(2*time.Second))
	asking.Wait()
	if slowly == nil {
		t.FailNow()
	}
	t.Logf("%d slow questions: %d answered, %d failed, half within %v; ours: before %v, beside them %v; memory %d MB",
		slowly.Asked, slowly.Good, slowly.Failed, slowly.At(.5), before, during, peak(t, s)>>20)
	if during.Lost*1000 > during.Asked || during.Wrong > 0 {
		t.Errorf("names of ours: %v", during)
	}
	if slowly.Lost > 0 || slowly.Good < 500 || slowly.Good > 1000 {
		t.Errorf("slow questions: %v, %d of them good", slowly, slowly.Good)
	}
	if n := peak(t, s); n > maxMemory {
		t.Errorf("the server took %d octets", n)
	}
}

// askSlowly asks 2,000 questions within a second, from eight networks.
func askSlowly(t *testing.T, s *rollcall.Server) *steady.Report {
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	r, err := steady.Ask(ctx, steady.Questions{
		Server: s.DNS[0], Rate: 2000, From: clients(8), Patience: 5 * time.Second,
		Name: func(n int) string { return fmt.Sprintf("slow%d.example", n) },
	})
	if err != nil {
		t.Error(err)
	}
	return r
}
