package upstream

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/rollcall-dns/rollcall/dnsserver/upstream/upstreamtest"
)

// Nothing of the server's standing towards the asker is passed on; AD only where nobody on
// the way can have set it, and to those who ask for it (RFC 6840 §5.7-5.8).
func TestReplyHasFlagsOfItsOwn(t *testing.T) {
	for _, overTLS := range []bool{false, true} {
		for _, ad := range []bool{false, true} {
			asked := question(t, "web.example. A")
			asked.AuthenticatedData = ad
			s := upstreamtest.Start(t, upstreamtest.Edited(func(m *dns.Msg) {
				m.Authoritative, m.AuthenticatedData, m.Zero, m.CheckingDisabled = true, true, true, true
			}, web))
			addr := s.Addr()
			if overTLS {
				addr = s.TLSAddr()
			}
			got, err := newClient(t, Options{RootCAs: s.RootCAs()}).Exchange(t.Context(), mustAddr(t, addr), asked)
			check(t, got, err, webA)
			want := dns.MsgHdr{Id: asked.Id, Response: true, RecursionDesired: true, RecursionAvailable: true, AuthenticatedData: overTLS && ad}
			if got.MsgHdr != want {
				t.Errorf("got %+v, want %+v", got.MsgHdr, want)
			}
		}
	}
}

// Names come back in the case in which they were asked, wherever compression points to
// the question.
func TestReplyIsInTheCaseOfTheAsker(t *testing.T) {
	s := upstreamtest.Start(t, upstreamtest.Edited(func(m *dns.Msg) {
		m.Compress = true
		name := m.Question[0].Name
		m.Answer = upstreamtest.RRs(name+" 60 IN CNAME www."+name, "www."+name+" 60 IN A 192.0.2.1")
	}, web))
	got, err := newClient(t, Options{}).Exchange(t.Context(), mustAddr(t, s.Addr()), question(t, "WeB.eXAMPLe. A"))
	check(t, got, err, "WeB.eXAMPLe. 60 IN CNAME www.WeB.eXAMPLe.www.WeB.eXAMPLe. 60 IN A 192.0.2.1")
}

// A TTL with the highest bit set is zero (RFC 2181 §8).
func TestReplyWithATTLOfMoreThan31Bits(t *testing.T) {
	m := upstreamtest.Answer(question(t, "web.example. A"), "web.example. 2147483647 IN A 192.0.2.1", "web.example. 2147483648 IN A 192.0.2.2", "web.example. 4294967295 IN A 192.0.2.3")
	got, err := receive(t, m, pack(t, m))
	check(t, got, err, "web.example. 2147483647 IN A 192.0.2.1web.example. 0 IN A 192.0.2.2web.example. 0 IN A 192.0.2.3")
}

// Rcodes above 15 are about EDNS, which the asker may not even have used.
func TestReplyWithAnExtendedRcode(t *testing.T) {
	m := new(dns.Msg).SetReply(question(t, "web.example. A"))
	m.SetEdns0(1232, false)
	m.Rcode = dns.RcodeBadVers
	got, err := receive(t, m, pack(t, m))
	if err != nil || got.Rcode != dns.RcodeServerFailure || len(got.Extra) != 0 {
		t.Errorf("got %v, %v", got, err)
	}
}

// Of what a server says about its answer the first code is passed on, and nothing that it
// has written.
func TestReplyIsExplained(t *testing.T) {
	ede := func(info uint16) dns.EDNS0 { return &dns.EDNS0_EDE{InfoCode: info, ExtraText: "call 555-0100"} }
	local := func(code uint16, data string) dns.EDNS0 { return &dns.EDNS0_LOCAL{Code: code, Data: []byte(data)} }
	for _, tt := range []struct {
		name    string
		options []dns.EDNS0
		want    string
	}{
		{"nothing said", nil, "[]"},
		{"Blocked", []dns.EDNS0{ede(dns.ExtendedErrorCodeBlocked)}, "[15]"},
		{"Other", []dns.EDNS0{ede(dns.ExtendedErrorCodeOther)}, "[0]"},
		{"the first of two", []dns.EDNS0{ede(dns.ExtendedErrorCodeDNSBogus), ede(dns.ExtendedErrorCodeNoReachableAuthority)}, "[6]"},
		{"behind others", []dns.EDNS0{local(dns.EDNS0NSID, "ns1"), ede(dns.ExtendedErrorCodeStaleAnswer)}, "[3]"},
		{"without a code", []dns.EDNS0{local(dns.EDNS0EDE, "x")}, "[]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			asked := question(t, "web.example. A")
			m := upstreamtest.Answer(asked, "web.example. 60 IN A 192.0.2.1")
			m.SetEdns0(1232, false)
			m.IsEdns0().Option = tt.options
			got, err := receive(t, asked, pack(t, m))
			check(t, got, err, webA)
			codes := []uint16{}
			if opt := got.IsEdns0(); opt != nil {
				for _, o := range opt.Option {
					e := o.(*dns.EDNS0_EDE)
					codes = append(codes, e.InfoCode)
					if e.ExtraText != "" {
						t.Errorf("with the text %q", e.ExtraText)
					}
				}
			}
			if fmt.Sprint(codes) != tt.want {
				t.Errorf("explained by %v, want %s", codes, tt.want)
			}
		})
	}
}

