package conformance

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

const (
	headerLen  = 12
	maxUDPSize = 1232
	minUDPSize = 512
)

// checkReply tells what is wrong with the form of a reply to any query that is long
// enough to have an ID, whatever the query is.
func checkReply(query, reply []byte, udp bool) error {
	if len(reply) < headerLen {
		return fmt.Errorf("%d octets are no message", len(reply))
	}
	asked, head := binary.BigEndian.Uint16(query[2:]), binary.BigEndian.Uint16(reply[2:])
	switch {
	case !bytes.Equal(query[:2], reply[:2]):
		return fmt.Errorf("ID %x, not %x", reply[:2], query[:2])
	case head&headerFlags["qr"] == 0:
		return fmt.Errorf("QR is not set")
	case (asked^head)>>11&15 != 0:
		return fmt.Errorf("opcode %d, not %d", head>>11&15, asked>>11&15)
	case head&headerFlags["z"] != 0:
		return fmt.Errorf("Z is set")
	case udp && len(reply) > maxUDPSize:
		return fmt.Errorf("%d octets over UDP", len(reply))
	}
	m := new(dns.Msg)
	if err := m.Unpack(reply); err != nil {
		return fmt.Errorf("cannot be parsed: %w", err)
	}
	if udp && m.IsEdns0() == nil && len(reply) > minUDPSize {
		return fmt.Errorf("%d octets over UDP without EDNS", len(reply))
	}
	return checkSections(query, reply, m)
}

// checkSections looks for what dns.Msg passes over: counts that lie, octets behind
// the last record, questions that differ, OPT records that are too many.
func checkSections(query, reply []byte, m *dns.Msg) error {
	for i, n := range []int{len(m.Question), len(m.Answer), len(m.Ns), len(m.Extra)} {
		if said := int(binary.BigEndian.Uint16(reply[4+2*i:])); said != n {
			return fmt.Errorf("section %d has %d entries, and its count is %d", i, n, said)
		}
	}
	opts, last := 0, headerLen+questionLen(reply)
	for _, rr := range m.Extra {
		if rr.Header().Rrtype == dns.TypeOPT {
			opts++
		}
	}
	if opts > 1 {
		return fmt.Errorf("%d OPT records", opts)
	}
	if len(m.Question) > 0 && (len(query) < last || !bytes.Equal(query[headerLen:last], reply[headerLen:last])) {
		return fmt.Errorf("the question is not the one that was asked")
	}
	if end := endOf(reply); end != len(reply) {
		return fmt.Errorf("%d octets behind the last record", len(reply)-end)
	}
	return nil
}

// questionLen is the length of the only question, which the library has parsed.
func questionLen(msg []byte) int {
	if binary.BigEndian.Uint16(msg[4:]) == 0 {
		return 0
	}
	return skipName(msg, headerLen) + 4 - headerLen
}

func endOf(msg []byte) int {
	off, records := headerLen+questionLen(msg), 0
	for i := range 3 {
		records += int(binary.BigEndian.Uint16(msg[6+2*i:]))
	}
	for range records {
		off = skipName(msg, off)
		off += 10 + int(binary.BigEndian.Uint16(msg[off+8:]))
	}
	return off
}

func skipName(msg []byte, off int) int {
	for {
		switch n := msg[off]; {
		case n == 0:
			return off + 1
		case n >= 192:
			return off + 2
		default:
			off += 1 + int(n)
		}
	}
}

// text is a reply as
//
//	RCODE flags: answer; … / authority; … + additional; … [ednsVERSION SIZE do OPTION…]
//
// with sorted records, of a SOA record only owner and TTL, and of a cookie only how
// long the two parts are.
func text(reply []byte) string {
	m := new(dns.Msg)
	if err := m.Unpack(reply); err != nil {
		return err.Error()
	}
	edns := m.IsEdns0()
	rcode := m.Rcode
	if edns != nil {
		m.Extra = slices.DeleteFunc(m.Extra, func(rr dns.RR) bool { return rr == dns.RR(edns) })
		rcode = m.Rcode&15 | edns.ExtendedRcode()&^15
	}
	out := rcodeName(rcode)
	if m.Opcode != dns.OpcodeQuery {
		out += fmt.Sprintf(" opcode=%d", m.Opcode)
	}
	for _, f := range []string{"aa", "tc", "rd", "ra", "ad", "cd"} {
		if binary.BigEndian.Uint16(reply[2:])&headerFlags[f] != 0 {
			out += " " + f
		}
	}
	if len(m.Question) == 0 {
		out += " no-question"
	}
	return out + section(": ", m.Answer) + section(" / ", m.Ns) + section(" + ", m.Extra) + ednsText(edns)
}

func rcodeName(rcode int) string {
	if rcode == dns.RcodeBadVers {
		return "BADVERS" // shares its number with BADSIG, of TSIG
	}
	return dns.RcodeToString[rcode]
}

func section(sep string, rrs []dns.RR) string {
	if len(rrs) == 0 {
		return ""
	}
	var lines []string
	for _, rr := range rrs {
		lines = append(lines, recordText(rr))
	}
	slices.Sort(lines)
	return sep + strings.Join(lines, "; ")
}

func recordText(rr dns.RR) string {
	if soa, ok := rr.(*dns.SOA); ok {
		return fmt.Sprintf("soa %s %d", soa.Hdr.Name, soa.Hdr.Ttl)
	}
	return strings.Join(strings.Fields(rr.String()), " ")
}

func ednsText(edns *dns.OPT) string {
	if edns == nil {
		return ""
	}
	out := fmt.Sprintf(" [edns%d %d", edns.Version(), edns.UDPSize())
	if edns.Do() {
		out += " do"
	}
	if z := uint16(edns.Hdr.Ttl) &^ (1 << 15); z != 0 {
		out += fmt.Sprintf(" flags=%04x", z)
	}
	for _, o := range edns.Option {
		out += " " + optionText(o)
	}
	return out + "]"
}

func optionText(o dns.EDNS0) string {
	switch o := o.(type) {
	case *dns.EDNS0_EDE:
		return fmt.Sprintf("ede=%d%s", o.InfoCode, o.ExtraText)
	case *dns.EDNS0_NSID:
		nsid, _ := hex.DecodeString(o.Nsid)
		return "nsid=" + string(nsid)
	case *dns.EDNS0_TCP_KEEPALIVE:
		return fmt.Sprintf("keepalive=%d", o.Timeout)
	case *dns.EDNS0_COOKIE:
		return fmt.Sprintf("cookie=%.16s+%d", o.Cookie, len(o.Cookie)/2-8)
	}
	return fmt.Sprintf("option=%d", o.Option())
}
