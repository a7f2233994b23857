package cache

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// heap is the memory of all that is reachable.
func heap() int {
	var s runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&s)
	return int(s.HeapAlloc)
}

// octets is what the shards say that they take, and entries how many they hold.
func octets(c *Cache) (n, entries int) {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		n, entries = n+s.bytes, entries+s.lru.Len()
		s.mu.Unlock()
	}
	return n, entries
}

// TestMemoryIsWhatIsAccounted measures caches that are filling, full, and full for long.
func TestMemoryIsWhatIsAccounted(t *testing.T) {
	const limit = 4 << 20
	m := newMany(t)
	before := heap()
	c, _ := newCache(t, new(origin), Options{Bytes: limit})
	var i uint32
	for _, stored := range []uint32{5_000, 10_000, 15_000, 20_000, 30_000, 200_000} {
		for ; i < stored; i++ {
			m.turn(i)
			m.learn(c)
		}
		accounted, entries := octets(c)
		measured := heap() - before
		t.Logf("%d names stored, %d held: %d octets accounted, %d measured (%+.1f %%), %d each",
			i, entries, accounted, measured, 100*float64(measured-accounted)/float64(accounted), measured/entries)
		if measured > accounted*115/100 || measured < accounted*85/100 {
			t.Errorf("%d names: %d octets are accounted, but %d are taken", i, accounted, measured)
		}
		if accounted > limit {
			t.Errorf("%d names: %d octets are accounted, more than the limit", i, accounted)
		}
	}
	runtime.KeepAlive(c)
}

func TestNoFloodExceedsTheBounds(t *testing.T) {
	const limit, most = 2 << 20, 5_000
	o := new(origin)
	c, _ := newCache(t, o, Options{Bytes: limit, Entries: most})
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 20_000 {
		ask := fmt.Sprintf("%x.%s.example. TXT", random.Uint64(), strings.Repeat("a", 1+random.IntN(60)))
		name, _, _ := strings.Cut(ask, " ")
		records := []string{"an " + name + " 300 TXT " + strings.Repeat("a", random.IntN(250))}
		if i%100 == 0 { // much larger than others
			for range random.IntN(200) {
				records = append(records, fmt.Sprintf("an %s 300 TXT %x%s", name, random.Uint64(), strings.Repeat("b", 200)))
			}
		}
		var k key
		k.set(queryOf(t, ask))
		c.learn(&k, messageOf(t, ask, "NOERROR", records...))
		if n, entries := octets(c); n > limit || entries > most {
			t.Fatalf("after %d answers: %d octets in %d entries", i, n, entries)
		}
	}
	if n, entries := octets(c); n < limit/2 && entries < most/2 {
		t.Errorf("%d octets in %d entries: hardly anything is kept", n, entries)
	}
}

// Of the same memory there is less for entries where garbage takes its share.
func TestGrowthIsAccountedFor(t *testing.T) {
	held := func(growth int) int {
		c, _ := newCache(t, new(origin), Options{Bytes: 1 << 20, Growth: growth})
		m := newMany(t)
		for i := range uint32(10_000) {
			m.turn(i)
			m.learn(c)
		}
		n, entries := octets(c)
		if n > 1<<20 || n < 1<<20*98/100 {
			t.Errorf("%d octets are accounted", n)
		}
		return entries
	}
	if alone, with := held(0), held(75); with < alone*100/176 || with > alone*100/174 {
		t.Errorf("%d entries, and %d where each counts for 1.75", alone, with)
	}
}

func TestWhatIsLargerThanAllRoomIsNotKept(t *testing.T) {
	c, _ := newCache(t, new(origin), Options{Bytes: 500})
	var k key
	k.set(queryOf(t, askA))
	var records []string
	for i := range 100 {
		records = append(records, fmt.Sprintf("an a.example. 300 A 192.0.2.%d", i))
	}
	c.learn(&k, messageOf(t, askA, "NOERROR", records[:2]...))
	if got := askMemory(t, c, askA); got == "" {
		t.Error("two records are not kept")
	}
	c.learn(&k, messageOf(t, askA, "NOERROR", records...))
	if n, entries := octets(c); n != 0 || entries != 0 || askMemory(t, c, askA) != "" {
		t.Errorf("%d octets in %d entries", n, entries)
	}
}

func TestAMessageOf64KiBIsKeptWhole(t *testing.T) {
	c, _ := newCache(t, new(origin), Options{})
	var k key
	k.set(queryOf(t, "a.example. TXT"))
	m := messageOf(t, "a.example. TXT", "NOERROR")
	for i := range 240 {
		rr, _ := dns.NewRR(fmt.Sprintf("a.example. 300 TXT %03d%s", i, strings.Repeat("a", 250)))
		m.Answer = append(m.Answer, rr)
	}
	c.learn(&k, m)
	if got, want := askMemory(t, c, "a.example. TXT"), text(m); got != want {
		t.Errorf("got %d octets of text, want %d", len(got), len(want))
	}
}

func TestTheLeastRecentlyAskedGivesWay(t *testing.T) {
	c, clock := newCache(t, new(origin), Options{Entries: 100})
	if len(c.shards) != 4 {
		t.Fatalf("%d shards", len(c.shards))
	}
	m := newMany(t)
	for i := range uint32(10) {
		m.turn(i)
		m.learn(c)
	}
	for i := range uint32(500) {
		clock.advance(1e9 / 10)
		m.turn(1000 + i)
		m.learn(c)
		for i := range uint32(5) {
			askMemory(t, c, "n"+string(m.turn(i).Name[2:10])+".some-domain.example. A")
		}
	}
	for i := range uint32(10) {
		got := askMemory(t, c, "n"+string(m.turn(i).Name[2:10])+".some-domain.example. A") != ""
		if want := i < 5; got != want {
			t.Errorf("name %d: known is %v, want %v", i, got, want)
		}
	}
}
