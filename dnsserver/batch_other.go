//go:build !linux

package dnsserver

import (
	"net"
	"net/netip"
	"sync"
)

const batchSize = 1

// batch holds one datagram at a time, and its reply.
type batch struct {
	waited  bool       // never known
	turn    sync.Mutex // whoever has it may receive and send
	conn    *net.UDPConn
	in, out []byte
	control []byte
	n, nc   int
	from    netip.AddrPort
	pending []byte
}

// newBatch makes the memory for a socket. A wildcard is told for each datagram where that
// was sent to.
func newBatch(c *net.UDPConn, wildcard bool) (*batch, error) {
	b := &batch{conn: c, in: make([]byte, 1<<16), out: make([]byte, 0, maxUDPSize)}
	if wildcard {
		b.control = make([]byte, infoSpace)
	}
	return b, nil
}

// receive waits for datagrams and gives their number, at least one, and the turn with
// them. With an error there is neither.
func (b *batch) receive() (n int, err error) {
	b.pending = nil
	b.n, b.nc, _, b.from, err = b.conn.ReadMsgUDPAddrPort(b.in, b.control)
	if err != nil {
		return 0, err
	}
	b.turn.Lock()
	return 1, nil
}

// take finds nothing here: it would have to wait.
func (b *batch) take() (n int) { return 0 }

// full reports whether more may wait than the n that were received, as far as can be told.
func (b *batch) full(int) bool { return false }

// datagram gives the one at i: where it came from, and the control message that came
// with it. They are valid until the next receive.
func (b *batch) datagram(int) (msg, control []byte, from netip.AddrPort) {
	return b.in[:b.n], b.control[:b.nc], b.from
}

// room is where the reply to a datagram is made.
func (b *batch) room(int) []byte { return b.out[:0] }

// reply queues the reply to the datagram at i, which lies in its room, to leave by
// what its control message says.
func (b *batch) reply(_ int, msg []byte) { b.pending = msg }

// send sends what is queued. It gives the first error, and how many replies have
// failed.
func (b *batch) send() (failed int, err error) {
	if len(b.pending) == 0 {
		return 0, nil
	}
	if _, _, err = b.conn.WriteMsgUDPAddrPort(b.pending, b.control[:b.nc], b.from); err != nil {
		return 1, err
	}
	return 0, nil
}

// rest is for batches that may be longer.
func rest() {}
