package dnsserver

import (
	"net"
	"time"
)

// How much may wait in a socket, in octets as it is asked for: the system takes twice as
// much, and may give less. A burst waits while a goroutine is not running; where more
// comes than can be answered, what waits in a queue that is never empty only grows old.
const (
	burstBuffer    = 1 << 20
	shortestBuffer = 64 << 10 // some 170 queries
	queryBuffer    = 384      // what a query takes of it
)

// longestStanding is what the last query in a queue that stands may wait for.
const longestStanding = int64(10 * time.Millisecond)

// standing is after how many full batches in a row a queue does not hold a burst: they
// are three times what it can hold. After as many in a row that are not full it may.
const standing = 128

// queue is what waits in a socket. It is kept short while it stands: new queries are
// dropped sooner, and those that are answered are answered soon.
type queue struct {
	conn  *net.UDPConn
	now   func() int64 // in nanoseconds
	short bool
	run   int   // batches in a row that speak against what short is
	since int64 // when the first of them was taken
}

// took tells of a batch that was taken from the queue.
func (q *queue) took(full bool) {
	if full == q.short {
		q.run = 0
		return
	}
	switch q.run++; q.run {
	case 1:
		q.since = q.now()
	case standing:
		q.short, q.run = full, 0
		size := burstBuffer
		if q.short {
			size = standingBuffer(q.now() - q.since)
		}
		_ = q.conn.SetReadBuffer(size) // else it stays as it was: slower, not wrong
	}
}

// standingBuffer is how much may wait in a socket from which full batches were taken in
// so many nanoseconds.
func standingBuffer(took int64) int {
	queries := longestStanding * (standing - 1) * batchSize / max(took, 1)
	return int(min(max(queries*queryBuffer, shortestBuffer), burstBuffer))
}
