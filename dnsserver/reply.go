package dnsserver

import (
	"bytes"
	"encoding/binary"

	"github.com/miekg/dns"
)

// Reply is a message under construction. It is the one place that knows what a
// reply repeats of its query, and what is left out of it when it would be too long.
// Explain comes first, if at all, then the records of Answer, of Authority, and the sets
// of Additional. What is given is copied.
type Reply struct {
	Rcode             int // beyond 15 only to a query with EDNS, else SERVFAIL
	Authoritative     bool
	AuthenticatedData bool // told to those alone who understand it
	Truncated         bool // set, too, when a record of Answer or Authority did not fit

	q     *Query
	buf   []byte
	start int  // of the message in buf
	limit int  // octets of the message before its OPT record
	full  bool // a record that was required did not fit
	count [sections]uint16

	options []byte // of the OPT record

	last   []byte // the owner that was written last
	lastAt int    // where in the message; 0: nowhere that can be pointed to
}

// section of a reply that holds records.
type section int

const (
	answer section = iota
	authority
	additional
	sections
)

// Record is one resource record of the class that was asked. Its names are in wire form
// and uncompressed.
type Record struct {
	Owner []byte // nil: the name that was asked
	Type  uint16
	TTL   uint32 // seconds
	Data  []byte
}

// whole reports whether the data begins with the names that Reply takes from it: the DNS
// library packs one that is empty to nothing.
func (rec *Record) whole() bool {
	names, rest := 0, 0
	switch rec.Type {
	case dns.TypeNS, dns.TypeCNAME, dns.TypePTR:
		names = 1
	case dns.TypeSOA:
		names, rest = 2, 20
	default:
		return true
	}
	at, ok := 0, true
	for range names {
		if at, ok = skipName(rec.Data, at); !ok {
			return false
		}
	}
	return len(rec.Data) == at+rest
}

const optLen = 11 // an OPT record without options

// begin starts the reply to q behind what out holds. Options are those of its OPT
// record, which it has when the query had one.
func (r *Reply) begin(q *Query, options, out []byte) {
	*r = Reply{q: q, buf: out, start: len(out), limit: q.Limit(), options: options, last: r.last[:0]}
	if q.EDNS.Present {
		r.limit -= optLen + len(options)
	}
	r.buf = append(r.buf, make([]byte, headerLen)...)
	if len(q.Name) > 0 {
		r.buf = append(r.buf, q.Name...) // the case that was asked guards against forgery
		r.buf = binary.BigEndian.AppendUint16(r.buf, q.Type)
		r.buf = binary.BigEndian.AppendUint16(r.buf, q.Class)
	}
}

// Reset makes r an empty reply to q, without what identifies the server. It serves those
// who have a Direct handler answer outside of a server.
func (r *Reply) Reset(q *Query) { r.begin(q, nil, r.buf[:0]) }

// Octets gives the whole message, which stays valid until Reset. Nothing is added then.
func (r *Reply) Octets() []byte { return r.finish() }

// Explain gives the extended error of the reply (RFC 8914 §2), to those who can read it,
// with a short text, or none. It is called once, before there are records.
func (r *Reply) Explain(info uint16, text string) {
	if !r.q.EDNS.Present {
		return
	}
	r.options = appendOption(r.options, dns.EDNS0EDE, 2+len(text))
	r.options = binary.BigEndian.AppendUint16(r.options, info)
	r.options = append(r.options, text...)
	r.limit -= 4 + 2 + len(text)
}

// Answer adds a record to the answer section. The first that does not fit is where the
// message is cut (RFC 2181 §9): those before it stay, because some clients have nothing
// but them.
func (r *Reply) Answer(rec *Record) { r.require(answer, rec) }

// Authority adds a record to the authority section, as Answer does.
func (r *Reply) Authority(rec *Record) { r.require(authority, rec) }

func (r *Reply) require(s section, rec *Record) {
	if !r.full {
		r.required(s, r.add(rec))
	}
}

// required counts a record of a section, which is the last if it does not fit.
func (r *Reply) required(s section, fits bool) {
	if !fits {
		r.full, r.Truncated = true, true
		return
	}
	r.count[s]++
}

// Additional adds an RRset to the additional section, or none of it when it does not
// fit whole: TC stays clear then (RFC 2181 §9).
func (r *Reply) Additional(set ...Record) {
	if r.full {
		return
	}
	mark := len(r.buf)
	for i := range set {
		if !r.add(&set[i]) {
			r.undo(mark)
			return
		}
	}
	r.count[additional] += uint16(len(set))
}

// undo takes back what was added since mark.
func (r *Reply) undo(mark int) {
	r.buf = r.buf[:mark]
	r.lastAt = 0 // it may have been in that
}

// add appends a record, or nothing when it does not fit.
func (r *Reply) add(rec *Record) bool {
	mark := len(r.buf)
	r.owner(rec.Owner)
	at := r.fixed(rec.Type, rec.TTL)
	r.rdata(rec)
	return r.fits(mark, at)
}

// fixed appends what stands between the owner of a record and its data, whose length is
// not known yet, and gives where the data begins.
func (r *Reply) fixed(typ uint16, ttl uint32) (at int) {
	c := r.q.Class
	r.buf = append(r.buf, byte(typ>>8), byte(typ), byte(c>>8), byte(c), byte(ttl>>24), byte(ttl>>16), byte(ttl>>8), byte(ttl), 0, 0)
	return len(r.buf)
}

