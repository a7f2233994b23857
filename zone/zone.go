package zone

import (
	"sync"
	"sync/atomic"
	"time"
)

// Options configure a Zone.
type Options struct {
	// Domains are the apexes that are served, all with the same content. PTR
	// records point into the first. At least one; none may be below another.
	Domains []Name
	// Elsewhere are names in private reverse zones, or such zones, that somebody else
	// answers for. The addresses of instances are answered also there.
	Elsewhere []Name
	// TTL is given to records whose instance names none. It is rounded down to
	// whole seconds and limited to 2^31-1 s (RFC 2181 §8). Zero means 5 s: short
	// enough that a stopped container is soon forgotten by clients.
	TTL time.Duration
	// NegativeTTL is the SOA minimum, for how long "no such name" is remembered.
	// Zero means 5 s, which is also the most.
	NegativeTTL time.Duration
	// AnswerLimit is how many A, AAAA or SRV records are answered at most: of a
	// larger set a random part as if that were all. SRV records of a higher priority
	// (a larger number) take part only where those of the lower ones are fewer. Zero
	// means all, which a client may have to ask for over TCP.
	AnswerLimit int
	// MaxInstances bounds the instances and static records of all sources together.
	// Zero means 1,000,000.
	MaxInstances int
	// Serial is the first SOA serial: give one that grows over restarts.
	Serial uint32
}

// Zone owns the records of all sources. Writers are put in order by a mutex;
// readers take a Snapshot and never wait. It is safe for concurrent use.
type Zone struct {
	mu  sync.Mutex // orders writers; guards the fields of writer
	w   writer
	cur atomic.Pointer[Snapshot]
}

// Snapshot is the newest published state: one atomic load.
func (z *Zone) Snapshot() *Snapshot { return z.cur.Load() }
