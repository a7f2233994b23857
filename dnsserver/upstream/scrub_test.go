package upstream

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"github.com/rollcall-dns/rollcall/dnsserver/upstream/upstreamtest"
)

// replies are what servers send, in three sections, and what is left of them: the
// records marked with a leading +.
var replies = []struct{ name, ask, reply string }{
	{"an address", "web.example. A", `
		+web.example. 60 IN A 192.0.2.1
		+WEB.example. 60 IN A 192.0.2.2
		 web.example. 60 IN AAAA 2001:db8::1
		 www.bank.example. 60 IN A 203.0.113.6
		 eb.example. 60 IN A 203.0.113.6
		 web.example. 60 CH A 203.0.113.6
		 web.example. 60 IN TXT "v=spf1"`},
	{"a chain of aliases, in any order", "a.example. A", `
		+c.example.net. 60 IN A 192.0.2.1
		+a.example. 60 IN CNAME b.example.net.
		+b.example.net. 60 IN CNAME c.example.net.
		 d.example.net. 60 IN A 203.0.113.6
		 d.example.net. 60 IN CNAME c.example.net.`},
	{"aliases in a circle", "a.example. A", `
		+a.example. 60 IN CNAME b.example.
		+b.example. 60 IN CNAME a.example.
		 c.example. 60 IN A 203.0.113.6`},
	{"an alias that was asked for", "a.example. CNAME", `
		+a.example. 60 IN CNAME b.example.
		 b.example. 60 IN A 203.0.113.6`},
	{"a whole branch by another name", "a.b.example. A", `
		+b.example. 60 IN DNAME b.example.net.
		+a.b.example. 60 IN CNAME a.b.example.net.
		+a.b.example.net. 60 IN A 192.0.2.1
		 c.example. 60 IN DNAME c.example.net.`},
	{"signatures", "a.example. A", `
		+a.example. 60 IN A 192.0.2.1
		+a.example. 60 IN RRSIG A 8 2 60 20300101000000 20200101000000 1 example. AAAA
		 a.example. 60 IN RRSIG TXT 8 2 60 20300101000000 20200101000000 1 example. AAAA
		 b.example. 60 IN RRSIG A 8 2 60 20300101000000 20200101000000 1 example. AAAA`},
	{"everything", "a.example. ANY", `
		+a.example. 60 IN A 192.0.2.1
		+a.example. 60 IN TXT "x"
		+a.example. 60 IN CNAME b.example.
		 b.example. 60 IN A 203.0.113.6`},
	{"a denial", "x.a.example. A", `
		---
		+example. 60 IN SOA ns.example. admin.example. 1 2 3 4 5
		+a.example. 60 IN NSEC c.example. A
		+a.example. 60 IN RRSIG NSEC 8 2 60 20300101000000 20200101000000 1 example. AAAA
		 bank.example.net. 60 IN NSEC c.example.net. A
		 example.net. 60 IN SOA ns.example.net. admin.example.net. 1 2 3 4 5
		 y.a.example. 60 IN SOA ns.example. admin.example. 1 2 3 4 5
		 a.example. 60 IN A 203.0.113.6`},
	{"a denial of what an alias leads to", "a.example. A", `
		+a.example. 60 IN CNAME b.example.net.
		---
		+example.net. 60 IN SOA ns.example.net. admin.example.net. 1 2 3 4 5`},
	{"name servers beside an answer", "a.example. A", `
		+a.example. 60 IN A 192.0.2.1
		---
		 example. 60 IN NS ns.example.
		 example. 60 IN RRSIG NS 8 1 60 20300101000000 20200101000000 1 example. AAAA
		+b.example. 60 IN NSEC c.example. A
		+b.example. 60 IN RRSIG NSEC 8 2 60 20300101000000 20200101000000 1 example. AAAA
		---
		 ns.example. 60 IN A 203.0.113.6`},
	{"proofs without a zone", "a.example. A", `
		---
		 a.example. 60 IN NSEC c.example. A`},
	{"a referral", "a.example. A", `
		---
		+example. 60 IN NS ns.example.
		+example. 60 IN DS 1 8 2 00
		 example.net. 60 IN NS ns.example.
		 xample. 60 IN NS ns.example.
		---
		 ns.example. 60 IN A 203.0.113.6`},
	{"a service with its hosts", "_http._tcp.web.example. SRV", `
		+_http._tcp.web.example. 60 IN SRV 0 0 80 a.web.example.
		+_http._tcp.web.example. 60 IN SRV 0 0 80 www.bank.example.
		---
		---
		+a.web.example. 60 IN A 192.0.2.1
		+A.web.example. 60 IN AAAA 2001:db8::1
		 b.web.example. 60 IN A 203.0.113.6
		 www.bank.example. 60 IN A 203.0.113.6
		 a.web.example. 60 IN TXT "x"`},
	{"a mail exchanger with its host", "example. MX", `
		+example. 60 IN MX 0 mail.example.
		+example. 60 IN MX 0 mail.example.net.
		---
		---
		+mail.example. 60 IN A 192.0.2.1
		 mail.example.net. 60 IN A 203.0.113.6`},
	{"the root", ". NS", `
		+. 60 IN NS a.root.test.
		---
		---
		+a.root.test. 60 IN A 192.0.2.1`},
	{"a dot inside of a label", "example. A", `
		 a\.example. 60 IN A 203.0.113.6
		---
		 a\.example. 60 IN SOA ns.example. admin.example. 1 2 3 4 5`},
}

// sections reads the text of a case: what is sent and, where kept is set, what is left.
func sections(text string, kept bool) (s [3][]dns.RR) {
	i := 0
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		record, keep := strings.CutPrefix(line, "+")
		switch {
		case line == "---":
			i++
		case line != "" && (keep || !kept):
			s[i] = append(s[i], upstreamtest.RRs(record)...)
		}
	}
	return s
}

func TestRepliesAreCutDownToWhatWasAsked(t *testing.T) {
	for _, tt := range replies {
		t.Run(tt.name, func(t *testing.T) {
			asked := question(t, tt.ask)
			m := new(dns.Msg).SetReply(asked)
			all, want := sections(tt.reply, false), sections(tt.reply, true)
			m.Answer, m.Ns, m.Extra = all[0], all[1], all[2]
			m.SetEdns0(1232, true)
			got, err := receive(t, asked, pack(t, m))
			if err != nil {
				t.Fatal(err)
			}
			for i, section := range [][]dns.RR{got.Answer, got.Ns, got.Extra} {
				if diff := cmp.Diff(texts(want[i]), texts(section)); diff != "" {
					t.Errorf("section %d (-want +got):\n%s", i+1, diff)
				}
			}
		})
	}
}

func texts(rrs []dns.RR) (s []string) {
	for _, rr := range rrs {
		s = append(s, strings.ToLower(rr.String()))
	}
	return s
}

func pack(t testing.TB, m *dns.Msg) []byte {
	t.Helper()
	m.Compress = true
	wire, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return wire
}

// receive reads a message as the reply to what was asked. The case is not drawn, so that
// the reply can be written down.
func receive(t testing.TB, asked *dns.Msg, wire []byte) (*dns.Msg, error) {
	t.Helper()
	q, err := newQuery(asked)
	if err != nil {
		t.Fatal(err)
	}
	defer q.free()
	q.mixed = false
	q.write(asked.Id)
	if v := q.judge(wire); v != accepted {
		t.Fatalf("verdict %d of %x", v, wire)
	}
	return q.read(wire)
}
