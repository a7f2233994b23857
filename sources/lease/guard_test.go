package lease

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall-dns/rollcall/zone"
)

var nobody netip.Addr

// crowd is services that renew leases of 30 s each 10 s, as long as they do.
type crowd struct {
	*testing.T
	tab    *Table
	leases map[string]*zone.Lease
	from   map[string]netip.Addr
	began  time.Time
}

// gather makes n services that are spread over so many addresses.
func gather(t *testing.T, n, addrs int) *crowd {
	began := time.Now()
	c := &crowd{T: t, leases: map[string]*zone.Lease{}, from: map[string]netip.Addr{}, began: began}
	c.tab = NewTable(func() int64 { return int64(time.Since(began)) })
	for i := range n {
		id := fmt.Sprint("s", i)
		c.from[id] = netip.AddrFrom4([4]byte{10, 0, 0, byte(i % addrs)})
		c.leases[id], _ = c.tab.Grant(id, c.from[id], 30*time.Second)
	}
	return c
}

// pass lets time pass, in which some services speak each 10 s, and gives when each of
// the others was gone.
func (c *crowd) pass(d time.Duration, speak ...string) {
	c.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		now := int64(time.Since(c.began))
		if time.Duration(now)%(10*time.Second) < 10*time.Millisecond {
			for _, id := range speak {
				c.tab.Renew([]byte(id), c.from[id])
			}
		}
		if at, ok := c.tab.Next(); ok && at <= now {
			for _, id := range c.tab.Expire(1000) {
				delete(c.leases, id)
			}
		}
		for id, l := range c.leases { // what a lookup sees between two looks at the wheel
			if ended := now - l.Deadline(); ended > int64(20*time.Millisecond) && c.tab.Held() > 0 {
				c.Errorf("at %s %s is held, but seen as ended", time.Duration(now), id)
			}
		}
	}
}

// want fails the test unless so many leases live, so many of them held.
func (c *crowd) want(live, held int) {
	c.Helper()
	if len(c.leases) != live || c.tab.Len() != live || c.tab.Held() != held {
		c.Errorf("at %s %d leases live and %d are held, want %d and %d", time.Since(c.began), len(c.leases), c.tab.Held(), live, held)
	}
}

func (c *crowd) all() (ids []string) {
	for id := range c.from {
		ids = append(ids, id)
	}
	return ids
}

func TestLeasesAreHeldWhenNobodyIsHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := gather(t, 6, 2)
		c.pass(time.Minute, c.all()...)
		c.want(6, 0)
		last := 50 * time.Second // the last heartbeat
		c.pass(last + 31*time.Second - time.Since(c.began))
		c.want(6, 6)
		for id, l := range c.leases {
			if left := time.Duration(l.Deadline()) - time.Since(c.began); left <= 0 || left >= time.Second {
				t.Errorf("%s is left of %s: a TTL would not be 0", left, id)
			}
		}
		c.pass(last + 89*time.Second - time.Since(c.began))
		c.want(6, 6)
		c.pass(2 * time.Second) // two periods after their end it is over
		c.want(0, 0)
	})
}

func TestFewWhoAreSilentAreDead(t *testing.T) {
	for _, tt := range []struct{ n, addrs int }{{4, 4}, {20, 1}} {
		synctest.Test(t, func(t *testing.T) {
			c := gather(t, tt.n, tt.addrs)
			c.pass(time.Minute, c.all()...)
			c.pass(20*time.Second + 100*time.Millisecond) // 30 s after the last heartbeat
			c.want(0, 0)
		})
	}
}

func TestSilenceAmongOthersWhoSpeakIsDeath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := gather(t, 10, 5)
		c.pass(time.Minute, c.all()...)
		c.pass(20*time.Second+100*time.Millisecond, "s0")
		c.want(1, 0)
	})
}

func TestWhoIsHeardAgainLives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := gather(t, 8, 2)
		c.pass(time.Minute, c.all()...)
		c.pass(40 * time.Second) // of silence
		c.want(8, 8)
		c.pass(11*time.Second, "s0", "s1", "s2")
		c.want(8, 5)
		c.pass(11*time.Second, "s0", "s1", "s2", "s3")
		c.want(8, 4)
		c.pass(10*time.Second, "s0", "s1", "s2", "s3") // a period after the first was heard
		c.want(4, 0)
	})
}

func TestWhoWasNeverHeardIsNotHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := gather(t, 0, 1)
		for i := range 10 { // as after a restart
			id := fmt.Sprint("s", i)
			c.leases[id], _ = c.tab.Grant(id, nobody, 30*time.Second)
		}
		c.pass(30*time.Second + 100*time.Millisecond)
		c.want(0, 0)
	})
}

func TestLeasesThatAreReleasedAreNotHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := gather(t, 6, 2)
		c.pass(31 * time.Second)
		c.want(6, 6)
		c.tab.Release("s0")
		delete(c.leases, "s0")
		c.tab.Grant("s1", c.from["s1"], time.Minute)
		c.want(5, 4)
	})
}

func TestStatsTellOfTheGuard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := gather(t, 6, 2)
		for times := range uint64(2) {
			c.pass(11*time.Second, c.all()...)
			if st := c.tab.Stats(); st.Held != 0 || !st.HeldSince.IsZero() || st.Holds != times {
				t.Errorf("while all are heard: %+v, want that none was held since, %d times", st, times)
			}
			end := time.Now().Add(-c.sinceBeat()).Add(30 * time.Second)
			c.pass(35 * time.Second)
			if st := c.tab.Stats(); st.Held != 6 || st.Holds != times+1 || st.HeldSince.Sub(end).Abs() > 100*time.Millisecond {
				t.Errorf("in silence: %+v, want that all 6 are held since %v", st, end)
			}
		}
		c.pass(11*time.Second, c.all()...)
		c.tab.Release("s0")
		delete(c.leases, "s0")
		c.pass(2*time.Minute, "s1")
		st := c.tab.Stats()
		if st.Live != 1 || st.Granted != 6 || st.Removed != 1 || st.Expired != 4 || st.Renewed < 18 || st.Held != 0 {
			t.Errorf("in the end: %+v", st)
		}
	})
}

// sinceBeat is how long ago services spoke that do.
func (c *crowd) sinceBeat() time.Duration { return time.Since(c.began) % (10 * time.Second) }

// TestWitnessesAreThoseOfThePlainRule compares what is kept of all leases with a look
// at each of them.
func TestWitnessesAreThoseOfThePlainRule(t *testing.T) {
	for range 20_000 {
		type heard struct {
			at   int64
			from uint32
		}
		all := make([]heard, rand.IntN(12))
		var w witnesses
		for i := range all {
			all[i] = heard{rand.Int64N(10), 1 + rand.Uint32N(3)}
			w.add(all[i].at, all[i].from)
		}
		for since := range int64(11) {
			n, from := 0, map[uint32]bool{}
			for _, h := range all {
				if h.at >= since {
					n++
					from[h.from] = true
				}
			}
			if want, got := n >= 5 && len(from) >= 2, w.enough() >= since; got != want {
				t.Fatalf("enough since %d of %v: %v, want %v", since, all, got, want)
			}
		}
	}
}
