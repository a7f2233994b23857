package upstream

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/miekg/dns"
)

var errMalformed = errors.New("the reply is malformed")

// maxExpanded bounds what the names of one message may grow to when they are written
// out, in octets: compression makes each of two octets up to 255.
const maxExpanded = 8 * maxTCP

// minRecord is the length of the shortest record: root, type, class, TTL, length.
const minRecord = 11

// read makes a message of a reply that was accepted, and writes to it.
func (q *query) read(msg []byte) (*dns.Msg, error) {
	head := binary.BigEndian.Uint16(msg[2:])
	q.reply = reply{}
	all := &struct {
		m dns.Msg
		q [1]dns.Question
	}{q: [1]dns.Question{q.asked.Question[0]}}
	m := &all.m
	m.Question = all.q[:]
	m.MsgHdr = dns.MsgHdr{
		Id:                 q.asked.Id,
		Response:           true,
		RecursionDesired:   q.asked.RecursionDesired,
		RecursionAvailable: head&bitRA != 0,
		AuthenticatedData:  head&bitAD != 0 && q.wantsAD(),
		CheckingDisabled:   q.asked.CheckingDisabled,
		Rcode:              int(head & bitsRcode),
	}
	if len(msg) == headerLen || msg[5] == 0 {
		return m, nil
	}
	// Names that are compressed against the question are spelled as the asker does.
	copy(msg[headerLen:], q.name)
	r := reader{msg: msg, off: headerLen + len(q.question()), first: q.asked.Question[0].Name, left: maxExpanded}
	if err := r.sections(m); err != nil {
		return nil, err
	}
	q.reply = reply{r.cookie, int(r.extended)<<4|m.Rcode == dns.RcodeBadCookie}
	if r.extended != 0 { // what EDNS has gone wrong with is between us and the server
		m.Rcode = dns.RcodeServerFailure
	}
	scrub(m)
	if r.explained != nil {
		m.SetEdns0(offerUDP, false)
		m.IsEdns0().Option = []dns.EDNS0{r.explained}
	}
	return m, nil
}

// reader walks over the records of a message.
type reader struct {
	msg   []byte
	off   int
	first string // the name of the question
	left  int    // of maxExpanded

	// The last owner that was compressed to nothing but a pointer: records of one name
	// share it.
	pointer  uint16
	owner    string
	hasOPT   bool
	extended byte // upper bits of the rcode (RFC 6891 §6.1.3)

	explained *dns.EDNS0_EDE // what the server says of it, without a text
	cookie    []byte
}

func (r *reader) sections(m *dns.Msg) (err error) {
	var count [3]int
	sum := 0
	for i := range count {
		count[i] = int(binary.BigEndian.Uint16(r.msg[6+2*i:]))
		sum += count[i]
	}
	if sum > (len(r.msg)-r.off)/minRecord {
		return errMalformed
	}
	if m.Answer, err = r.section(count[0]); err == nil {
		if m.Ns, err = r.section(count[1]); err == nil {
			m.Extra, err = r.section(count[2])
		}
	}
	return err
}

func (r *reader) section(n int) (rrs []dns.RR, err error) {
	for range n {
		rr, err := r.record()
		if err != nil {
			return nil, err
		}
		if rr == nil {
			continue
		}
		if rrs == nil {
			rrs = make([]dns.RR, 0, min(n, 16))
		}
		rrs = append(rrs, rr)
	}
	return rrs, nil
}

// record gives nil for what is passed over.
func (r *reader) record() (dns.RR, error) {
	owner, err := r.name()
	if err != nil || r.off+10 > len(r.msg) {
		return nil, errMalformed
	}
	fixed := r.msg[r.off:]
	h := dns.RR_Header{
		Name:     owner,
		Rrtype:   binary.BigEndian.Uint16(fixed),
		Class:    binary.BigEndian.Uint16(fixed[2:]),
		Ttl:      ttl(binary.BigEndian.Uint32(fixed[4:])),
		Rdlength: binary.BigEndian.Uint16(fixed[8:]),
	}
	off := r.off + 10
	if r.off = off + int(h.Rdlength); r.off > len(r.msg) {
		return nil, errMalformed
	}
	switch {
	case h.Rrtype == dns.TypeOPT && r.hasOPT: // RFC 6891 §6.1.1
		return nil, errMalformed
	case h.Rrtype == dns.TypeOPT:
		r.hasOPT, r.extended = true, fixed[4]
		r.options(r.msg[off:r.off])
		return nil, nil
	case h.Class != dns.ClassINET || meta(h.Rrtype) || h.Rdlength == 0:
		return nil, nil
	}
	rr, err := unpack(h, r.msg[:r.off], off)
	if err != nil {
		return nil, errMalformed
	}
	if r.left -= dns.Len(rr); r.left < 0 {
		return nil, errMalformed
	}
	return rr, nil
}

// options reads those that are for us. Of others it tolerates whatever form they have.
func (r *reader) options(b []byte) {
	for len(b) >= optionLen {
		code, n := binary.BigEndian.Uint16(b), int(binary.BigEndian.Uint16(b[2:]))
		if b = b[optionLen:]; n > len(b) {
			return
		}
		switch {
		case code == dns.EDNS0EDE && n >= 2 && r.explained == nil:
			r.explained = &dns.EDNS0_EDE{InfoCode: binary.BigEndian.Uint16(b)}
		case code == dns.EDNS0COOKIE && r.cookie == nil:
			r.cookie = b[:n]
		}
		b = b[n:]
	}
}

func unpack(h dns.RR_Header, msg []byte, off int) (dns.RR, error) {
	// HIP has a list of names, which a server may have compressed although it must not
	// (RFC 3597 §4): its data is not looked at.
	if h.Rrtype == dns.TypeHIP {
		return &dns.RFC3597{Hdr: h, Rdata: hex.EncodeToString(msg[off:])}, nil
	}
	rr, _, err := dns.UnpackRRWithHeader(h, msg, off)
	return rr, err
}

// name reads an owner.
func (r *reader) name() (string, error) {
	at := r.off
	compressed := at+2 <= len(r.msg) && r.msg[at] >= 0xc0
	var to uint16
	if compressed {
		switch to = binary.BigEndian.Uint16(r.msg[at:]); to {
		case 0xc000 | headerLen:
			r.off += 2
			return r.first, nil
		case r.pointer:
			r.off += 2
			return r.owner, nil
		}
	}
	name, end, err := dns.UnpackDomainName(r.msg, at)
	if err != nil {
		return "", err
	}
	if strings.EqualFold(name, r.first) {
		name = r.first
	}
	if r.off = end; compressed {
		r.pointer, r.owner = to, name
	}
	return name, nil
}

// ttl is zero for what has the highest bit set (RFC 2181 §8).
func ttl(s uint32) uint32 {
	if s > 1<<31-1 {
		return 0
	}
	return s
}

// meta reports whether records of a type are about the message or the server, not data
// (RFC 6895 §3.1), or signatures of the message (RFC 2931).
func meta(typ uint16) bool {
	return typ >= 128 && typ <= 255 || typ == 0 || typ == dns.TypeSIG
}
