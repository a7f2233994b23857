package dnsserver

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"
)

// message is a query with ID 0xabcd: flags, the counts of the four sections, and
// what follows the header.
func message(flags uint16, counts string, body ...string) []byte {
	b := binary.BigEndian.AppendUint16([]byte{0xab, 0xcd}, flags)
	for _, c := range counts {
		b = append(b, 0, byte(c-'0'))
	}
	return append(b, strings.Join(body, "")...)
}

// Parts of messages.
const (
	webA     = "\x03web\x03svc\x04test\x00\x00\x01\x00\x01"
	optEmpty = "\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00"
	optV1    = "\x00\x00\x29\x04\xd0\x00\x01\x00\x00\x00\x00"
	otherRR  = "\x01x\x00\x00\x01\x00\x01\x00\x00\x00\x00\x00\x04\x01\x02\x03\x04"
)

func opt(options string) string {
	return "\x00\x00\x29\x04\xd0\x00\x00\x00\x00" + string([]byte{byte(len(options) >> 8), byte(len(options))}) + options
}

func question(name string, typ, class uint16) string {
	b := binary.BigEndian.AppendUint16([]byte(name), typ)
	return string(binary.BigEndian.AppendUint16(b, class))
}

var longLabel = "\x3f" + strings.Repeat("x", 63)

