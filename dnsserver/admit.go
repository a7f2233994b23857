package dnsserver

import (
	"encoding/binary"

	"github.com/miekg/dns"
)

// The header of a message (RFC 1035 §4.1.1), as bits of its second 16-bit word.
const (
	headerLen = 12

	bitQR     uint16 = 1 << 15
	bitsOp    uint16 = 15 << 11
	bitAA     uint16 = 1 << 10
	bitTC     uint16 = 1 << 9
	bitRD     uint16 = 1 << 8
	bitRA     uint16 = 1 << 7
	bitAD     uint16 = 1 << 5
	bitCD     uint16 = 1 << 4
	bitsRcode uint16 = 15
)

// The most records that a query has: the SOA record of IXFR (RFC 1995 §3), and
// OPT with a signature behind it.
const (
	maxAuthority  = 1
	maxAdditional = 2
)

// maxMessage is the longest query, in octets: what is admitted is a name, and some
// options. A copy of each that waits is in memory.
const maxMessage = 4 << 10

// admit decides from the octets of a message alone whether it is answered. It is
// the same for every transport, and allocates nothing. It gives errDrop for what
// deserves no answer, and otherwise a *Failure, or nil for a question that
// handlers may see.
//
// The caller has set From, Local and Transport. What admit sets of the rest is
// what the reply may repeat: nothing of a message that was not understood beyond
// its identity, opcode and RD, the question only when it was whole, EDNS only when
// there was an OPT record in its place.
func (q *Query) admit(msg []byte) error {
	if len(msg) < headerLen {
		return errDrop
	}
	head := binary.BigEndian.Uint16(msg[2:])
	// A reply that is answered, or a socket that answers itself, makes a loop.
	if head&bitQR != 0 || q.From.Port() == 0 || q.From == q.Local {
		return errDrop
	}
	q.id = binary.BigEndian.Uint16(msg)
	if q.echo = head & bitsOp; q.echo != 0 {
		return errOpcode // other opcodes give the flags other meanings (RFC 8906 §3.1.4)
	}
	q.echo |= head & bitRD
	if len(msg) > maxMessage {
		return errFormat
	}
	if err := q.sections(msg); err != nil {
		return err
	}
	if q.EDNS.Present {
		if err := q.EDNS.check(q.Transport); err != nil {
			return err
		}
	}
	if len(q.Name) == 0 {
		return q.cookieAlone()
	}
	q.echo |= head & bitCD
	q.ad = head&bitAD != 0
	return q.kind()
}

// sections walks over the whole message, which ends with its last record.
func (q *Query) sections(msg []byte) error {
	var count [4]int
	for i := range count {
		count[i] = int(binary.BigEndian.Uint16(msg[4+2*i:]))
	}
	if count[0] > 1 || count[1] != 0 || count[2] > maxAuthority || count[3] > maxAdditional {
		return errFormat
	}
	off, ok := headerLen, true
	if count[0] == 1 {
		if off, ok = q.question(msg); !ok {
			return errFormat
		}
	}
	for i := range count[2] + count[3] {
		if off, ok = q.record(msg, off, i >= count[2]); !ok {
			return errFormat
		}
	}
	if off != len(msg) {
		return errFormat
	}
	return nil
}

func (q *Query) question(msg []byte) (end int, ok bool) {
	end, ok = skipName(msg, headerLen)
	if !ok || end+4 > len(msg) {
		return 0, false
	}
	q.Name = msg[headerLen:end]
	q.Type = binary.BigEndian.Uint16(msg[end:])
	q.Class = binary.BigEndian.Uint16(msg[end+2:])
	return end + 4, true
}

// cookieAlone is what a message without a question may be (RFC 7873 §5.4).
func (q *Query) cookieAlone() error {
	if q.EDNS.cookie == nil {
		return errFormat
	}
	return errNoQuestion
}

// record passes over one record and reads an OPT record, of which there may be one,
// owned by the root, in the additional section (RFC 6891 §6.1.1).
func (q *Query) record(msg []byte, off int, additional bool) (end int, ok bool) {
	owner := off
	off, ok = skipName(msg, off)
	if !ok || off+10 > len(msg) {
		return 0, false
	}
	typ := binary.BigEndian.Uint16(msg[off:])
	size := binary.BigEndian.Uint16(msg[off+2:])
	ttl := binary.BigEndian.Uint32(msg[off+4:])
	end = off + 10 + int(binary.BigEndian.Uint16(msg[off+8:]))
	if end > len(msg) {
		return 0, false
	}
	if typ != dns.TypeOPT {
		return end, true
	}
	if !additional || msg[owner] != 0 || q.EDNS.Present {
		return 0, false
	}
	q.EDNS = EDNS{
		Present: true,
		Version: uint8(ttl >> 16),
		Size:    size,
		DO:      ttl&(1<<15) != 0,
		options: msg[off+10 : end],
	}
	return end, true
}

// The types that are questions about the message or the server, not about data
// (RFC 6895 §3.1).
const (
	firstMetaType = 128
	lastMetaType  = 255
)

// kind refuses the classes and types that no handler answers.
func (q *Query) kind() error {
	switch {
	case q.Class == dns.ClassCHAOS:
		return nil
	case q.Class != dns.ClassINET:
		return errClass
	case q.Type == dns.TypeOPT:
		return errFormat
	case q.Type == dns.TypeNXNAME:
		return errNXName // RFC 9824 §3.5
	case q.Type == dns.TypeAXFR || q.Type == dns.TypeIXFR:
		return errTransfer
	case q.Type >= firstMetaType && q.Type <= lastMetaType && q.Type != dns.TypeANY:
		return errMetaType // RFC 8906 §7
	}
	return nil
}
