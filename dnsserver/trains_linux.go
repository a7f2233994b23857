package dnsserver

import (
	"encoding/binary"
	"slices"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// trains puts replies of a batch together that go to one asker: such as those to A and AAAA,
// which many ask for together, from one socket. A train goes through the system as one
// message, and is parted into datagrams where it leaves the host, or at the asker's socket
// (UDP_SEGMENT, udp(7)). Its replies are as long as the first, but for the last, which may
// be shorter: so those to an asker leave the longest first.
type trains struct {
	able  bool // the system takes them
	keys  [batchSize]uint64
	msgs  [batchSize]mmsghdr
	apart [batchSize]mmsghdr
	parts [batchSize]unix.Iovec
	info  [batchSize][infoRoom]byte // control messages
}

const (
	infoRoom = 64        // where replies leave from, and how long they are
	maxTrain = 32 << 10  // octets; IPv4 has messages of nearly 64 KiB
	oneReply = 1<<16 - 1 // of a key: its number, and the complement of its length
)

// trainsFor gives the trains of a socket. Linux before 5.0 gave some askers on the same
// host a train as one datagram: it is known by not having UDP_GRO, which is off.
func trainsFor(fd int) (t trains) {
	_, err := unix.GetsockoptInt(fd, unix.IPPROTO_UDP, unix.UDP_SEGMENT)
	t.able = err == nil && unix.SetsockoptInt(fd, unix.IPPROTO_UDP, unix.UDP_GRO, 0) == nil
	return t
}

// join gives messages that send what msgs do, as few as possible. They are valid as long
// as msgs, and until the next join.
func (t *trains) join(msgs []mmsghdr) []mmsghdr {
	if !t.able || len(msgs) < 2 {
		return msgs
	}
	keys := t.keys[:len(msgs)]
	for i := range msgs {
		keys[i] = trainKey(&msgs[i].hdr, i)
	}
	slices.Sort(keys)
	n, used := 0, 0
	for used < len(keys) {
		first := &msgs[uint8(keys[used])].hdr
		begin, size := used, length(first)
		for total, last := 0, size; used < len(keys); used++ {
			h := &msgs[uint8(keys[used])].hdr
			total += length(h)
			if used > begin && (last < size || total > maxTrain || !sameWay(first, h)) {
				break
			}
			t.parts[used], last = *h.Iov, length(h)
		}
		t.msgs[n].hdr = *first
		if used-begin > 1 {
			t.couple(n, t.parts[begin:used])
		}
		n++
	}
	if n == len(msgs) {
		return msgs // in the order in which they were asked for
	}
	return t.msgs[:n]
}

// part gives the replies from train i on one by one, as that was refused. EIO says that the
// device computes no checksums, or that what leaves there is encrypted: no more trains are
// made then, as others would be refused, too. All else is due to the asker, such as a way
// that takes no datagrams of this length, or a port that nobody can have: else whoever asks
// from such a one would take the trains from all others.
func (t *trains) part(msgs []mmsghdr, i int, why syscall.Errno) []mmsghdr {
	t.able = why != unix.EIO
	before := replies(t.msgs[:i])
	rest := t.apart[:0]
	for _, k := range t.keys[before:len(msgs)] {
		rest = append(rest, msgs[uint8(k)])
	}
	return rest
}

// replies counts the replies in messages.
func replies(msgs []mmsghdr) (n int) {
	for i := range msgs {
		n += int(msgs[i].hdr.Iovlen)
	}
	return n
}

// trainKey orders replies by their askers, and those to one by their length.
func trainKey(h *unix.Msghdr, i int) uint64 {
	from := (*[unix.SizeofSockaddrInet6]byte)(unsafe.Pointer(h.Name))
	// Family, port, and address of IPv4; the end of an address of IPv6.
	asker := (binary.NativeEndian.Uint64(from[:]) ^ binary.NativeEndian.Uint64(from[16:])) * 0x9e3779b97f4a7c15
	return asker>>32<<32 | uint64(oneReply-length(h))<<16 | uint64(i)
}

func length(h *unix.Msghdr) int { return int(h.Iov.Len) }

// sameWay reports whether two replies leave from one address for one asker.
func sameWay(a, b *unix.Msghdr) bool {
	return *(*unix.RawSockaddrInet6)(unsafe.Pointer(a.Name)) == *(*unix.RawSockaddrInet6)(unsafe.Pointer(b.Name)) &&
		string(controlOf(a)) == string(controlOf(b))
}

// controlOf is the control message of a reply.
func controlOf(h *unix.Msghdr) []byte { return unsafe.Slice(h.Control, h.Controllen) }

// couple makes message i one of several parts.
func (t *trains) couple(i int, parts []unix.Iovec) {
	h, info := &t.msgs[i].hdr, &t.info[i]
	at := copy(info[:], controlOf(h))
	c := (*unix.Cmsghdr)(unsafe.Pointer(&info[at]))
	c.Level, c.Type = unix.IPPROTO_UDP, unix.UDP_SEGMENT
	c.SetLen(unix.CmsgLen(2))
	binary.NativeEndian.PutUint16(info[at+unix.CmsgLen(0):], uint16(parts[0].Len))
	h.Control = &info[0]
	h.SetControllen(at + unix.CmsgSpace(2))
	h.Iov = &parts[0]
	h.SetIovlen(len(parts))
}
