package dnsserver

import (
	"runtime"
	"time"
)

// coalescer says when a socket is to rest before it is read again, as network cards
// coalesce their interrupts. One that keeps its goroutine at work for more than half
// of the time finds few datagrams at each look, and pays for the look: system calls,
// a goroutine that waits and is woken, trains of one reply. A moment later there are
// twice as many. A socket with less to do is read at once.
type coalescer struct {
	now        func() int64 // in nanoseconds
	since      int64        // when the last batch began or ended
	work, idle int64        // what a batch takes, and what passes until the next, of late
	rests      int          // in a row
}

const (
	// restTime is how long a socket rests. Linux adds its slack, some 50 µs.
	restTime = 25 * time.Microsecond

	// aMoment is more than it takes to see that nobody else has anything to do.
	aMoment = 5 * time.Microsecond

	// mostRests are made in a row. Then the socket is emptied and waited for: only when
	// it has nothing to run the scheduler looks at other sockets.
	mostRests = 8

	// lately is over how many batches work and idle are averaged.
	lately = 16
)

// begin tells that a batch was received, and whether it had to be waited for.
func (c *coalescer) begin(waited bool) {
	c.lap(&c.idle)
	if waited {
		c.rests = 0
	}
}

// end tells that a batch of n datagrams was answered, and reports whether the socket is
// to rest. Batches of half the size and more gain nothing by that.
func (c *coalescer) end(n int) (rest bool) {
	c.lap(&c.work)
	if n >= batchSize/2 || c.work < c.idle || c.rests == mostRests {
		return false
	}
	c.rests++
	return true
}

// rest lets others have the processor, and leaves it idle only when there are none.
func (c *coalescer) rest() {
	runtime.Gosched()
	if c.now()-c.since < int64(aMoment) {
		rest()
	}
}

// lap ends a time of work or of idleness.
func (c *coalescer) lap(average *int64) {
	now := c.now()
	*average += (now - c.since - *average) / lately
	c.since = now
}
