package lease

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock is a monotonic clock that stands still unless it is moved.
type clock struct{ ns atomic.Int64 }

func (c *clock) now() int64           { return c.ns.Load() }
func (c *clock) pass(d time.Duration) { c.ns.Add(int64(d)) }

func TestLeaseEndsWithin10msAndNeverBefore(t *testing.T) {
	for _, period := range []time.Duration{
		0, time.Nanosecond, 9 * time.Millisecond, 10 * time.Millisecond, time.Second, 2550 * time.Millisecond,
		2560 * time.Millisecond, 2570 * time.Millisecond, 30 * time.Second, 655350 * time.Millisecond, 655360 * time.Millisecond,
		655370 * time.Millisecond, time.Hour, 24 * time.Hour, 46*time.Hour + 36*time.Minute, 100 * time.Hour,
	} {
		for _, start := range []time.Duration{0, 3 * time.Millisecond, 2555 * time.Millisecond, 655355 * time.Millisecond, 50 * time.Hour} {
			c := new(clock)
			tab := NewTable(c.now)
			c.pass(start)
			tab.Grant("a", nobody, period)
			end := c.now() + int64(period)
			for {
				at, ok := tab.Next()
				if !ok {
					t.Fatalf("granted %v at %v: nothing to wait for at %v", period, start, time.Duration(c.now()))
				}
				c.ns.Store(max(at, c.now()))
				if ids := tab.Expire(1); len(ids) > 0 {
					break
				}
				if c.now() > end+int64(time.Second) {
					t.Fatalf("granted %v at %v: never ended", period, start)
				}
			}
			if late := time.Duration(c.now() - end); late < 0 || late > 10*time.Millisecond {
				t.Errorf("granted %v at %v: ended %v late", period, start, late)
			}
			if _, ok := tab.Next(); ok || tab.Len() != 0 {
				t.Errorf("granted %v at %v: something is left", period, start)
			}
		}
	}
}

func TestGrantKeepsTheLease(t *testing.T) {
	c := new(clock)
	tab := NewTable(c.now)
	first, created := tab.Grant("a", nobody, time.Second)
	if !created {
		t.Error("the first grant found a lease")
	}
	c.pass(time.Second) // it has ended, but nobody has removed it
	again, created := tab.Grant("a", nobody, time.Minute)
	if created || again != first || again.Deadline() != int64(61*time.Second) {
		t.Errorf("second grant: created %v, the same %v, ends at %v", created, again == first, time.Duration(again.Deadline()))
	}
	tab.Release("a")
	if other, created := tab.Grant("a", nobody, time.Second); !created || other == first {
		t.Error("a lease that was released came back")
	}
}

func TestShorterGrantEndsSooner(t *testing.T) {
	c := new(clock)
	tab := NewTable(c.now)
	tab.Grant("a", nobody, 24*time.Hour)
	tab.Grant("a", nobody, time.Second)
	c.pass(time.Second)
	if ids := tab.Expire(9); !slices.Equal(ids, []string{"a"}) {
		t.Errorf("expired %q after the shorter period, want a", ids)
	}
}

func TestRenew(t *testing.T) {
	tests := []struct {
		name string
		do   func(*clock, *Table)
		want bool
	}{
		{"in time", func(c *clock, tab *Table) { c.pass(999 * time.Millisecond) }, true},
		{"at the very end", func(c *clock, tab *Table) { c.pass(time.Second) }, false},
		{"after it was removed", func(c *clock, tab *Table) { c.pass(2 * time.Second); tab.Expire(9) }, false},
		{"after it was released", func(c *clock, tab *Table) { tab.Release("a") }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := new(clock)
			tab := NewTable(c.now)
			l, _ := tab.Grant("a", nobody, time.Second)
			tt.do(c, tab)
			before := l.Deadline()
			if got := tab.Renew([]byte("a"), nobody); got != tt.want {
				t.Errorf("Renew: %v, want %v", got, tt.want)
			}
			want := before
			if tt.want {
				want = c.now() + int64(time.Second)
			}
			if l.Deadline() != want {
				t.Errorf("it ends at %v, want %v", time.Duration(l.Deadline()), time.Duration(want))
			}
		})
	}
	if NewTable(new(clock).now).Renew([]byte("nobody"), nobody) {
		t.Error("renewed a lease that nobody has")
	}
}