// admissions are rows of the checklist of required behaviour: what is sent, and the
// text of the reply.
func admissions() []struct {
	name string
	msg  []byte
	want string
} {
	const found = ": web.svc.test. 5 IN A 10.0.0.7"
	return []struct {
		name string
		msg  []byte
		want string
	}{
		{"A1 no octets", nil, "nothing"},
		{"A1 header cut off", message(0, "1000")[:11], "nothing"},
		{"A2 a reply", message(bitQR, "1000", webA), "nothing"},
		{"A3 opcode 15, header only", message(15<<11, "0000"), "NOTIMP no-question"},
		{"A3 opcode 15, all flags", message(15<<11|0x07ff, "1000", webA), "NOTIMP no-question"},
		{"A3 IQUERY", message(1<<11, "1000", webA), "NOTIMP no-question"},
		{"A4 NOTIFY", message(4<<11|bitAA, "1000", webA), "NOTIMP no-question"},
		{"A4 UPDATE with OPT", message(5<<11, "1001", webA, optEmpty), "NOTIMP no-question"},
		{"A4 DSO", message(6<<11, "0000"), "NOTIMP no-question"},
		{"A5 two questions", message(bitRD, "2000", webA, webA), "FORMERR rd no-question"},
		{"A6 no question", message(0, "0000"), "FORMERR no-question"},
		{"A6 no question, a cookie", message(0, "0001", opt("\x00\x0a\x00\x0812345678")), "NOERROR no-question [edns0 1232 cookie=3132333435363738+16]"},
		{"A6 no question, a wrong server cookie", message(bitRD, "0001", opt("\x00\x0a\x00\x18"+"12345678"+strings.Repeat("x", 16))), "BADCOOKIE rd no-question [edns0 1232 cookie=3132333435363738+16]"},
		{"A6 no question, EDNS without a cookie", message(0, "0001", optEmpty), "FORMERR no-question [edns0 1232]"},
		{"A6 no question, a cookie of 9 octets", message(0, "0001", opt("\x00\x0a\x00\x09123456789")), "FORMERR no-question [edns0 1232]"},
		{"A7 two OPT", message(0, "1002", webA, optEmpty, optEmpty), "FORMERR [edns0 1232]"},
		{"A7 OPT not owned by the root", message(0, "1001", webA, "\x01x"+optEmpty), "FORMERR"},
		{"A7 OPT in authority", message(0, "1010", webA, optEmpty), "FORMERR"},
		{"A8 EDNS version 1", message(0, "1001", webA, optV1), "BADVERS [edns0 1232]"},
		{"A8 version 1, DO, unknown flag, option", message(bitRD, "1001", webA, "\x00\x00\x29\x04\xd0\x00\x01\x80\x40\x00\x04\x00\x64\x00\x00"), "BADVERS rd [edns0 1232 do]"},
		{"A8 version 255, options that are none", message(0, "1001", webA, "\x00\x00\x29\x04\xd0\x00\xff\x00\x00\x00\x01\x00"), "BADVERS [edns0 1232]"},
		{"A9 unknown option", message(0, "1001", webA, opt("\x00\x64\x00\x02hi")), "NOERROR aa" + found + " [edns0 1232]"},
		{"A9 unknown flag", message(0, "1001", webA, "\x00\x00\x29\x04\xd0\x00\x00\x00\x40\x00\x00"), "NOERROR aa" + found + " [edns0 1232]"},
		{"A9 extended rcode in the query", message(0, "1001", webA, "\x00\x00\x29\x04\xd0\x77\x00\x00\x00\x00\x00"), "NOERROR aa" + found + " [edns0 1232]"},
		{"A10 NSID, COOKIE, ECS, EXPIRE", message(0, "1001", webA, opt("\x00\x03\x00\x00\x00\x0a\x00\x0812345678\x00\x08\x00\x04\x00\x01\x00\x00\x00\x09\x00\x00")), "NOERROR aa" + found + " [edns0 1232 cookie=3132333435363738+16]"},
		{"A11 Z, AD, CD, TC, AA, RA", message(0x06f0, "1000", webA), "NOERROR aa cd" + found},
		{"A11 RD", message(bitRD, "1000", webA), "NOERROR aa rd" + found},
		{"A12 no body", message(bitRD|bitCD, "1000"), "FORMERR rd no-question"},
		{"A12 name cut off", message(0, "1000", "\x03we"), "FORMERR no-question"},
		{"A12 name without root", message(0, "1000", "\x03web"), "FORMERR no-question"},
		{"A12 type cut off", message(0, "1000", webA[:len(webA)-3]), "FORMERR no-question"},
		{"A12 pointer to itself", message(0, "1000", "\xc0\x0c\x00\x01\x00\x01"), "FORMERR no-question"},
		{"A12 pointer forward", message(0, "1000", "\xc0\x0e\x00\x00\x01\x00\x01"), "FORMERR no-question"},
		{"A12 pointer into the header", message(0, "1000", "\x01a\xc0\x04\x00\x01\x00\x01"), "FORMERR no-question"},
		{"A12 pointer cut off", message(0, "1000", "\x01a\xc0"), "FORMERR no-question"},
		{"A12 label of type 01", message(0, "1000", "\x41a\x00\x00\x01\x00\x01"), "FORMERR no-question"},
		{"A12 label of type 10", message(0, "1000", "\x81a\x00\x00\x01\x00\x01"), "FORMERR no-question"},
		{"A12 name of 256 octets", message(0, "1000", question(strings.Repeat(longLabel, 3)+"\x3e"+longLabel[1:63]+"\x00", 1, 1)), "FORMERR no-question"},
		{"name of 255 octets", message(0, "1000", question(strings.Repeat(longLabel, 3)+"\x3d"+longLabel[1:62]+"\x00", 1, 1)), "REFUSED"},
		{"A12 record cut off", message(0, "1001", webA, optEmpty[:8]), "FORMERR"},
		{"A12 record missing", message(0, "1001", webA), "FORMERR"},
		{"A12 data longer than the message", message(0, "1001", webA, "\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x01"), "FORMERR"},
		{"A12 option longer than OPT", message(0, "1001", webA, opt("\x00\x03\x00\x01")), "FORMERR [edns0 1232]"},
		{"A12 half an option", message(0, "1001", webA, opt("\x00\x03\x00")), "FORMERR [edns0 1232]"},
		{"A12 owner points forward", message(0, "1001", webA, "\xc0\x40\x00\x01\x00\x01\x00\x00\x00\x00\x00\x00"), "FORMERR"},
		{"A12 an answer in the query", message(0, "1100", webA, otherRR), "FORMERR no-question"},
		{"A12 two authorities", message(0, "1020", webA, otherRR, otherRR), "FORMERR no-question"},
		{"A12 three additionals", message(0, "1003", webA, otherRR, otherRR, otherRR), "FORMERR no-question"},
		{"A13 octets behind the question", message(bitRD, "1000", webA, "\x00"), "FORMERR rd"},
		{"A13 octets behind OPT", message(0, "1001", webA, optEmpty, "\x00"), "FORMERR [edns0 1232]"},
		{"A13 record that is not counted", message(0, "1000", webA, optEmpty), "FORMERR"},
		{"A14 version.bind CH", message(0, "1001", question("\x07version\x04bind\x00", 16, 3), optEmpty), "REFUSED [edns0 1232 ede=21]"},
		{"A15 HS", message(0, "1000", question("\x03web\x03svc\x04test\x00", 1, 4)), "REFUSED"},
		{"A15 class ANY", message(0, "1000", question("\x03web\x03svc\x04test\x00", 1, 255)), "REFUSED"},
		{"A15 class NONE", message(0, "1000", question("\x03web\x03svc\x04test\x00", 1, 254)), "REFUSED"},
		{"A16 type OPT", message(0, "1001", question("\x03web\x03svc\x04test\x00", 41, 1), optEmpty), "FORMERR [edns0 1232]"},
		{"A16 type NXNAME", message(0, "1001", question("\x03web\x03svc\x04test\x00", 128, 1), optEmpty), "FORMERR [edns0 1232 ede=30]"},
		{"A16 type NXNAME without EDNS", message(0, "1000", question("\x03web\x03svc\x04test\x00", 128, 1)), "FORMERR"},
		{"A17 MAILA", message(0, "1000", question("\x03web\x03svc\x04test\x00", 254, 1)), "NOTIMP"},
		{"A17 MAILB", message(0, "1000", question("\x03web\x03svc\x04test\x00", 253, 1)), "NOTIMP"},
		{"A17 TSIG", message(0, "1000", question("\x03web\x03svc\x04test\x00", 250, 1)), "NOTIMP"},
		{"A17 TKEY", message(0, "1000", question("\x03web\x03svc\x04test\x00", 249, 1)), "NOTIMP"},
		{"A17 a meta type without name", message(0, "1000", question("\x03web\x03svc\x04test\x00", 200, 1)), "NOTIMP"},
		{"AXFR", message(0, "1000", question("\x03svc\x04test\x00", 252, 1)), "REFUSED"},
		{"IXFR", message(0, "1010", question("\x03svc\x04test\x00", 251, 1), otherRR), "REFUSED"},
		{"A18 type 1000", message(0, "1000", question("\x03web\x03svc\x04test\x00", 1000, 1)), "NOERROR aa / soa svc.test. 5"},
		{"A18 type 65280 of nothing", message(0, "1000", question("\x02no\x03svc\x04test\x00", 65280, 1)), "NXDOMAIN aa / soa svc.test. 5"},
		{"A18 type 0", message(0, "1000", question("\x03web\x03svc\x04test\x00", 0, 1)), "NOERROR aa / soa svc.test. 5"},
		{"A19 cookie of 7 octets", message(0, "1001", webA, opt("\x00\x0a\x00\x071234567")), "FORMERR [edns0 1232]"},
		{"A19 cookie of 9 octets", message(0, "1001", webA, opt("\x00\x0a\x00\x09123456789")), "FORMERR [edns0 1232]"},
		{"A19 cookie of 41 octets", message(0, "1001", webA, opt("\x00\x0a\x00\x29"+strings.Repeat("x", 41))), "FORMERR [edns0 1232]"},
		{"A19 cookie of 40 octets", message(0, "1001", webA, opt("\x00\x0a\x00\x2812345678"+strings.Repeat("x", 32))), "NOERROR aa" + found + " [edns0 1232 cookie=3132333435363738+16]"},
		{"record beside OPT, owner compressed", message(0, "1002", webA, optEmpty, "\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x00\x00\x00"), "NOERROR aa" + found + " [edns0 1232]"},
	}
}