// What is read stays as it is when the memory that it was read from is used again.
func TestReplyDoesNotShareTheMemoryOfItsMessage(t *testing.T) {
	var records []string
	for _, rr := range []string{`A 192.0.2.1`, `AAAA 2001:db8::1`, `CNAME a.example.`, `TXT "a" "b"`, `SRV 1 2 3 a.example.`, `MX 1 a.example.`,
		`SVCB 1 . alpn=h2 ipv4hint=192.0.2.1 ipv6hint=2001:db8::1 ech=AAAA key65000=abcd`, `HTTPS 1 a.example. mandatory=alpn alpn=h2 port=1`,
		`CAA 0 issue "ca.example"`, `SOA a. b. 1 2 3 4 5`, `DS 1 8 2 00ff`, `DNSKEY 256 3 8 AAAA`, `NSEC b.example. A TXT`, `TLSA 3 1 1 00ff`, `SSHFP 1 1 00ff`,
		`NAPTR 1 1 "u" "s" "r" .`, `LOC 1 N 1 E 1m`, `TYPE65001 \# 2 00ff`, `HIP 2 200100107B1A74DF365639CC39F1D578 AwEAAbdx a.example.`, `APL 1:192.0.2.0/24`, `URI 1 1 "http://a"`} {
		records = append(records, "a.example. 60 IN "+rr)
	}
	m := new(dns.Msg).SetReply(question(t, "a.example. ANY"))
	m.Answer = upstreamtest.RRs(records...)
	wire := pack(t, m)
	again := bytes.Clone(wire)
	got, err := receive(t, m, wire)
	if err != nil || len(got.Answer) != len(records) {
		t.Fatalf("got %v, %v", got, err)
	}
	before := pack(t, got)
	for i := range wire {
		wire[i] = 0xff
	}
	if !bytes.Equal(pack(t, got), before) {
		t.Errorf("the reply has changed with the memory of its message")
	}
	want, err := receive(t, m, again)
	if err != nil || !bytes.Equal(pack(t, want), before) {
		t.Errorf("the same message was read as %v, %v", want, err)
	}
}

// A record without data harms no other: one that is there but holds nothing crashes
// whoever trusts the library.
func TestReplyWithEmptyRecords(t *testing.T) {
	m := new(dns.Msg).SetReply(question(t, "web.example. A"))
	for _, typ := range []uint16{dns.TypeA, dns.TypeCNAME, dns.TypeNS, dns.TypePTR, dns.TypeSOA} {
		m.Answer = append(m.Answer, &dns.ANY{Hdr: dns.RR_Header{Name: "web.example.", Rrtype: typ, Class: dns.ClassINET, Ttl: 1}})
	}
	m.Answer = append(m.Answer, upstreamtest.RRs(webA)...)
	got, err := receive(t, m, pack(t, m))
	check(t, got, err, webA)
}

