package cache

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"github.com/rollcall-dns/rollcall/dnsserver"
)

const (
	askA  = "a.example. A"
	fresh = "NOERROR\nan a.example. 100 A 192.0.2.1"
	newer = "NOERROR\nan a.example. 100 A 192.0.2.2"
	stale = "NOERROR ede=3\nan a.example. 30 A 192.0.2.1"
)

// inBubble runs a test of a cache on the time of a bubble.
func inBubble(t *testing.T, keep time.Duration, f func(t *testing.T, o *origin, c *Cache)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		o := new(origin)
		o.tell(t, askA, "NOERROR", "an a.example. 100 A 192.0.2.1")
		c := New(o, Options{Bytes: 1 << 20, Stale: keep})
		defer c.Close()
		if got := askOnce(t, c, askA); got != fresh {
			t.Fatalf("got %s", got)
		}
		o.tell(t, askA, "NOERROR", "an a.example. 100 A 192.0.2.2")
		f(t, o, c)
	})
}

func TestWhatIsPopularIsRenewedBeforeItsEnd(t *testing.T) {
	inBubble(t, 0, func(t *testing.T, o *origin, c *Cache) {
		for range popular {
			time.Sleep(time.Second)
			askMemory(t, c, askA)
		}
		time.Sleep(91*time.Second - popular*time.Second)
		if got, want := askMemory(t, c, askA), "NOERROR\nan a.example. 9 A 192.0.2.1"; got != want {
			t.Errorf("who asks near the end waits for nobody: got %s, want %s", got, want)
		}
		synctest.Wait()
		if got := askMemory(t, c, askA); got != newer {
			t.Errorf("got %s, want %s", got, newer)
		}
		if n := o.count(askA); n != 2 {
			t.Errorf("the origin was asked %d times, want 2", n)
		}
	})
}

func TestWhatIsNotPopularEnds(t *testing.T) {
	inBubble(t, 0, func(t *testing.T, o *origin, c *Cache) {
		for range 1000 { // all at one time
			askMemory(t, c, askA)
		}
		time.Sleep(95 * time.Second)
		askMemory(t, c, askA)
		time.Sleep(5 * time.Second)
		if got := askMemory(t, c, askA); got != "" || o.count(askA) != 1 {
			t.Errorf("got %q after %d questions", got, o.count(askA))
		}
	})
}

func TestAPopularNameIsAskedForOnceAtATime(t *testing.T) {
	inBubble(t, 0, func(t *testing.T, o *origin, c *Cache) {
		o.do(askA, func(ctx context.Context, _ *dnsserver.Query) (*dns.Msg, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		for range 99 {
			time.Sleep(time.Second)
			askMemory(t, c, askA)
			askMemory(t, c, askA)
		}
		if n := o.count(askA); n != 2 {
			t.Errorf("the origin was asked %d times, want 2", n)
		}
	})
}

func TestRenewalsAreBoundedAndEndWithTheCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := new(origin)
		c := New(o, Options{Bytes: 1 << 20})
		var under, ended atomic.Int32
		asks := make([]string, 3*maxRenewals)
		for i := range asks {
			name := fmt.Sprintf("n%d.example.", i)
			asks[i] = name + " A"
			o.tell(t, asks[i], "NOERROR", "an "+name+" 1000 A 192.0.2.1")
		}
		for range 1 + popular {
			for _, ask := range asks {
				askOnce(t, c, ask)
			}
			time.Sleep(time.Second)
		}
		for _, ask := range asks {
			o.do(ask, func(ctx context.Context, _ *dnsserver.Query) (*dns.Msg, error) {
				under.Add(1)
				<-ctx.Done()
				ended.Add(1)
				return nil, ctx.Err()
			})
		}
		time.Sleep(950 * time.Second)
		for _, ask := range asks {
			askMemory(t, c, ask)
		}
		synctest.Wait()
		if n := under.Load(); n != maxRenewals {
			t.Errorf("%d under way at a time, want %d", n, maxRenewals)
		}
		c.Close()
		if b, n := under.Load(), ended.Load(); b != n {
			t.Errorf("%d were begun, and %d have ended", b, n)
		}
	})
}

func TestAPanicOfARenewalIsNobodysEnd(t *testing.T) {
	inBubble(t, time.Hour, func(t *testing.T, o *origin, c *Cache) {
		o.do(askA, func(context.Context, *dnsserver.Query) (*dns.Msg, error) { panic("of the test") })
		time.Sleep(101 * time.Second)
		if got := askOnce(t, c, askA); got != stale {
			t.Errorf("got %s, want %s", got, stale)
		}
	})
}

func TestStaleAnswersAreNotGivenUnlessWanted(t *testing.T) {
	inBubble(t, 0, func(t *testing.T, o *origin, c *Cache) {
		o.tell(t, askA, "SERVFAIL")
		time.Sleep(100 * time.Second)
		if got := askOnce(t, c, askA); got != "SERVFAIL" {
			t.Errorf("got %s", got)
		}
	})
}