// fits ends the record that begins at mark, with data from at on, or takes it back when it
// does not fit.
func (r *Reply) fits(mark, at int) bool {
	binary.BigEndian.PutUint16(r.buf[at-2:], uint16(len(r.buf)-at))
	if len(r.buf)-r.start <= r.limit {
		return true
	}
	r.buf = r.buf[:mark]
	return false
}

// owner appends the name of a record: pointing to that of the record before where
// it is the same.
func (r *Reply) owner(n []byte) {
	if len(n) == 0 {
		r.buf = binary.BigEndian.AppendUint16(r.buf, pointer|headerLen)
		return
	}
	if r.lastAt > 0 && bytes.Equal(n, r.last) {
		r.buf = binary.BigEndian.AppendUint16(r.buf, pointer|uint16(r.lastAt))
		return
	}
	at := len(r.buf) - r.start
	r.name(n, sameName)
	if at > maxPointer || r.buf[r.start+at] >= 192 {
		return // too far away, or itself a pointer: to the question
	}
	r.last, r.lastAt = append(r.last[:0], n...), at
}

// rdata appends the data of a record. Only names in the types of RFC 1035 may be
// compressed (RFC 3597 §4): never the target of SRV.
func (r *Reply) rdata(rec *Record) {
	d := rec.Data
	switch rec.Type {
	case dns.TypeNS, dns.TypeCNAME, dns.TypePTR:
		r.name(d, bytes.Equal)
	case dns.TypeSOA:
		r.name(d, bytes.Equal)
		d = d[nameLen(d):]
		r.name(d, bytes.Equal)
		r.buf = append(r.buf, d[nameLen(d):]...)
	default:
		r.buf = append(r.buf, d...)
	}
}

// Compression (RFC 1035 §4.1.4).
const (
	pointer    = 192 << 8
	maxPointer = 1<<14 - 1
)

// name appends the name that d begins with, pointing into the question for as much
// of its end as is there: all that a zone's answers have in common. Same is sameName
// where the name takes the case that was asked, and bytes.Equal where it keeps its own
// (RFC 4343 §4.1).
func (r *Reply) name(d []byte, same func(a, b []byte) bool) {
	d = d[:nameLen(d)]
	for i := 0; d[i] != 0; i += 1 + int(d[i]) {
		at := len(r.q.Name) - len(d) + i
		if at >= 0 && same(r.q.Name[at:], d[i:]) {
			r.buf = append(r.buf, d[:i]...)
			r.buf = binary.BigEndian.AppendUint16(r.buf, uint16(pointer|headerLen+at))
			return
		}
	}
	r.buf = append(r.buf, d...)
}

// finish writes header and OPT record, and gives out with the message behind it.
func (r *Reply) finish() []byte {
	if r.Rcode > int(bitsRcode) && !r.q.EDNS.Present {
		r.Rcode = dns.RcodeServerFailure // has no room in the header (RFC 6891 §6.1.3)
	}
	h := r.buf[r.start:]
	binary.BigEndian.PutUint16(h[0:], r.q.id)
	binary.BigEndian.PutUint16(h[2:], r.flags()|bitQR|r.q.echo|uint16(r.Rcode)&bitsRcode)
	if len(r.q.Name) > 0 {
		h[5] = 1
	}
	for s, n := range r.count {
		binary.BigEndian.PutUint16(h[6+2*s:], n)
	}
	if r.q.EDNS.Present {
		r.opt(r.Rcode)
	}
	return r.buf
}

// flags has RA according to who asks, whatever the answer (RFC 1035 §4.1.1).
func (r *Reply) flags() (flags uint16) {
	if r.Authoritative {
		flags |= bitAA
	}
	if r.Truncated {
		flags |= bitTC
	}
	if r.q.recursion {
		flags |= bitRA
	}
	if r.AuthenticatedData && r.q.WantsAD() {
		flags |= bitAD
	}
	return flags
}

// opt appends the OPT record, the only one: version 0, our size, the DO bit as it
// was asked (RFC 3225 §3), and no other flag.
func (r *Reply) opt(rcode int) {
	h := r.buf[r.start:]
	binary.BigEndian.PutUint16(h[10:], r.count[additional]+1)
	r.buf = append(r.buf, 0)
	r.buf = binary.BigEndian.AppendUint16(r.buf, dns.TypeOPT)
	r.buf = binary.BigEndian.AppendUint16(r.buf, maxUDPSize)
	do := byte(0)
	if r.q.EDNS.DO {
		do = 1 << 7
	}
	r.buf = append(r.buf, byte(rcode>>4), 0, do, 0)
	r.buf = binary.BigEndian.AppendUint16(r.buf, uint16(len(r.options)))
	r.buf = append(r.buf, r.options...)
	if r.q.EDNS.padding {
		r.pad(len(r.buf) - len(r.options) - 2)
	}
}

// padBlock is what the length of a padded reply is a multiple of (RFC 8467 §4.1).
const padBlock = 468

// pad lengthens the message to whole blocks by an option at its end, where there is room
// for one. At is where the length of all options is written.
func (r *Reply) pad(at int) {
	const option = 4 // without data
	size := len(r.buf) - r.start + option
	n := min((size+padBlock-1)/padBlock*padBlock, r.q.Limit()) - size
	if n < 0 {
		return
	}
	r.buf = appendOption(r.buf, dns.EDNS0PADDING, n)
	r.buf = append(r.buf, make([]byte, n)...)
	binary.BigEndian.PutUint16(r.buf[at:], uint16(len(r.buf)-at-2))
}