// malformed are replies that have the right header and question, and must not be read.
func malformed(t testing.TB) map[string][]byte {
	good := pack(t, upstreamtest.Answer(question(t, "web.example. A"), webA))
	head := headerLen + len("\x03web\x07example\x00") + 4
	edit := func(f func(b []byte) []byte) []byte { return f(slices.Clone(good)) }
	return map[string][]byte{
		"cut in a record":     good[:len(good)-1],
		"cut before a record": good[:head],
		"more records counted than there are": edit(func(b []byte) []byte {
			binary.BigEndian.PutUint16(b[6:], 2)
			return b
		}),
		"more records than fit": edit(func(b []byte) []byte {
			binary.BigEndian.PutUint16(b[10:], 65535)
			return b
		}),
		"longer data than there is": edit(func(b []byte) []byte {
			b[len(b)-5]++
			return b
		}),
		"an address of three octets": edit(func(b []byte) []byte {
			b[len(b)-5]--
			return b[:len(b)-1]
		}),
		"a pointer to itself": edit(func(b []byte) []byte {
			b[head], b[head+1] = 0xc0, byte(head)
			return b
		}),
		"a pointer past the end": edit(func(b []byte) []byte {
			b[head], b[head+1] = 0xff, 0xff
			return b
		}),
		"two OPT records": edit(func(b []byte) []byte {
			b[11] = 2
			return append(b, bytes.Repeat([]byte{0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0}, 2)...)
		}),
		"a label of unknown kind": edit(func(b []byte) []byte {
			b[head] = 0x80
			return b
		}),
	}
}

func TestMalformedRepliesAreNotRead(t *testing.T) {
	for name, wire := range malformed(t) {
		asked := question(t, "web.example. A")
		asked.Id = binary.BigEndian.Uint16(wire)
		if got, err := receive(t, asked, wire); !errors.Is(err, errMalformed) || got != nil {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
}

// What is malformed over UDP is asked again over TCP, where nobody else can have sent it.
func TestMalformedReplyIsAskedAgainOverTCP(t *testing.T) {
	cut := upstreamtest.EditedWire(func(b []byte) []byte { return b[:len(b)-12] }, web)
	s := upstreamtest.Start(t, upstreamtest.Over(upstreamtest.UDP, cut, web))
	c, a := newClient(t, Options{}), mustAddr(t, s.Addr())
	got, err := c.Exchange(t.Context(), a, question(t, "web.example. A"))
	check(t, got, err, webA)
	if st := c.Stats()[a]; st.Malformed != 1 || st.TCP != 1 {
		t.Errorf("%+v", st)
	}
}

// bomb is a message of 64 KiB that names make many times as long: records whose owner,
// and where named is set whose data too, is a pointer to a name of 255 octets.
func bomb(t testing.TB, typ uint16, data []byte) []byte {
	long := strings.Repeat(strings.Repeat(`\000`, 63)+".", 3) + strings.Repeat(`\000`, 61) + "."
	m := pack(t, new(dns.Msg).SetReply(question(t, long+" "+dns.Type(typ).String())))
	record := []byte{0xc0, headerLen + 1 + 63, byte(typ >> 8), byte(typ), 0, 1, 0, 0, 0, 1, byte(len(data) >> 8), byte(len(data))}
	record = append(record, data...)
	n := (maxTCP - len(m)) / len(record)
	binary.BigEndian.PutUint16(m[6:], uint16(n))
	return append(m, bytes.Repeat(record, n)...)
}

// No message takes more than a hundred times its length to be read, all garbage
// included: not through compression, nor through a great many empty strings.
func TestReplyThatExplodesIsBounded(t *testing.T) {
	toName := []byte{0xc0, headerLen}
	for name, wire := range map[string][]byte{
		"aliases": bomb(t, dns.TypePTR, toName),
		"mail":    bomb(t, dns.TypeMX, append([]byte{0, 0}, toName...)),
		"HIP":     bomb(t, dns.TypeHIP, append([]byte{0, 2, 0, 0}, bytes.Repeat(toName, 32_000)...)),
		"texts":   bomb(t, dns.TypeTXT, make([]byte, 32_000)),
	} {
		asked := new(dns.Msg)
		if err := asked.Unpack(wire[:headerLen+maxName+4]); len(asked.Question) != 1 {
			t.Fatal(err)
		}
		asked.Response = false
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		got, _ := receive(t, asked, wire)
		runtime.ReadMemStats(&after)
		used := after.TotalAlloc - before.TotalAlloc
		if used > 100*maxTCP {
			t.Errorf("%s: %d octets of memory were used to read %d, of which came %v", name, used, len(wire), got)
		}
		t.Logf("%s: %d KiB", name, used>>10)
	}
}
