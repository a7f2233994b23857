package resolver

import (
	"context"
	"flag"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

var remembered = flag.Int("remembered", 20_000, "names of others that are looked up, to be remembered")

// perName is what a name of 28 octets with one address takes of --cache-size.
const perName = 335 // and no part of the cache is full before the others

// forAskers is what the server takes for 32 askers and their questions, in octets.
const forAskers = 16 << 20

// The process grows by no more than --cache-size, with a million names as well, nor when
// others take their place:
//
//	go test ./integration/resolver -run Remembered -v -remembered 1000000
func TestMemoryOfWhatIsRemembered(t *testing.T) {
	size := *remembered * perName
	s := serve(t, "--upstream", startSwift(t).String(), "--cache-size", fmt.Sprint(size))
	bare := resident(t, s)
	lookUp(t, s.DNS[0].String(), 0, *remembered)
	answers, bytes := metric(t, s, "rollcall_cache_answers"), metric(t, s, "rollcall_cache_bytes")
	t.Logf("%.0f names in %.1f MB by account, %.0f octets each; the process took %d MB before, %d MB after, %d MB at most; --cache-size is %d MB",
		answers, bytes/1e6, bytes/answers, bare/1e6, resident(t, s)/1e6, peak(t, s)/1e6, size/1e6)
	if answers < 0.99*float64(*remembered) || int(bytes) > size {
		t.Errorf("%.0f of %d names are remembered, in %.0f octets", answers, *remembered, bytes)
	}
	lookUp(t, s.DNS[0].String(), *remembered, 2**remembered)
	t.Logf("%d MB at most after as many others", peak(t, s)/1e6)
	if grew := peak(t, s) - bare; grew > size+forAskers {
		t.Errorf("the process grew by %d octets, of --cache-size %d", grew, size)
	}
}

// lookUp asks for names of 28 octets, from the first to the one before end, each until
// there is an answer, as fast as 32 askers get them.
func lookUp(t *testing.T, server string, first, end int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	var next, again atomic.Int64
	next.Store(int64(first))
	var asking sync.WaitGroup
	for range 32 {
		asking.Go(func() {
			c, err := dns.DialTimeout("udp", server, time.Second)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			for i := next.Add(1) - 1; i < int64(end); i = next.Add(1) - 1 {
				for !found(c, fmt.Sprintf("n%07d.remembered.example.", i)) {
					if again.Add(1); ctx.Err() != nil {
						return
					}
				}
			}
		})
	}
	asking.Wait()
	t.Logf("%d names, and %d asked for again", end-first, again.Load())
	if ctx.Err() != nil {
		t.Error("not all names were looked up in time")
	}
}

// found reports whether there is an answer: on a busy machine some are lost.
func found(c *dns.Conn, name string) bool {
	m := new(dns.Msg).SetQuestion(name, dns.TypeA)
	c.SetDeadline(time.Now().Add(5 * time.Second))
	if c.WriteMsg(m) != nil {
		return false
	}
	for {
		in, err := c.ReadMsg()
		if err != nil || in.Id == m.Id {
			return err == nil && in.Rcode == dns.RcodeSuccess
		}
	}
}