func TestExpireGivesAtMostMaxInOrder(t *testing.T) {
	c := new(clock)
	tab := NewTable(c.now)
	for i := range 100 {
		tab.Grant(fmt.Sprintf("%02d", 99-i), nobody, time.Duration(100-i)*time.Millisecond) // of one tick in part
	}
	c.pass(time.Second)
	var got []string
	for {
		ids := tab.Expire(7)
		if len(ids) == 0 {
			break
		}
		if len(ids) > 7 {
			t.Fatalf("%d IDs at once, want at most 7", len(ids))
		}
		got = append(got, ids...)
		if at, ok := tab.Next(); len(got) < 100 && (!ok || at > c.now()) {
			t.Fatalf("after %d: Next says %v, %v; want now", len(got), at, ok)
		}
	}
	if len(got) != 100 || !slices.IsSorted(got) {
		t.Errorf("expired %q, want all in order", got)
	}
}

func TestRevivedWhileDue(t *testing.T) {
	c := new(clock)
	tab := NewTable(c.now)
	for _, id := range []string{"a", "b", "c"} {
		tab.Grant(id, nobody, time.Second)
	}
	c.pass(time.Second)
	if ids := tab.Expire(1); len(ids) != 1 {
		t.Fatalf("expired %q, want one", ids)
	}
	tab.Grant("b", nobody, time.Second)
	tab.Release("c")
	if ids := tab.Expire(9); len(ids) != 0 {
		t.Errorf("expired %q, want none: one was granted again, one released", ids)
	}
	c.pass(time.Second)
	if ids := tab.Expire(9); !slices.Equal(ids, []string{"b"}) {
		t.Errorf("expired %q, want b", ids)
	}
}

func TestGet(t *testing.T) {
	c := new(clock)
	tab := NewTable(c.now)
	tab.Grant("a", nobody, time.Minute)
	c.pass(20 * time.Second)
	if period, left, ok := tab.Get("a"); period != time.Minute || left != 40*time.Second || !ok {
		t.Errorf("Get: %v, %v, %v", period, left, ok)
	}
	if _, _, ok := tab.Get("b"); ok {
		t.Error("Get of an unknown lease")
	}
}

// A renewal that stands still between looking at the clock and what follows does
// not take back a later one.
func TestStalledRenewalDoesNotShortenALease(t *testing.T) {
	c := new(clock)
	stalled, goOn := make(chan bool), make(chan bool)
	stall := false
	tab := NewTable(func() int64 {
		now := c.now()
		if stall {
			stall = false
			stalled <- true
			<-goOn
		}
		return now
	})
	l, _ := tab.Grant("a", nobody, 10*time.Second)
	stall = true
	first := make(chan bool)
	go func() { first <- tab.Renew([]byte("a"), nobody) }()
	<-stalled
	c.pass(5 * time.Second)
	if !tab.Renew([]byte("a"), nobody) {
		t.Fatal("the second renewal is refused")
	}
	goOn <- true
	if !<-first || l.Deadline() != int64(15*time.Second) {
		t.Errorf("it ends at %v, want 15 s: 10 s after the later renewal", time.Duration(l.Deadline()))
	}
}

// A renewal that was confirmed holds for a whole period, whatever the owner does
// at the same time.
func TestRenewalRacingWithExpiryWinsOrIsRefused(t *testing.T) {
	const period = 2 * time.Millisecond
	began := time.Now()
	now := func() int64 { return int64(time.Since(began)) }
	tab := NewTable(now)
	var confirmed [8]atomic.Int64 // until when, by lease
	name := func(i int) string { return fmt.Sprint(i) }
	stop := make(chan struct{})
	var all sync.WaitGroup
	for i := range confirmed {
		all.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				at := now()
				if renew(tab, name(i), i%2 == 0) {
					confirmed[i].Store(at + int64(period))
				}
				if n%3 == 0 {
					time.Sleep(period * 9 / 10) // so that it is often close
				}
			}
		})
	}
	ended := 0
	for end := began.Add(600 * time.Millisecond); time.Now().Before(end); time.Sleep(50 * time.Microsecond) {
		for i := range confirmed {
			if _, _, ok := tab.Get(name(i)); !ok {
				confirmed[i].Store(0)
				tab.Grant(name(i), nobody, period)
			}
		}
		for _, id := range tab.Expire(99) {
			at := now()
			ended++
			if until := confirmed[id[0]-'0'].Load(); until > at {
				t.Errorf("lease %s was removed %v before the end that a renewal was promised", id, time.Duration(until-at))
			}
		}
	}
	close(stop)
	all.Wait()
	if ended == 0 {
		t.Error("no lease ended: nothing raced")
	}
}
