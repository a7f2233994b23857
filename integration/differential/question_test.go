//go:build conformance

package differential

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/miekg/dns"
)

// The header of a message (RFC 1035 §4.1.1), as bits of its second 16-bit word.
const (
	bitAA uint16 = 1 << 10
	bitTC uint16 = 1 << 9
	bitRD uint16 = 1 << 8
	bitRA uint16 = 1 << 7
	bitZ  uint16 = 1 << 6
	bitAD uint16 = 1 << 5
	bitCD uint16 = 1 << 4
)

// question is one query, with all that the servers' answers may depend on.
type question struct {
	name   string // in wire form
	typ    uint16
	class  uint16
	opcode int
	flags  uint16
	edns   *edns
	tcp    bool
}

// edns is what its OPT record says (RFC 6891 §6.1).
type edns struct {
	size    uint16
	version uint8
	flags   uint16 // DO and those that have no meaning yet
	options []option
}

type option struct {
	code uint16
	data string
}

const bitDO uint16 = 1 << 15

// appendTo appends the query with this identity.
func (q *question) appendTo(b []byte, id uint16) []byte {
	additional := uint16(0)
	if q.edns != nil {
		additional = 1
	}
	for _, v := range [...]uint16{id, uint16(q.opcode)<<11 | q.flags, 1, 0, 0, additional} {
		b = binary.BigEndian.AppendUint16(b, v)
	}
	b = append(b, q.wire()...)
	if q.edns == nil {
		return b
	}
	b = append(b, 0)
	b = binary.BigEndian.AppendUint16(b, dns.TypeOPT)
	b = binary.BigEndian.AppendUint16(b, q.edns.size)
	b = append(b, 0, q.edns.version)
	b = binary.BigEndian.AppendUint16(b, q.edns.flags)
	var options []byte
	for _, o := range q.edns.options {
		options = binary.BigEndian.AppendUint16(options, o.code)
		options = binary.BigEndian.AppendUint16(options, uint16(len(o.data)))
		options = append(options, o.data...)
	}
	b = binary.BigEndian.AppendUint16(b, uint16(len(options)))
	return append(b, options...)
}

// wire is the question section.
func (q *question) wire() string {
	b := []byte(q.name)
	b = binary.BigEndian.AppendUint16(b, q.typ)
	return string(binary.BigEndian.AppendUint16(b, q.class))
}

// text is the question's name as the DNS library writes it.
func (q *question) text() string {
	s, _, err := dns.UnpackDomainName([]byte(q.name), 0)
	if err != nil {
		panic(fmt.Sprintf("generated the name %q: %v", q.name, err))
	}
	return s
}

func (q *question) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s opcode %d", q.text(), dns.Class(q.class), dns.Type(q.typ), q.opcode)
	for _, f := range flagNames {
		if q.flags&f.bit != 0 {
			b.WriteString(" " + f.name)
		}
	}
	if q.edns != nil {
		fmt.Fprintf(&b, " %v", q.edns)
	}
	if q.tcp {
		b.WriteString(" over TCP")
	}
	return b.String()
}

func (e *edns) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "EDNS %d size %d flags %#x", e.version, e.size, e.flags)
	for _, o := range e.options {
		fmt.Fprintf(&b, " %d:%x", o.code, o.data)
	}
	return b.String()
}

var flagNames = []struct {
	name string
	bit  uint16
}{{"AA", bitAA}, {"TC", bitTC}, {"RD", bitRD}, {"RA", bitRA}, {"Z", bitZ}, {"AD", bitAD}, {"CD", bitCD}}