func TestAdmission(t *testing.T) {
	o := Options{Handler: authorityOf(newZone(t))}
	everywhere(t, o, func(t *testing.T, open func(testing.TB) *wire) {
		outer, w := t, open(t)
		for _, tt := range admissions() {
			t.Run(tt.name, func(t *testing.T) {
				reply := w.exchange(tt.msg)
				if got := text(t, reply); got != tt.want {
					t.Errorf("sent %x\n got %s\nwant %s", tt.msg, got, tt.want)
				}
				if reply == nil {
					if w.tcp {
						w = open(outer)
					}
					return
				}
				checkEcho(t, tt.msg, reply)
			})
		}
	})
}

// checkEcho fails when a reply is not to msg: identity, opcode and, if it is
// repeated, the question octet for octet.
func checkEcho(t testing.TB, msg, reply []byte) {
	t.Helper()
	if !bytes.Equal(reply[:2], msg[:2]) || reply[2]&0x78 != msg[2]&0x78 || reply[2]&0x80 == 0 {
		t.Errorf("header %x replies to %x", reply[:12], msg[:12])
	}
	if binary.BigEndian.Uint16(reply[4:]) == 0 {
		return
	}
	end, ok := skipName(reply, headerLen)
	if !ok || !bytes.HasPrefix(msg[headerLen:], reply[headerLen:end+4]) {
		t.Errorf("question %x replies to %x", reply[headerLen:end+4], msg[headerLen:])
	}
}

