package cache

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rollcall-dns/rollcall/zone"
)

// remembered is what a plain map knows about a question: what was answered, and for how
// long that holds.
type remembered struct {
	number int
	ends   time.Duration
}

// TestRandomOperationsAreThoseOfAMap compares a cache that is never full with a map.
func TestRandomOperationsAreThoseOfAMap(t *testing.T) {
	const steps = 20_000
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	c, clock := newCache(t, new(origin), Options{})
	model := map[string]remembered{}
	hits, flushed := 0, 0
	for step := range steps {
		name := fmt.Sprintf("n%d.%s", random.IntN(20), []string{"a.example.", "b.example.", "xa.example.", "example."}[random.IntN(4)])
		ask := name + " A"
		switch op := random.IntN(100); {
		case op < 30:
			ttl, number := random.IntN(20), step%250
			var k key
			k.set(queryOf(t, ask))
			c.learn(&k, messageOf(t, ask, "NOERROR", fmt.Sprintf("an %s %d A 192.0.2.%d", name, ttl, number)))
			model[ask] = remembered{number, clock.now() + time.Duration(ttl)*time.Second}
		case op < 90:
			want := ""
			if r, ok := model[ask]; ok && r.ends > clock.now() {
				want = fmt.Sprintf("NOERROR\nan %s %d A 192.0.2.%d", name, (r.ends-clock.now())/time.Second, r.number)
				hits++
			}
			if got := askMemory(t, c, ask); got != want {
				t.Fatalf("step %d: %s: got %q, want %q", step, ask, got, want)
			}
		case op < 99:
			clock.advance(time.Duration(random.IntN(1000)) * time.Millisecond)
		default:
			below := random.IntN(2) == 0
			of := []string{name, "a.example.", "example."}[random.IntN(3)]
			want := 0
			for a, r := range model {
				owner := strings.TrimSuffix(a, " A")
				if owner == of || below && strings.HasSuffix(owner, "."+of) {
					if delete(model, a); r.number >= 0 {
						want++
					}
				}
			}
			got := c.Flush(zone.MustParseName(of), below)
			flushed += got
			// What ended at once was not kept.
			if got > want {
				t.Fatalf("step %d: flush of %s, below is %v: %d removed, want at most %d", step, of, below, got, want)
			}
		}
	}
	if hits < steps/10 || flushed == 0 {
		t.Errorf("%d hits and %d flushed in %d steps: hardly anything was tried", hits, flushed, steps)
	}
}

// TestManyAtOnce has all operations at once: what is answered is always about what was
// asked. It is for the race detector.
func TestManyAtOnce(t *testing.T) {
	c, clock := newCache(t, new(origin), Options{Bytes: 1 << 20, Stale: time.Second})
	var all sync.WaitGroup
	for worker := range uint64(8) {
		all.Go(func() {
			random := rand.New(rand.NewPCG(worker, 0))
			for range 2000 {
				n := random.IntN(200)
				name := fmt.Sprintf("n%d.example.", n)
				switch random.IntN(10) {
				case 0, 1, 2:
					var k key
					k.set(queryOf(t, name+" A"))
					c.learn(&k, messageOf(t, name+" A", "NOERROR", fmt.Sprintf("an %s %d A 192.0.2.%d", name, 1+random.IntN(9), n)))
				case 3:
					clock.advance(100 * time.Millisecond)
				case 4:
					c.Flush(zone.MustParseName(name), false)
				case 5:
					c.Entries(zone.MustParseName("example"), true, 10)
					c.Stats()
				default:
					if got := askMemory(t, c, name+" A"); got != "" && (!strings.HasSuffix(got, fmt.Sprintf(" A 192.0.2.%d", n)) || !strings.Contains(got, name)) {
						t.Errorf("%s: %s", name, got)
					}
				}
			}
		})
	}
	all.Wait()
}

func TestTheNumbersAreTrue(t *testing.T) {
	o := new(origin)
	o.tell(t, askA, "NOERROR", "an a.example. 100 A 192.0.2.1")
	o.tell(t, "b.example. A", "NXDOMAIN", "ns "+soaOf("60", "60"))
	c, clock := newCache(t, o, Options{Stale: time.Hour})
	for range 3 {
		askOnce(t, c, askA)
	}
	askOnce(t, c, "b.example. A do")
	clock.advance(61 * time.Second)
	o.tell(t, "b.example. A", "SERVFAIL")
	askOnce(t, c, "b.example. A do")
	st := c.Stats()
	want := Stats{Answers: 2, Bytes: st.Bytes, Limit: 1 << 20, Hits: 2, Misses: 3, Stale: 1}
	if st != want || st.Bytes < 2*overhead {
		t.Errorf("got %+v, want %+v", st, want)
	}
	entries := c.Entries(zone.MustParseName("example"), true, 10)
	shown := map[string]string{}
	for _, e := range entries {
		shown[fmt.Sprintf("%s %s %s do=%v", e.Name, e.Type, e.Rcode, e.DO)] = e.Left.String() + " " + strings.Join(e.Records, "; ")
	}
	if got, want := shown["a.example. A NOERROR do=false"], "39s a.example. 39 IN A 192.0.2.1"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := shown["b.example. A NXDOMAIN do=true"], "-1s example. 30 IN SOA ns.example. host.example. 1 3600 600 86400 60"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if n := len(c.Entries(zone.MustParseName("example"), true, 1)); n != 1 {
		t.Errorf("%d entries, where one is the most", n)
	}
	if n := len(c.Entries(zone.MustParseName("example"), false, 10)); n != 0 {
		t.Errorf("%d entries for a name that was not asked", n)
	}
}
