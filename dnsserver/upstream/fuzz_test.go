package upstream

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/rollcall-dns/rollcall/dnsserver/upstream/upstreamtest"
)

// FuzzReply takes any octets for the reply to a query. What is accepted has its
// identity and question, and what is read of it can be packed, belongs to the question
// and is a reply.
func FuzzReply(f *testing.F) {
	for _, tt := range replies {
		asked, all := question(f, tt.ask), sections(tt.reply, false)
		m := new(dns.Msg).SetReply(asked)
		m.Answer, m.Ns, m.Extra = all[0], all[1], all[2]
		m.SetEdns0(1232, true)
		f.Add(tt.ask, pack(f, m))
	}
	for _, wire := range malformed(f) {
		f.Add("web.example. A", wire)
	}
	explained := upstreamtest.Answer(question(f, "web.example. A"), webA)
	explained.SetEdns0(1232, false)
	explained.IsEdns0().Option = []dns.EDNS0{
		&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: theirs + newer},
		&dns.EDNS0_EDE{InfoCode: dns.ExtendedErrorCodeBlocked, ExtraText: "blocked"},
	}
	f.Add("web.example. A", pack(f, explained))
	f.Add(". NS", []byte{0, 0, 0x80, 1, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, ask string, wire []byte) {
		name, typ, _ := strings.Cut(ask, " ")
		asked := new(dns.Msg).SetQuestion(name, dns.StringToType[typ])
		q, err := newQuery(asked)
		if err != nil {
			return
		}
		defer q.free()
		q.mixed = false
		q.write(asked.Id)
		if len(wire) > 2 { // or few would come further
			binary.BigEndian.PutUint16(wire, asked.Id)
		}
		original := slices.Clone(wire)
		switch v := q.judge(wire); {
		case v == wrongID && len(wire) > 2, v == accepted && len(wire) < headerLen:
			t.Fatalf("verdict %d of %x", v, wire)
		case v != accepted:
			return
		}
		m, err := q.read(wire)
		if err != nil {
			return
		}
		checkReply(t, asked, m, original)
	})
}

func checkReply(t *testing.T, asked, m *dns.Msg, wire []byte) {
	t.Helper()
	if m.Id != asked.Id || !m.Response || len(m.Question) != 1 || m.Question[0] != asked.Question[0] || m.Authoritative || m.AuthenticatedData || m.Truncated {
		t.Errorf("%x is read as %v", wire, m)
	}
	names := chain(nil, asked.Question[0], m.Answer)
	for _, rr := range slices.Concat(m.Answer, m.Ns, m.Extra) {
		if opt, ok := rr.(*dns.OPT); ok && rr == m.Extra[len(m.Extra)-1] && len(opt.Option) == 1 {
			if e, ok := opt.Option[0].(*dns.EDNS0_EDE); ok && e.ExtraText == "" {
				continue
			}
		}
		if h := rr.Header(); h.Class != dns.ClassINET || h.Ttl > 1<<31-1 || h.Rrtype == dns.TypeOPT {
			t.Errorf("%x gives %v", wire, rr)
		}
	}
	for _, rr := range m.Answer {
		if !contains(names, rr.Header().Name) && rr.Header().Rrtype != dns.TypeDNAME {
			if sig, ok := rr.(*dns.RRSIG); !ok || sig.TypeCovered != dns.TypeDNAME {
				t.Errorf("%x answers %v with %v", wire, asked.Question[0], rr)
			}
		}
	}
	if _, err := m.Pack(); err != nil && len(wire) < maxUDP {
		t.Errorf("%x cannot be packed: %v\n%v", wire, err, m)
	}
}
