package upstream

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/miekg/dns"
)

// The header of a message (RFC 1035 §4.1.1), as bits of its second 16-bit word.
const (
	headerLen = 12

	bitQR     uint16 = 1 << 15
	bitsOp    uint16 = 15 << 11
	bitTC     uint16 = 1 << 9
	bitRD     uint16 = 1 << 8
	bitRA     uint16 = 1 << 7
	bitAD     uint16 = 1 << 5
	bitCD     uint16 = 1 << 4
	bitsRcode uint16 = 15
)

const (
	maxName   = 255  // octets of a name, RFC 1035 §2.3.4
	offerUDP  = 1232 // never fragmented (RFC 9715 §3)
	maxUDP    = 4096 // what is longer goes over TCP
	maxTCP    = 1<<16 - 1
	optLen    = 11
	optionLen = 4   // of an option without data
	lengthLen = 2   // before each message over TCP (RFC 1035 §4.2.2)
	padBlock  = 128 // what queries over TLS are multiples of (RFC 8467 §4.1)
	maxQuery  = lengthLen + headerLen + maxName + 4 + optLen + optionLen + max(padBlock, maxCookie)
)

// query is one question on its way to a server, with the memory that it needs.
type query struct {
	asked *dns.Msg
	name  []byte // wire form, in the case that was asked
	edns  bool   // sent with an OPT record
	mixed bool   // sent in a case drawn at random
	tls   bool   // nobody learns from its length what is asked; AD is asked for and passed on

	cookie    []byte // sent with an OPT record; nil: none
	cookieBuf [maxCookie]byte
	reply     reply

	// random is drawn once for each message sent: two octets of identity, the rest for
	// ports and case.
	random  [2 + 2*portTries + maxName/8 + 1]byte
	out     [maxQuery]byte // length, header, question, OPT
	n       int            // octets of out
	nameBuf [maxName]byte
	local   net.UDPAddr
	in      [maxUDP]byte
}

// reply is what EDNS says of the last reply that was read, to us alone.
type reply struct {
	cookie    []byte // in the memory of the message; nil: none
	badCookie bool   // it is no answer: the server did not know its cookie (RFC 7873 §5.3)
}

var queries = sync.Pool{New: func() any { return new(query) }}

var errQuestion = errors.New("one question of class IN is asked at a time")

// newQuery is given back by free.
func newQuery(asked *dns.Msg) (*query, error) {
	if len(asked.Question) != 1 || asked.Question[0].Qclass != dns.ClassINET || asked.Opcode != dns.OpcodeQuery {
		return nil, errQuestion
	}
	q := queries.Get().(*query)
	q.asked, q.edns, q.mixed, q.cookie = asked, true, true, nil
	n, err := dns.PackDomainName(asked.Question[0].Name, q.nameBuf[:], 0, nil, false)
	if err != nil || n == 0 {
		q.free()
		return nil, fmt.Errorf("ask for %q: not a fully qualified name", asked.Question[0].Name)
	}
	q.name = q.nameBuf[:n]
	return q, nil
}

func (q *query) free() {
	q.asked, q.name = nil, nil
	queries.Put(q)
}

// draw takes what the next message needs of chance.
func (q *query) draw() { rand.Read(q.random[:]) }

// id is the identity that was drawn.
func (q *query) id() uint16 { return binary.BigEndian.Uint16(q.random[:]) }

// write makes the message, with its length before it.
func (q *query) write(id uint16) {
	msg := q.out[lengthLen:]
	clear(msg[:headerLen])
	binary.BigEndian.PutUint16(msg, id)
	binary.BigEndian.PutUint16(msg[2:], q.flags())
	msg[5] = 1 // QDCOUNT
	end := headerLen + copy(msg[headerLen:], q.name)
	if q.mixed {
		q.mixCase(msg[headerLen:end])
	}
	binary.BigEndian.PutUint16(msg[end:], q.asked.Question[0].Qtype)
	binary.BigEndian.PutUint16(msg[end+2:], dns.ClassINET)
	end += 4
	if q.edns {
		msg[11] = 1 // ARCOUNT
		end += copy(msg[end:], q.opt())
		switch {
		case q.tls:
			end = pad(msg, end)
		case q.cookie != nil:
			end = option(msg, end, dns.EDNS0COOKIE, q.cookie)
		}
	}
	q.n = lengthLen + end
	binary.BigEndian.PutUint16(q.out[:], uint16(end))
}

// flags are those that are the asker's (RFC 5625 §4.1, RFC 6840 §5.7).
func (q *query) flags() (f uint16) {
	if q.asked.RecursionDesired {
		f |= bitRD
	}
	if q.asked.CheckingDisabled {
		f |= bitCD
	}
	if q.wantsAD() {
		f |= bitAD
	}
	return f
}

func (q *query) wantsAD() bool { return q.tls && (q.asked.AuthenticatedData || q.do()) }

func (q *query) do() bool {
	opt := q.asked.IsEdns0()
	return opt != nil && opt.Do()
}

// opt is our own OPT record: of the asker's only DO is passed on, as no option is meant
// for the next server (RFC 6891 §6.2.1).
func (q *query) opt() string {
	if q.do() {
		return "\x00\x00\x29\x04\xd0\x00\x00\x80\x00\x00\x00"
	}
	return "\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00"
}

// pad adds an option to the OPT record that msg ends with (RFC 7830).
func pad(msg []byte, end int) int {
	return option(msg, end, dns.EDNS0PADDING, noData[:-(end+optionLen)&(padBlock-1)])
}

var noData [padBlock]byte

// option adds one to the OPT record that msg ends with, which has none yet.
func option(msg []byte, end int, code uint16, data []byte) int {
	binary.BigEndian.PutUint16(msg[end-2:], uint16(optionLen+len(data)))
	binary.BigEndian.PutUint16(msg[end:], code)
	binary.BigEndian.PutUint16(msg[end+2:], uint16(len(data)))
	end += optionLen
	return end + copy(msg[end:], data)
}

// mixCase draws the case of each letter (draft-vixie-dnsext-dns0x20). Lengths are
// below the letters.
func (q *query) mixCase(name []byte) {
	bits := q.random[2+2*portTries:]
	for i, c := range name {
		if l := c | 0x20; 'a' <= l && l <= 'z' {
			name[i] = l &^ (bits[i/8] >> (i % 8) & 1 << 5)
		}
	}
}

// packed is the message as it goes over UDP.
func (q *query) packed() []byte { return q.out[lengthLen:q.n] }

// framed is the message as it goes over TCP.
func (q *query) framed() []byte { return q.out[:q.n] }

// question is that of the message that was sent, in its case.
func (q *query) question() []byte {
	return q.out[lengthLen+headerLen : lengthLen+headerLen+len(q.name)+4]
}
