package cache

import (
	"math"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// entry is an answer, and what becomes known about it while it is kept.
type entry struct {
	wire    wire
	retry   second // it is not renewed before
	asked   uint16 // in so many different seconds
	touched uint16 // the second in which it was asked last, as far as these bits tell
}

// second counts seconds since the cache began.
type second uint32

func secondOf(t time.Duration) second { return second(t / time.Second) }

func (s second) time() time.Duration { return time.Duration(s) * time.Second }

// overhead is what an entry takes beside its wire: 96 octets of the list's element, and
// its share of a map of 8-octet keys and pointers that is two thirds full.
const overhead = 96 + 28

// size is the memory that an entry takes.
func (s *shard) size(e entry) int { return (cap(e.wire) + overhead) * s.percent / 100 }

// shard is a part of a cache, chosen by hash.
type shard struct {
	max     int // octets
	percent int // that an octet counts for: 100 and what the process outgrows it
	hits    atomic.Uint64

	mu      sync.Mutex // guards the following
	lru     *simplelru.LRU[uint64, entry]
	bytes   int
	evicted uint64
}

// The size of shards: an answer of 64 KiB fits in, and a lock is held for as long as it
// takes to walk through a thousand or two.
const (
	shardBytes = 256 << 10
	maxShards  = 1 << 10
)

func newShards(o Options) []shard {
	n := min(max(o.Bytes/shardBytes, 1), maxShards)
	n = 1 << (bits.Len(uint(n)) - 1)
	entries := math.MaxInt
	if o.Entries > 0 {
		entries = max(o.Entries/n, 1)
	}
	shards := make([]shard, n)
	for i := range shards {
		s := &shards[i]
		s.max, s.percent = o.Bytes/n, 100+max(o.Growth, 0)
		s.lru, _ = simplelru.NewLRU(entries, func(_ uint64, e entry) { s.bytes -= s.size(e) }) // fails for 0 entries
	}
	return shards
}

// shard is the one that keeps what has this hash. The bits that it goes by are not those
// that the shard's map sees first.
func (c *Cache) shard(hash uint64) *shard { return &c.shards[hash>>32&uint64(len(c.shards)-1)] }

// get finds an entry, and notes once a second that it is in use: whoever asks for it
// more often pays for no more than finding it.
func (s *shard) get(hash uint64, now time.Duration) (e entry, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e, ok = s.lru.Peek(hash); !ok {
		return e, false
	}
	if t := uint16(secondOf(now)); t != e.touched || e.asked == 0 {
		e.touched = t
		e.asked = uint16(min(int(e.asked)+1, math.MaxUint16))
		s.lru.Add(hash, e)
	}
	return e, true
}

// put stores an entry, in place of one of the same hash, and makes room for it. What
// would take more than all room is not stored.
func (s *shard) put(hash uint64, e entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.size(e) > s.max {
		s.lru.Remove(hash)
		return
	}
	if old, ok := s.lru.Peek(hash); ok {
		s.bytes -= s.size(old)
	}
	s.bytes += s.size(e)
	if s.lru.Add(hash, e) {
		s.evicted++
	}
	for s.bytes > s.max {
		s.lru.RemoveOldest()
		s.evicted++
	}
}

func (s *shard) remove(hash uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lru.Remove(hash)
}

// claim gives one caller the right to renew an entry, for a time.
func (f *found) claim(during time.Duration) bool {
	s := f.shard
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.lru.Peek(f.hash)
	if !ok || f.now < e.retry.time() {
		return false
	}
	e.retry = secondOf(f.now + during)
	s.lru.Add(f.hash, e)
	return true
}
