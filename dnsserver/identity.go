package dnsserver

import (
	"encoding/binary"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// MaxNSID is the longest Options.NSID, in octets: it fits into any reply, with everything else that may be there.
const MaxNSID = 128

// identity is what a server says of itself in its replies. It is safe for concurrent
// use; nil says nothing.
type identity struct {
	cookies *cookies
	nsid    string // "": not told
	idle    time.Duration
}

// appendOptions appends the options of the reply to q.
func (s *identity) appendOptions(b []byte, q *Query) []byte {
	if s == nil {
		return b
	}
	if q.EDNS.nsid && s.nsid != "" {
		b = appendOption(b, dns.EDNS0NSID, len(s.nsid))
		b = append(b, s.nsid...)
	}
	if client := q.EDNS.cookie; client != nil {
		client = client[:clientCookieLen]
		b = appendOption(b, dns.EDNS0COOKIE, clientCookieLen+serverCookieLen)
		b = append(b, client...)
		b = s.cookies.appendServer(b, client, q.From.Addr())
	}
	if q.EDNS.keepalive {
		b = appendOption(b, dns.EDNS0TCPKEEPALIVE, 2)
		b = binary.BigEndian.AppendUint16(b, uint16(min(s.idle/(100*time.Millisecond), 1<<16-1)))
	}
	return b
}

// trusts reports whether q has shown that it comes from where it says.
func (s *identity) trusts(q *Query) bool {
	return s != nil && q.EDNS.cookie != nil && s.cookies.good(q.EDNS.cookie, q.From.Addr())
}

func appendOption(b []byte, code uint16, n int) []byte {
	b = binary.BigEndian.AppendUint16(b, code)
	return binary.BigEndian.AppendUint16(b, uint16(n))
}

// tells admits a question in class CH, where servers are asked for what they are (RFC
// 4892).
func (s *identity) tells(q *Query) error {
	if s == nil || s.nsid == "" || q.Type != dns.TypeTXT {
		return errClass
	}
	for _, n := range [...]string{"\x02id\x06server\x00", "\x08hostname\x04bind\x00"} {
		if sameName(q.Name, []byte(n)) {
			return nil
		}
	}
	return errClass
}

// answer answers what tells has admitted: with the same name as NSID, and never with a
// version.
func (s *identity) answer(q *Query) (*dns.Msg, error) {
	owner, _, err := dns.UnpackDomainName(q.Name, 0)
	txt := &dns.TXT{Hdr: dns.RR_Header{Name: owner, Rrtype: dns.TypeTXT, Class: dns.ClassCHAOS}, Txt: []string{escaped(s.nsid)}}
	return &dns.Msg{MsgHdr: dns.MsgHdr{Authoritative: true}, Answer: []dns.RR{txt}}, err
}

// escaped is text as the DNS library reads it.
func escaped(text string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text)
}
