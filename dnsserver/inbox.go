package dnsserver

import (
	"encoding/binary"
	"io"
)

// The size of buffers: one begins small, as most connections bring one query, and is not
// kept beyond some size while a connection is idle.
const (
	firstBuffer = 1 << 10
	keepBuffer  = 4 << 10
	maxBuffer   = 2 + maxTCPSize
)

// inbox reads messages with their lengths before them (RFC 1035 §4.2.2). Its zero value
// is ready.
type inbox struct {
	buf        []byte
	start, end int // of what was read and not given yet
}

// next reads until there is a whole message. It is valid until the next call, or rest.
//
// Deadlines are not moved by parts of a message: who sends one octet at a time is not
// served for ever (RFC 7766 §6.2.3).
func (b *inbox) next(from io.Reader) (msg []byte, err error) {
	for {
		if msg, ok := b.whole(); ok {
			return msg, nil
		}
		b.makeRoom()
		n, err := from.Read(b.buf[b.end:])
		if b.end += n; n == 0 && err != nil {
			return nil, err
		}
	}
}

// whole gives the next message, if all of it has come.
func (b *inbox) whole() (msg []byte, ok bool) {
	in := b.buf[b.start:b.end]
	if len(in) < 2 {
		return nil, false
	}
	n := 2 + int(binary.BigEndian.Uint16(in))
	if len(in) < n {
		return nil, false
	}
	b.start += n
	return in[2:n], true
}

// makeRoom makes room for more. Memory is given for what has come, not for what is
// announced.
func (b *inbox) makeRoom() {
	have := b.end - b.start
	if b.start == 0 && b.end == len(b.buf) {
		b.buf = append(make([]byte, 0, min(max(firstBuffer, 2*have), maxBuffer)), b.buf...)
		b.buf = b.buf[:cap(b.buf)]
		return
	}
	if b.start > 0 {
		copy(b.buf, b.buf[b.start:b.end])
		b.start, b.end = 0, have
	}
}

// rest gives memory back before the next wait.
func (b *inbox) rest() {
	if b.start == b.end && len(b.buf) > keepBuffer {
		*b = inbox{}
	}
}

// keep gives the memory of a buffer for the next use, if that is not too much.
func keep(b []byte) []byte {
	if cap(b) > keepBuffer {
		return nil
	}
	return b[:0]
}
