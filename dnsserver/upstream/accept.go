package upstream

import (
	"bytes"
	"encoding/binary"

	"github.com/miekg/dns"
)

// verdict is what a message from the server's address and port is to a query.
type verdict uint8

const (
	accepted verdict = iota
	foreign          // no reply, or one to another question: ignored
	wrongID          // somebody guesses
	folded           // the reply, but for the case of the question
)

// judge compares what came with what was sent (RFC 5452 §9.1).
func (q *query) judge(msg []byte) verdict {
	if len(msg) < headerLen {
		return foreign
	}
	head := binary.BigEndian.Uint16(msg[2:])
	switch {
	case !bytes.Equal(msg[:2], q.packed()[:2]):
		return wrongID
	case head&bitQR == 0 || head&bitsOp != 0:
		return foreign
	case len(msg) == headerLen || msg[4] == 0 && msg[5] == 0:
		return bareFailure(msg)
	case msg[4] != 0 || msg[5] != 1 || len(msg) < headerLen+len(q.question()):
		return foreign
	}
	got := msg[headerLen : headerLen+len(q.question())]
	switch {
	case bytes.Equal(got, q.question()):
		return accepted
	case sameFolded(got, q.question()):
		return folded
	}
	return foreign
}

// bareFailure takes a failure without question or records, as old servers send to
// what they do not understand (RFC 6891 §7): it says nothing that could be believed.
func bareFailure(msg []byte) verdict {
	switch int(binary.BigEndian.Uint16(msg[2:]) & bitsRcode) {
	case dns.RcodeFormatError, dns.RcodeServerFailure, dns.RcodeNotImplemented, dns.RcodeRefused:
		if binary.BigEndian.Uint32(msg[4:]) == 0 && msg[8] == 0 && msg[9] == 0 {
			return accepted
		}
	}
	return foreign
}

// sameFolded compares names in wire form, whose lengths are below the letters. The type
// and class behind them are compared alike, which is no matter: they are as sent in case.
func sameFolded(a, b []byte) bool {
	name := len(a) - 4
	return bytes.Equal(a[name:], b[name:]) && bytes.EqualFold(a[:name], b[:name])
}