func TestStaleAnswersStandInForFailures(t *testing.T) {
	failures := map[string]answerOf{
		"SERVFAIL": func(context.Context, *dnsserver.Query) (*dns.Msg, error) {
			return &dns.Msg{MsgHdr: dns.MsgHdr{Rcode: dns.RcodeServerFailure}}, nil
		},
		"error": func(context.Context, *dnsserver.Query) (*dns.Msg, error) {
			return nil, errors.New("all upstreams are dead")
		},
		"nobody knows": func(context.Context, *dnsserver.Query) (*dns.Msg, error) { return nil, nil },
		"silence": func(ctx context.Context, _ *dnsserver.Query) (*dns.Msg, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		},
	}
	for name, fail := range failures {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 24*time.Hour, func(t *testing.T, o *origin, c *Cache) {
				o.do(askA, fail)
				time.Sleep(time.Hour)
				began := time.Now()
				if got := askOnce(t, c, askA); got != stale {
					t.Fatalf("got %s, want %s", got, stale)
				}
				want := map[bool]time.Duration{true: patience}[name == "silence"]
				if took := time.Since(began); took != want {
					t.Errorf("it took %v, want %v", took, want)
				}
				// Nobody waits again for what failed so lately.
				if got := askMemory(t, c, askA); got != stale || o.count(askA) != 2 {
					t.Errorf("got %s after %d questions", got, o.count(askA))
				}
				o.tell(t, askA, "NOERROR", "an a.example. 100 A 192.0.2.2")
				time.Sleep(recheck)
				if got := askOnce(t, c, askA); got != newer {
					t.Errorf("got %s, want %s", got, newer)
				}
			})
		})
	}
}

func TestAStaleNameThatDoesNotExist(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := new(origin)
		o.tell(t, askA, "NXDOMAIN", "ns "+soaOf("20", "20"))
		c := New(o, Options{Bytes: 1 << 20, Stale: time.Hour})
		defer c.Close()
		askOnce(t, c, askA)
		o.tell(t, askA, "SERVFAIL")
		time.Sleep(time.Minute)
		if got, want := askOnce(t, c, askA), "NXDOMAIN ede=19\nns "+soaOf("20", "20"); got != want {
			t.Errorf("got %s, want %s: no TTL is raised", got, want)
		}
	})
}

// As long as nothing has failed, nobody gets an old answer.
func TestAllWhoAskAtTheEndGetTheNewAnswer(t *testing.T) {
	inBubble(t, time.Hour, func(t *testing.T, o *origin, c *Cache) {
		m := messageOf(t, askA, "NOERROR", "an a.example. 100 A 192.0.2.2")
		o.do(askA, func(context.Context, *dnsserver.Query) (*dns.Msg, error) {
			time.Sleep(time.Second)
			return m, nil
		})
		time.Sleep(101 * time.Second)
		askers := make([]string, 5)
		var done sync.WaitGroup
		for i := range askers {
			done.Go(func() {
				time.Sleep(time.Duration(i) * 100 * time.Millisecond)
				if askers[i] = askMemory(t, c, askA); askers[i] == "" {
					askers[i] = askOnce(t, c, askA)
				}
			})
		}
		done.Wait()
		if slices.ContainsFunc(askers, func(s string) bool { return s != newer }) || o.count(askA) != 2 {
			t.Errorf("got %q after %d questions", askers, o.count(askA))
		}
	})
}

func TestALateAnswerIsRemembered(t *testing.T) {
	inBubble(t, time.Hour, func(t *testing.T, o *origin, c *Cache) {
		m := messageOf(t, askA, "NOERROR", "an a.example. 100 A 192.0.2.2")
		o.do(askA, func(context.Context, *dnsserver.Query) (*dns.Msg, error) {
			time.Sleep(3 * time.Second)
			return m, nil
		})
		time.Sleep(101 * time.Second)
		askers := make([]string, 5)
		var done sync.WaitGroup
		for i := range askers {
			done.Go(func() { askers[i] = askOnce(t, c, askA) })
		}
		done.Wait()
		if slices.ContainsFunc(askers, func(s string) bool { return s != stale }) {
			t.Errorf("got %q", askers)
		}
		time.Sleep(3*time.Second - patience)
		synctest.Wait()
		if got := askMemory(t, c, askA); got != newer || o.count(askA) != 2 {
			t.Errorf("got %s after %d questions", got, o.count(askA))
		}
	})
}

func TestWhatIsTooStaleIsForgotten(t *testing.T) {
	inBubble(t, time.Hour, func(t *testing.T, o *origin, c *Cache) {
		o.tell(t, askA, "SERVFAIL")
		time.Sleep(time.Hour + 100*time.Second)
		if got := askOnce(t, c, askA); got != "SERVFAIL" {
			t.Errorf("got %s", got)
		}
	})
}

func TestWhoGoesAwayDoesNotWait(t *testing.T) {
	inBubble(t, time.Hour, func(t *testing.T, o *origin, c *Cache) {
		o.do(askA, func(ctx context.Context, _ *dnsserver.Query) (*dns.Msg, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		time.Sleep(101 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		q := queryOf(t, askA)
		q.MayWait = true
		if _, err := c.Answer(ctx, q); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}
