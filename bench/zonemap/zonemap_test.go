package zonemap

import (
	"fmt"
	"hash/maphash"
	"maps"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/benbjohnson/immutable"
	iradix "github.com/hashicorp/go-immutable-radix/v2"

	"github.com/rollcall-dns/rollcall/zone/hamt"
)

// value stands for what the zone keeps under a name.
type value struct{ children, serial int }

// store is one candidate. set makes a batch of changes visible to get.
type store interface {
	get(name string) *value
	set(names []string, v *value)
}

const names = 1_000_000

func nameOf(i int) string { return fmt.Sprintf("\x08svc-%04x\x06t%05d", i&0xffff, i) }

// own is the product's hash trie.
type own struct {
	cur atomic.Pointer[hamt.Map[string, *value]]
}

func newOwn() store { s := &own{}; s.cur.Store(&hamt.Map[string, *value]{}); return s }

func (s *own) get(n string) *value { v, _ := s.cur.Load().Get(n); return v }

func (s *own) set(ns []string, v *value) {
	m, ed := *s.cur.Load(), new(hamt.Edit)
	for _, n := range ns {
		m.Set(ed, n, v)
	}
	s.cur.Store(&m)
}

type radix struct {
	cur atomic.Pointer[iradix.Tree[*value]]
}

func newRadix() store { s := &radix{}; s.cur.Store(iradix.New[*value]()); return s }

func (s *radix) get(n string) *value { v, _ := s.cur.Load().Get([]byte(n)); return v }

func (s *radix) set(ns []string, v *value) {
	t := s.cur.Load().Txn()
	for _, n := range ns {
		t.Insert([]byte(n), v)
	}
	s.cur.Store(t.Commit())
}

type immutableMap struct {
	cur atomic.Pointer[immutable.Map[string, *value]]
}

func newImmutable() store {
	s := &immutableMap{}
	s.cur.Store(immutable.NewMap[string, *value](nil))
	return s
}

func (s *immutableMap) get(n string) *value { v, _ := s.cur.Load().Get(n); return v }

func (s *immutableMap) set(ns []string, v *value) {
	m := s.cur.Load()
	for _, n := range ns {
		m = m.Set(n, v)
	}
	s.cur.Store(m)
}

// sharded keeps an atomic pointer for each name: changes are in place, so that a
// reader can see half of a batch.
type sharded struct {
	seed   maphash.Seed
	shards [256]struct {
		sync.RWMutex
		m map[string]*atomic.Pointer[value]
	}
}

func newSharded() store {
	s := &sharded{seed: maphash.MakeSeed()}
	for i := range s.shards {
		s.shards[i].m = map[string]*atomic.Pointer[value]{}
	}
	return s
}

func (s *sharded) get(n string) *value {
	sh := &s.shards[maphash.String(s.seed, n)%256]
	sh.RLock()
	p := sh.m[n]
	sh.RUnlock()
	if p == nil {
		return nil
	}
	return p.Load()
}

func (s *sharded) set(ns []string, v *value) {
	for _, n := range ns {
		sh := &s.shards[maphash.String(s.seed, n)%256]
		sh.Lock()
		p := sh.m[n]
		if p == nil {
			p = new(atomic.Pointer[value])
			sh.m[n] = p
		}
		p.Store(v)
		sh.Unlock()
	}
}

// copied is the built-in map, copied whole for each batch: the floor for lookups.
type copied struct {
	cur atomic.Pointer[map[string]*value]
}

func newCopied() store { s := &copied{}; s.cur.Store(&map[string]*value{}); return s }

func (s *copied) get(n string) *value { return (*s.cur.Load())[n] }

func (s *copied) set(ns []string, v *value) {
	m := maps.Clone(*s.cur.Load())
	for _, n := range ns {
		m[n] = v
	}
	s.cur.Store(&m)
}

var candidates = []struct {
	name string
	make func() store
}{
	{"own-hamt", newOwn},
	{"go-immutable-radix", newRadix},
	{"benbjohnson-immutable", newImmutable},
	{"sharded-atomic", newSharded},
	{"copied-map", newCopied},
}

func Benchmark(b *testing.B) {
	keys := make([]string, names)
	for i := range keys {
		keys[i] = nameOf(i)
	}
	for _, c := range candidates {
		b.Run(c.name, func(b *testing.B) { run(b, c.make, keys) })
	}
}

func run(b *testing.B, mk func() store, keys []string) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	s := mk()
	for at := 0; at < len(keys); at += 100_000 {
		s.set(keys[at:at+100_000], &value{})
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	perName := float64(after.HeapAlloc-before.HeapAlloc) / float64(len(keys))

	b.Run("get", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if s.get(keys[rand.IntN(len(keys))]) == nil {
				b.Fatal("lost a name")
			}
		}
		b.ReportMetric(perName, "B/name")
	})
	for _, n := range []int{1, 100} {
		b.Run(fmt.Sprintf("set-%d", n), func(b *testing.B) {
			start, gc := time.Now(), gcSeconds()
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				at := rand.IntN(len(keys) - n)
				s.set(keys[at:at+n], &value{serial: i})
			}
			b.ReportMetric(100*(gcSeconds()-gc)/time.Since(start).Seconds()/float64(runtime.GOMAXPROCS(0)), "%gc")
		})
	}
	runtime.KeepAlive(s)
}
