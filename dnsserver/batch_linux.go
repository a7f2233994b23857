package dnsserver

import (
	"encoding/binary"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// batchSize is how many datagrams are received and sent at once. More spare hardly any
// system calls, and make the first reply wait longer.
const batchSize = 64

// batch holds the datagrams that one system call has received, and their replies until
// another sends them. All its memory is made once.
type batch struct {
	raw     syscall.RawConn
	waited  bool       // the last receive found nothing at first
	turn    sync.Mutex // whoever has it may receive and send: guards the following
	in, out []mmsghdr
	slots   []slot
	used    int // of in
	queued  int // of out
	trains  trains
	leaving []mmsghdr // what sends those queued
	sent    int       // of these

	// What receive, take and send hand to the system, and what comes back: functions made
	// for each call would be allocated each time.
	recv, send1 func(fd uintptr) bool
	recvNow     func(fd uintptr)
	n           int
	errno       syscall.Errno
}

// mmsghdr is struct mmsghdr.
type mmsghdr struct {
	hdr unix.Msghdr
	len uint32
}

// slot is the memory of one datagram and its reply.
type slot struct {
	from    unix.RawSockaddrInet6 // or the shorter one of IPv4
	iov     [2]unix.Iovec         // of the datagram, and of the reply
	control []byte
	msg     []byte
	reply   []byte
}

// slotSize is more than the longest datagram, by as much as keeps the beginnings of
// the slots apart in the caches.
const slotSize = 1<<16 + 10*64

// newBatch makes the memory for a socket. A wildcard is told for each datagram where that
// was sent to.
func newBatch(c *net.UDPConn, wildcard bool) (*batch, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	b := &batch{raw: raw, in: make([]mmsghdr, batchSize), out: make([]mmsghdr, batchSize), slots: make([]slot, batchSize)}
	b.recv, b.recvNow, b.send1 = b.tryReceive, b.receiveNow, b.trySend
	msgs, replies := make([]byte, batchSize*slotSize), make([]byte, batchSize*maxUDPSize)
	for i := range b.slots {
		s := &b.slots[i]
		s.msg, msgs = msgs[:slotSize:slotSize], msgs[slotSize:]
		s.reply, replies = replies[:0:maxUDPSize], replies[maxUDPSize:]
		s.iov[0].Base = &s.msg[0]
		s.iov[0].SetLen(len(s.msg))
		h := &b.in[i].hdr
		h.Name, h.Iov = (*byte)(unsafe.Pointer(&s.from)), &s.iov[0]
		h.SetIovlen(1)
		if wildcard {
			s.control = make([]byte, infoSpace)
			h.Control = &s.control[0]
		}
		b.used++
	}
	return b, raw.Control(func(fd uintptr) { b.trains = trainsFor(int(fd)) })
}

// receive waits for datagrams and gives their number, at least one, and the turn with
// them. With an error there is neither.
func (b *batch) receive() (n int, err error) {
	b.waited = false
	if err = b.raw.Read(b.recv); err != nil {
		return 0, err
	}
	if b.errno != 0 {
		defer b.turn.Unlock()
		return 0, b.errno
	}
	return b.n, nil
}

// take gives the number of datagrams that are there already. The caller has the turn.
func (b *batch) take() (n int) {
	if err := b.raw.Control(b.recvNow); err != nil {
		return 0 // the socket is closed
	}
	return b.n // an error is receive's to tell
}

// full reports whether more may wait than the n that were received.
func (b *batch) full(n int) bool { return n == len(b.in) }

// tryReceive takes the turn, and gives it back where there is nothing.
func (b *batch) tryReceive(fd uintptr) (done bool) {
	b.turn.Lock()
	if b.receiveNow(fd); b.errno == unix.EAGAIN {
		b.turn.Unlock()
		b.waited = true
		return false
	}
	return true
}

// receiveNow does not block, so that the scheduler need not know of it.
func (b *batch) receiveNow(fd uintptr) {
	for i := range b.in[:b.used] { // what the system has changed
		h := &b.in[i].hdr
		h.Namelen = unix.SizeofSockaddrInet6
		h.SetControllen(len(b.slots[i].control))
	}
	b.n, b.errno = b.call(unix.SYS_RECVMMSG, fd, b.in)
	b.used, b.queued = b.n, 0
}

func (b *batch) call(trap, fd uintptr, msgs []mmsghdr) (int, syscall.Errno) {
	for {
		n, _, errno := syscall.RawSyscall6(trap, fd, uintptr(unsafe.Pointer(&msgs[0])), uintptr(len(msgs)), unix.MSG_DONTWAIT, 0, 0)
		switch errno {
		case unix.EINTR:
		case 0:
			return int(n), 0
		default:
			return 0, errno
		}
	}
}

// datagram gives the one at i: where it came from, and the control message that came
// with it. They are valid until the next receive.
func (b *batch) datagram(i int) (msg, control []byte, from netip.AddrPort) {
	s, m := &b.slots[i], &b.in[i]
	return s.msg[:m.len], s.control[:m.hdr.Controllen], sockaddr(&s.from)
}

// room is where the reply to a datagram is made.
func (b *batch) room(i int) []byte { return b.slots[i].reply[:0] }

// reply queues the reply to the datagram at i, which lies in its room, to leave by
// what its control message says.
func (b *batch) reply(i int, msg []byte) {
	s, o := &b.slots[i], &b.out[b.queued].hdr
	s.iov[1].Base = &msg[0]
	s.iov[1].SetLen(len(msg))
	*o = b.in[i].hdr
	o.Iov = &s.iov[1]
	o.Flags = 0
	b.queued++
}

// send sends what is queued. It gives the first error, and how many replies have
// failed.
func (b *batch) send() (failed int, err error) {
	b.leaving, b.sent = b.trains.join(b.out[:b.queued]), 0
	for b.sent < len(b.leaving) {
		werr := b.raw.Write(b.send1)
		switch {
		case werr != nil: // the socket is closed, or may not wait any longer
			return failed + replies(b.leaving[b.sent:]), werr
		case b.errno == 0:
			b.sent += b.n
			continue
		case b.leaving[b.sent].hdr.Iovlen > 1:
			b.leaving, b.sent = b.trains.part(b.out[:b.queued], b.sent, b.errno), 0
			continue
		}
		b.sent++ // the first one is at fault
		if failed++; err == nil {
			err = b.errno
		}
	}
	return failed, err
}

func (b *batch) trySend(fd uintptr) (done bool) {
	b.n, b.errno = b.call(unix.SYS_SENDMMSG, fd, b.leaving[b.sent:])
	return b.errno != unix.EAGAIN
}

// sockaddr reads a struct sockaddr of IPv4 or IPv6.
func sockaddr(s *unix.RawSockaddrInet6) netip.AddrPort {
	port := binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&s.Port))[:])
	if s.Family == unix.AF_INET {
		return netip.AddrPortFrom(netip.AddrFrom4((*unix.RawSockaddrInet4)(unsafe.Pointer(s)).Addr), port)
	}
	ip := netip.AddrFrom16(s.Addr)
	if s.Scope_id != 0 {
		ip = ip.WithZone(strconv.Itoa(int(s.Scope_id)))
	}
	return netip.AddrPortFrom(ip, port)
}

// rest sleeps for a moment. The scheduler is not told: it would hand the processor to another
// thread and take it back.
func rest() {
	t := unix.NsecToTimespec(int64(restTime))
	syscall.RawSyscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&t)), 0, 0)
}
