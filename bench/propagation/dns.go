package main

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"strings"
	"time"
)

// asker asks one server for SRV records, over one UDP socket.
type asker struct {
	conn net.Conn
	id   uint16
	buf  [1500]byte
}

// reply is what matters of an answer: how many records, and of the first the port
// and, from the additional section, an address.
type reply struct {
	records int
	port    uint16
	addr    netip.Addr
}

const (
	typeA   = 1
	typeSRV = 33
)

var errMessage = errors.New("a DNS message that makes no sense")

// ask asks for the SRV records of a name. A rcode other than success counts as
// no records.
func (a *asker) ask(name string) (reply, error) {
	a.id++
	q := binary.BigEndian.AppendUint16(nil, a.id)
	q = append(q, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0)
	for label := range strings.SplitSeq(name, ".") {
		q = append(append(q, byte(len(label))), label...)
	}
	q = append(q, 0, 0, typeSRV, 0, 1)
	if _, err := a.conn.Write(q); err != nil {
		return reply{}, err
	}
	a.conn.SetReadDeadline(time.Now().Add(2 * time.Second))
	for {
		n, err := a.conn.Read(a.buf[:])
		if err != nil {
			return reply{}, err
		}
		if n >= 12 && binary.BigEndian.Uint16(a.buf[:]) == a.id {
			return parse(a.buf[:n])
		}
	}
}

// parse reads an answer to one question.
func parse(m []byte) (r reply, err error) {
	r.records = int(binary.BigEndian.Uint16(m[6:]))
	rest := r.records + int(binary.BigEndian.Uint16(m[8:])) + int(binary.BigEndian.Uint16(m[10:]))
	at, err := skipName(m, 12)
	at += 4 // type and class of the question
	for ; rest > 0 && err == nil; rest-- {
		if at, err = skipName(m, at); err != nil || at+10 > len(m) {
			return r, errMessage
		}
		typ, size := binary.BigEndian.Uint16(m[at:]), int(binary.BigEndian.Uint16(m[at+8:]))
		at += 10
		if at+size > len(m) {
			return r, errMessage
		}
		switch {
		case typ == typeSRV && r.port == 0 && size > 6:
			r.port = binary.BigEndian.Uint16(m[at+4:])
		case typ == typeA && !r.addr.IsValid() && size == 4:
			r.addr = netip.AddrFrom4([4]byte(m[at:]))
		}
		at += size
	}
	return r, err
}

// skipName gives the offset behind the name at an offset.
func skipName(m []byte, at int) (int, error) {
	for at < len(m) {
		switch l := int(m[at]); {
		case l == 0:
			return at + 1, nil
		case l >= 0xc0:
			return at + 2, nil
		default:
			at += 1 + l
		}
	}
	return 0, errMessage
}
