package dnsserver

import "net"

// How much may wait in a socket, in octets as the system counts them. A burst waits while
// a goroutine is not running; where more comes than can be answered, what waits in a
// queue that is never empty only grows old. The system may give less.
const (
	burstBuffer    = 1 << 20
	standingBuffer = 64 << 10 // some 170 queries
)

// standing is after how many full batches in a row a queue does not hold a burst: they
// are three times what it can hold. After as many in a row that are not full it may.
const standing = 128

// queue is what waits in a socket. It is kept short while it stands: new queries are
// dropped sooner, and those that are answered are answered soon.
type queue struct {
	conn  *net.UDPConn
	short bool
	run   int // batches in a row that speak against what short is
}

// took tells of a batch that was taken from the queue.
func (q *queue) took(full bool) {
	if full == q.short {
		q.run = 0
		return
	}
	if q.run++; q.run < standing {
		return
	}
	q.short, q.run = full, 0
	size := burstBuffer
	if q.short {
		size = standingBuffer
	}
	_ = q.conn.SetReadBuffer(size) // else it stays as it was: slower, not wrong
}
