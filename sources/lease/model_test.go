package lease

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"
	"unsafe"
)

// modelLease is a lease as a map of them would have it.
type modelLease struct {
	deadline, period int64
	kept             string
}

// wantRecords fails the test unless the table gives the records of all leases.
func wantRecords(t *testing.T, tab *Table, model map[string]modelLease) {
	t.Helper()
	n := 0
	for r := range tab.Records() {
		n++
		if l, known := model[r.ID]; !known || string(r.Data) != l.kept {
			t.Fatalf("the record of %s is %q, want that of %+v", r.ID, r.Data, l)
		}
	}
	if n != len(model) {
		t.Fatalf("%d records, want %d", n, len(model))
	}
}

// The table against a map of deadlines, over random operations and days.
func TestTableIsAMapOfDeadlines(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 0))
		c := new(clock)
		c.pass(time.Duration(r.Int64N(int64(time.Hour))))
		tab := NewTable(c.now)
		model := map[string]modelLease{}
		for step := range 3000 {
			id := fmt.Sprint(r.IntN(50))
			switch r.IntN(6) {
			case 0, 1:
				period := time.Duration(r.Int64N(1 << (20 + r.IntN(27))))
				_, known := model[id]
				if _, created := tab.Grant(id, nobody, period); created == known {
					t.Fatalf("seed %d step %d: Grant %s created %v, known %v", seed, step, id, created, known)
				}
				model[id] = modelLease{c.now() + int64(period), int64(period), fmt.Sprint(step)}
				tab.Keep(id, fmt.Sprint(step))
			case 2:
				l, known := model[id]
				alive := known && l.deadline > c.now()
				if got := renew(tab, id, step%2 == 0); got != alive {
					t.Fatalf("seed %d step %d: Renew %s: %v, want %v", seed, step, id, got, alive)
				}
				if alive {
					model[id] = modelLease{c.now() + l.period, l.period, l.kept}
				}
			case 3:
				_, known := model[id]
				if got := tab.Release(id); got != known {
					t.Fatalf("seed %d step %d: Release %s: %v, want %v", seed, step, id, got, known)
				}
				delete(model, id)
			case 4:
				c.pass(time.Duration(r.Int64N(1 << (20 + r.IntN(27)))))
			case 5:
				for _, id := range tab.Expire(1 + r.IntN(60)) {
					if l, known := model[id]; !known || l.deadline > c.now() {
						t.Fatalf("seed %d step %d: %s expired, known %v", seed, step, id, known)
					}
					delete(model, id)
				}
			}
			if tab.Len() != len(model) {
				t.Fatalf("seed %d step %d: %d leases, want %d", seed, step, tab.Len(), len(model))
			}
			if kept, l := tab.Kept(id); kept != model[id].kept || (l != nil) != (kept != "") {
				t.Fatalf("seed %d step %d: %s keeps %q with %v, want %q", seed, step, id, kept, l, model[id].kept)
			}
			if step%100 == 0 {
				wantRecords(t, tab, model)
			}
		}
		c.pass(200 * time.Hour)
		wantAllToExpire(t, c, tab, model)
	}
}

func wantAllToExpire(t *testing.T, c *clock, tab *Table, model map[string]modelLease) {
	t.Helper()
	for tab.Len() > 0 {
		if at, ok := tab.Next(); !ok || at > c.now() {
			t.Fatalf("%d leases left, Next says %v, %v", tab.Len(), at, ok)
		}
		for _, id := range tab.Expire(7) {
			delete(model, id)
		}
	}
	if len(model) > 0 {
		t.Fatalf("leases %v never expired", model)
	}
}

// There is an entry for each of a million instances, and 80 octets are allocated for 65, in
// two lines of memory. Parts of a table that are longer would share lines.
func TestLeaseFillsALineOfMemory(t *testing.T) {
	if size := unsafe.Sizeof(entry{}); size > 64 {
		t.Errorf("an entry has %d octets, want at most 64", size)
	}
	if size := unsafe.Sizeof(shard{}); size > 64 {
		t.Errorf("a part of a table has %d octets, want at most 64", size)
	}
}

func TestReleasedLeasesLeaveNothingBehind(t *testing.T) {
	c := new(clock)
	tab := NewTable(c.now)
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	tab.Grant("warm", nobody, time.Hour)
	before := heap()
	for i := range 200_000 {
		tab.Grant(fmt.Sprint(i), nobody, 24*time.Hour)
		tab.Release(fmt.Sprint(i))
	}
	if grown := int64(heap()) - int64(before); grown > 2<<20 {
		t.Errorf("200,000 leases that are gone hold %d octets", grown)
	}
	if tab.Len() != 1 {
		t.Errorf("%d leases, want 1", tab.Len())
	}
}

func names(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("service-%d/instance-%d", i%1000, i)
	}
	return ids
}

func BenchmarkRenew(b *testing.B) {
	for _, n := range []int{1000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			began := time.Now()
			tab := NewTable(func() int64 { return int64(time.Since(began)) })
			ids := names(n)
			for _, id := range ids {
				tab.Grant(id, nobody, time.Hour)
			}
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for i := rand.IntN(n); pb.Next(); i = (i + 7919) % n {
					if !tab.Renew([]byte(ids[i]), nobody) {
						b.Error("not renewed")
					}
				}
			})
		})
	}
}

func BenchmarkRenewAll(b *testing.B) {
	const n = 1_000_000
	began := time.Now()
	tab := NewTable(func() int64 { return int64(time.Since(began)) })
	ids := octets(names(n)...)
	rand.Shuffle(n, func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
	for _, id := range ids {
		tab.Grant(string(id), nobody, time.Hour)
	}
	rand.Shuffle(n, func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
	renewed := make([]bool, 1000)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		part := ids[i*1000%n:][:1000]
		if tab.RenewAll(part, nobody, renewed); !renewed[0] || !renewed[999] {
			b.Error("not renewed")
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/renewal")
}

// A million leases of 30 s, each renewed every 10 s: what the owner does in one
// second, and what they hold in memory.
func BenchmarkMillionLeases(b *testing.B) {
	const n = 1_000_000
	c := new(clock)
	ids := names(n)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	tab := NewTable(c.now)
	for _, id := range ids {
		tab.Grant(id, nobody, 30*time.Second)
		c.pass(10 * time.Microsecond)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	rand.Shuffle(n, func(i, j int) { ids[i], ids[j] = ids[j], ids[i] }) // as after a start: heartbeats come in another order
	b.ResetTimer()
	b.StopTimer()
	for i := range b.N {
		for _, id := range ids[i%10*n/10 : (i%10+1)*n/10] {
			tab.Renew([]byte(id), nobody)
		}
		b.StartTimer()
		for range 100 {
			c.pass(10 * time.Millisecond)
			if gone := tab.Expire(n); len(gone) > 0 {
				b.Fatalf("%d expired", len(gone))
			}
		}
		b.StopTimer()
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/n, "B/lease")
	runtime.KeepAlive(tab)
}
