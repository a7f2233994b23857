package conformance

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// A query is made from text, in one of two forms:
//
//	hex OCTETS…          the message itself; the first two octets become its ID
//	[NAME TYPE] +PART…   a question, and what else the message has
//
// The parts are
//
//	+rd +ad +cd +aa +tc +ra +z +qr   flags of the header
//	+opcode=N  +rcode=N              its numbers
//	+class=NAME                      the class of the question: IN, CH or a number
//	+q=NAME,TYPE                     one more question
//	+counts=QD,AN,NS,AR              what the header says of the sections, true or not
//	+an=HEX  +ns=HEX  +ar=HEX        one more record in a section
//	+edns  +edns=SIZE  +version=N    an OPT record
//	+do  +ednsflags=HEX              its flags
//	+opt=CODE  +opt=CODE:HEX         one more option in it
//	+opt2                            the OPT record once more
//	+tail=HEX                        octets behind the message
type query struct {
	head      uint16
	questions []byte
	records   [3][]byte // answer, authority, additional
	counts    [4]uint16
	fixed     bool // counts were given
	edns      *opt
	twice     bool
	tail      []byte
}

type opt struct {
	size    uint16
	version uint8
	flags   uint16
	options []byte
}

// The bits of the header's second word (RFC 1035 §4.1.1, RFC 4035 §3).
var headerFlags = map[string]uint16{
	"qr": 1 << 15, "aa": 1 << 10, "tc": 1 << 9, "rd": 1 << 8, "ra": 1 << 7, "z": 1 << 6, "ad": 1 << 5, "cd": 1 << 4,
}

// message gives the octets of a query. It panics where the text is wrong: it is part
// of a test.
func message(id uint16, text string) []byte {
	fields := strings.Fields(text)
	var msg []byte
	if len(fields) > 0 && fields[0] == "hex" {
		msg = octets(strings.Join(fields[1:], ""))
	} else {
		msg = parseQuery(fields).octets()
	}
	if len(msg) >= 2 {
		binary.BigEndian.PutUint16(msg, id)
	}
	return msg
}

func parseQuery(fields []string) *query {
	q := new(query)
	class := "IN"
	for _, f := range fields {
		if c, ok := strings.CutPrefix(f, "+class="); ok {
			class = c
		}
	}
	if len(fields) > 1 && fields[0][0] != '+' {
		q.ask(fields[0], fields[1], class)
		fields = fields[2:]
	}
	for _, f := range fields {
		if !strings.HasPrefix(f, "+") {
			panic(fmt.Sprintf("query part %q has no +", f))
		}
		key, value, _ := strings.Cut(f[1:], "=")
		q.part(key, value)
	}
	return q
}

func (q *query) ask(name, typ, class string) {
	q.questions = append(q.questions, wireName(name)...)
	q.questions = binary.BigEndian.AppendUint16(q.questions, number(typ, "TYPE", dns.StringToType))
	q.questions = binary.BigEndian.AppendUint16(q.questions, number(class, "CLASS", dns.StringToClass))
	q.count(0)
}

func (q *query) count(section int) {
	if !q.fixed {
		q.counts[section]++
	}
}

func (q *query) part(key, value string) {
	if bit := headerFlags[key]; bit != 0 {
		q.head |= bit
		return
	}
	switch key {
	case "opcode":
		q.head |= number(value, "", nil) << 11
	case "rcode":
		q.head |= number(value, "", nil)
	case "class": // read before
	case "q":
		name, typ, _ := strings.Cut(value, ",")
		q.ask(name, typ, "IN")
	case "an", "ns", "ar":
		section := strings.Index("annsar", key) / 2
		q.records[section] = append(q.records[section], octets(value)...)
		q.count(1 + section)
	case "counts":
		for i, n := range strings.Split(value, ",") {
			q.counts[i] = number(n, "", nil)
		}
		q.fixed = true
	case "opt2":
		q.twice = true
		q.count(3)
	case "tail":
		q.tail = octets(value)
	default:
		q.ednsPart(key, value)
	}
}

func (q *query) ednsPart(key, value string) {
	if q.edns == nil {
		q.edns = &opt{size: 1232}
		q.count(3)
	}
	switch key {
	case "edns":
		if value != "" {
			q.edns.size = number(value, "", nil)
		}
	case "version":
		q.edns.version = uint8(number(value, "", nil))
	case "do":
		q.edns.flags |= 1 << 15
	case "ednsflags":
		q.edns.flags |= binary.BigEndian.Uint16(octets(value))
	case "opt":
		code, data, _ := strings.Cut(value, ":")
		b := octets(data)
		q.edns.options = binary.BigEndian.AppendUint16(q.edns.options, number(code, "", nil))
		q.edns.options = binary.BigEndian.AppendUint16(q.edns.options, uint16(len(b)))
		q.edns.options = append(q.edns.options, b...)
	default:
		panic("query part +" + key + " is not known")
	}
}

func (q *query) octets() []byte {
	msg := binary.BigEndian.AppendUint16([]byte{0, 0}, q.head)
	for _, n := range q.counts {
		msg = binary.BigEndian.AppendUint16(msg, n)
	}
	msg = append(msg, q.questions...)
	for _, r := range q.records {
		msg = append(msg, r...)
	}
	if q.edns != nil {
		msg = q.edns.append(msg)
		if q.twice {
			msg = q.edns.append(msg)
		}
	}
	return append(msg, q.tail...)
}

// append appends the OPT record (RFC 6891 §6.1.2).
func (o *opt) append(b []byte) []byte {
	b = append(b, 0)
	b = binary.BigEndian.AppendUint16(b, dns.TypeOPT)
	b = binary.BigEndian.AppendUint16(b, o.size)
	b = append(b, 0, o.version)
	b = binary.BigEndian.AppendUint16(b, o.flags)
	b = binary.BigEndian.AppendUint16(b, uint16(len(o.options)))
	return append(b, o.options...)
}

func octets(text string) []byte {
	b, err := hex.DecodeString(text)
	if err != nil {
		panic(fmt.Sprintf("%q: %v", text, err))
	}
	return b
}

// number reads a mnemonic, or a number with or without a prefix.
func number(text, prefix string, mnemonics map[string]uint16) uint16 {
	if n, ok := mnemonics[text]; ok {
		return n
	}
	n, err := strconv.ParseUint(strings.TrimPrefix(text, prefix), 0, 16)
	if err != nil {
		panic(err)
	}
	return uint16(n)
}

// wireName is a name in the form of RFC 1035 §3.1, in the case that is given.
func wireName(name string) []byte {
	b := make([]byte, 255)
	n, err := dns.PackDomainName(name, b, 0, nil, false)
	if err != nil {
		panic(fmt.Sprintf("%q: %v", name, err))
	}
	return b[:n]
}