func TestErrorRepliesRepeatNothingElse(t *testing.T) {
	z := newZone(t)
	for _, tt := range []struct {
		name      string
		msg, want []byte
	}{
		{"opcode 15 with every flag", message(0x7fff, "1001", webA, optEmpty), message(0xf804, "0000")},
		{"no question, every flag", message(0x07ff, "0000"), message(0x8101, "0000")},
		{"question that cannot be read", message(0x07ff, "1000", "\xc0\x0c"), message(0x8101, "0000")},
		{"trailing octets", message(0x07ff, "1000", webA, "xxxx"), message(0x8101, "1000", webA)},
		{"class", message(0x07ff, "1000", question("\x00", 1, 3)), message(0x8115, "1000", question("\x00", 1, 3))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := ask(t, authorityOf(z), UDP, tt.msg); !bytes.Equal(got, tt.want) {
				t.Errorf("got %x\nwant %x", got, tt.want)
			}
		})
	}
}

func TestSourcesThatAreNotAnswered(t *testing.T) {
	local := netip.MustParseAddrPort("127.0.0.1:53")
	for _, from := range []string{"127.0.0.1:53", "192.0.2.1:0"} {
		q := Query{From: netip.MustParseAddrPort(from), Local: local}
		if err := q.admit(query("web.svc.test. A")); err != errDrop {
			t.Errorf("from %s: %v, want it dropped", from, err)
		}
	}
}

func TestAdmissionDoesNotAllocate(t *testing.T) {
	var msgs [][]byte
	for _, tt := range admissions() {
		msgs = append(msgs, tt.msg)
	}
	q := new(Query)
	n := testing.AllocsPerRun(10, func() {
		for _, m := range msgs {
			*q = Query{From: netip.AddrPortFrom(netip.IPv6Loopback(), 1)}
			_ = q.admit(m)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations for %d messages, want none", n, len(msgs))
	}
}

func TestManyPointersEndSoon(t *testing.T) {
	// Each pointer leads to the one before it: legal one by one, a bomb together.
	msg := message(0, "1001", webA)
	at := len(msg)
	msg = append(msg, "\x00\x00\x01\x00\x01\x00\x00\x00\x00\x20\x00"...)
	to := headerLen
	for range 4096 {
		next := len(msg)
		msg = binary.BigEndian.AppendUint16(msg, uint16(0xc000|to))
		to = next
	}
	if end, ok := skipName(msg, len(msg)-2); ok {
		t.Errorf("name through 4096 pointers was read up to %d", end)
	}
	if end, ok := skipName(msg, at+11+2*100); !ok || end != at+11+2*101 {
		t.Errorf("name through 101 pointers: end %d, %v", end, ok)
	}
}
