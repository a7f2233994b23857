package dnsserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/rollcall-dns/rollcall/zone"
)

// crowd puts n instances into a service, each at addrs addresses.
func crowd(t testing.TB, z *zone.Zone, service string, n, addrs int) {
	t.Helper()
	var ins []zone.Instance
	for i := range n {
		var at []string
		for j := range addrs {
			at = append(at, fmt.Sprintf("10.%d.%d.%d", 100+j, i/250, 1+i%250))
		}
		ins = append(ins, instance(service, fmt.Sprintf("h%05d", i), strings.Join(at, " "), zone.Port{Number: 80}))
	}
	put(t, z, ins...)
}

func unpack(t testing.TB, reply []byte) *dns.Msg {
	t.Helper()
	m := new(dns.Msg)
	if err := m.Unpack(reply); err != nil {
		t.Fatalf("reply %x: %v", reply, err)
	}
	return m
}

// B13 and B14: an answer that is too long has TC, as many whole records as fit, and
// its OPT record.
func TestTruncation(t *testing.T) {
	z := newZone(t)
	crowd(t, z, "many", 5000, 1)
	crowd(t, z, "fits", 29, 1)
	h := authorityOf(z)
	const fixed, each, opt = 12 + 15 + 4, 16, 11 // header and question, an A record, OPT
	for _, tt := range []struct {
		name, ask string
		transport Transport
		limit     int
	}{
		{"no EDNS", "many.svc.test. A", UDP, 512},
		{"no EDNS, with RD", "many.svc.test. A +rd", UDP, 512},
		{"EDNS size below 512", "many.svc.test. A +edns=100", UDP, 512 - opt},
		{"EDNS size 512", "many.svc.test. A +edns=512", UDP, 512 - opt},
		{"EDNS size between", "many.svc.test. A +edns=700", UDP, 700 - opt},
		{"EDNS size 1232", "many.svc.test. A +edns=1232", UDP, 1232 - opt},
		{"EDNS size above", "many.svc.test. A +edns=65535 +do", UDP, 1232 - opt},
		{"TCP", "many.svc.test. A", TCP, 65535},
		{"TCP with EDNS", "many.svc.test. A +edns=512", TCP, 65535 - opt},
		{"fits exactly", "fits.svc.test. A", UDP, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			msg := query(tt.ask)
			reply := ask(t, h, tt.transport, msg)
			m := unpack(t, reply)
			if tt.limit == 0 {
				if m.Truncated || len(m.Answer) != 29 || len(reply) != fixed+29*each {
					t.Errorf("%d records of 29 in %d octets, TC=%v", len(m.Answer), len(reply), m.Truncated)
				}
				return
			}
			if want := (tt.limit - fixed) / each; len(m.Answer) != want || !m.Truncated {
				t.Errorf("%d records in %d octets, TC=%v; want %d and TC", len(m.Answer), len(reply), m.Truncated, want)
			}
			if (m.IsEdns0() != nil) != strings.Contains(tt.ask, "+edns") {
				t.Errorf("OPT: %v", m.IsEdns0())
			}
			checkEcho(t, msg, reply)
		})
	}
}

// B12: what is additional is left out by whole RRsets, without TC.
func TestAdditionalsAreLeftOutWhole(t *testing.T) {
	z := newZone(t)
	crowd(t, z, "two", 6, 3)
	h := authorityOf(z)
	for _, tt := range []struct {
		name, ask string
		transport Transport
		glue      int
	}{
		// Header and question take 30 octets, six answers 39 each. A set of three takes
		// 23 for the first, whose owner ends in the question, and 16 for each other.
		{"without EDNS", "two.svc.test. SRV", UDP, (512 - 30 - 6*39) / 55},
		{"EDNS takes room", "two.svc.test. SRV +edns=540", UDP, (540 - 11 - 30 - 6*39) / 55},
		{"all fit", "two.svc.test. SRV +edns=1232", UDP, 6},
		{"TCP", "two.svc.test. SRV", TCP, 6},
	} {
		t.Run(tt.name, func(t *testing.T) {
			reply := ask(t, h, tt.transport, query(tt.ask))
			m := unpack(t, reply)
			perTarget := map[string]int{}
			for _, rr := range m.Extra {
				if a, ok := rr.(*dns.A); ok {
					perTarget[a.Hdr.Name]++
				}
			}
			for target, n := range perTarget {
				if n != 3 {
					t.Errorf("%d addresses of %s, want all 3 or none", n, target)
				}
			}
			if m.Truncated || len(m.Answer) != 6 || len(perTarget) != tt.glue {
				t.Errorf("TC=%v, %d answers, addresses of %d targets in %d octets; want no TC, 6 and %d", m.Truncated, len(m.Answer), len(perTarget), len(reply), tt.glue)
			}
		})
	}
}

// Beyond 16 KiB nothing can be pointed to (RFC 1035 §4.1.4).
func TestLongRepliesAreReadBackWhole(t *testing.T) {
	z := newZone(t)
	crowd(t, z, "long", 600, 2)
	m := unpack(t, ask(t, authorityOf(z), TCP, query("long.svc.test. SRV")))
	addrs := map[string]int{}
	for _, rr := range m.Extra {
		addrs[rr.Header().Name]++
	}
	for _, rr := range m.Answer {
		if target := rr.(*dns.SRV).Target; addrs[target] != 2 {
			t.Errorf("%d addresses of %s, want 2", addrs[target], target)
		}
	}
	if m.Truncated || len(m.Answer) != 600 || len(addrs) != 600 {
		t.Errorf("TC=%v, %d answers, %d targets with addresses, want 600", m.Truncated, len(m.Answer), len(addrs))
	}
}

func answering(m *dns.Msg) Handler {
	return handlerFunc(func(context.Context, *Query) (*dns.Msg, error) { return m, nil })
}

// What handlers return is what askers read, whatever is in it: the DNS library is
// the judge.
func TestRepliesReadAsTheyWereMade(t *testing.T) {
	for _, tt := range []struct{ answer, authority, additional []string }{
		{answer: []string{"www.example. 300 IN CNAME a.b.example.", "a.b.example. 60 IN A 192.0.2.1", "a.b.example. 60 IN A 192.0.2.2"}},
		{answer: []string{"www.example. 0 IN MX 10 mail.example."}, additional: []string{"mail.example. 1 IN A 192.0.2.1", "other.example. 1 IN AAAA ::1", "mail.example. 1 IN A 192.0.2.2"}},
		{answer: []string{`www.example. 1 IN TXT "a" "" "b\000c\"d"`}},
		{authority: []string{"example. 5 IN SOA ns.example. \\000\\.\\255.x.example. 1 2 3 4 5"}},
		{answer: []string{`\000x\.y.example. 2147483647 IN NS \@.example.`}, authority: []string{"example. 1 IN NS example."}},
		{answer: []string{"www.example. 1 IN HTTPS 1 . alpn=h2 ipv4hint=192.0.2.1"}, additional: []string{". 1 IN NS ."}},
		{answer: []string{"www.example. 1 IN NAPTR 1 2 \"s\" \"x\" \"\" _sip._udp.example."}},
		{answer: []string{"www.example. 1 IN DNAME www.example.", "x.WWW.example. 1 IN PTR WWW.EXAMPLE."}},
		{answer: []string{"www.example. 1 IN TYPE65280 \\# 3 010203"}},
		{},
	} {
		m := &dns.Msg{MsgHdr: dns.MsgHdr{Rcode: dns.RcodeNameError, AuthenticatedData: true}}
		for s, lines := range map[*[]dns.RR][]string{&m.Answer: tt.answer, &m.Ns: tt.authority, &m.Extra: tt.additional} {
			for _, l := range lines {
				*s = append(*s, rr(l))
			}
		}
		got := unpack(t, ask(t, answering(m), UDP, query("www.example. A +ad")))
		for _, s := range []struct {
			name      string
			got, want []dns.RR
		}{{"answer", got.Answer, m.Answer}, {"authority", got.Ns, m.Ns}, {"additional", got.Extra, m.Extra}} {
			if g, w := records(s.got), records(s.want); !strings.EqualFold(g, w) {
				t.Errorf("%s section\n got %s\nwant %s", s.name, g, w)
			}
		}
		if got.Rcode != m.Rcode || !got.AuthenticatedData || got.Authoritative || got.Truncated {
			t.Errorf("header %v", got.MsgHdr)
		}
	}
}

// RFC 2181 §9: without its authority section a negative answer says something else.
func TestAuthorityThatDoesNotFitIsTruncation(t *testing.T) {
	m := &dns.Msg{Ns: []dns.RR{rr("example. 1 IN NS ns1.example."), rr(`example. 1 IN TXT "` + strings.Repeat("x", 255) + `" "` + strings.Repeat("y", 255) + `"`)}, Extra: []dns.RR{rr("ns1.example. 1 IN A 192.0.2.1")}}
	const want = "NOERROR tc / example. 1 IN NS ns1.example."
	if got := text(t, ask(t, answering(m), UDP, query("www.example. A"))); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func TestHandlersMayTruncate(t *testing.T) {
	m := &dns.Msg{MsgHdr: dns.MsgHdr{Truncated: true}, Answer: []dns.RR{rr("www.example. 1 IN A 192.0.2.1")}}
	const want = "NOERROR tc: www.example. 1 IN A 192.0.2.1"
	if got := text(t, ask(t, answering(m), UDP, query("www.example. A"))); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestErrorsBecomeRcodes(t *testing.T) {
	for _, tt := range []struct {
		err       error
		ask, want string
	}{
		{nil, "x. A +edns=1232", "REFUSED [edns0 1232 ede=20]"}, // nil, nil: nobody knew
		{errors.New("broken"), "x. A +edns=1232", "SERVFAIL [edns0 1232]"},
		{context.DeadlineExceeded, "x. A +rd +cd", "SERVFAIL rd cd"},
		{fmt.Errorf("wrapped: %w", errNotReady), "x. A +edns=1232", "SERVFAIL [edns0 1232 ede=14]"},
		{fmt.Errorf("wrapped: %w", errNotReady), "x. A", "SERVFAIL"},
		{&Failure{Rcode: dns.RcodeBadCookie}, "x. A +edns=1232", "BADCOOKIE [edns0 1232]"},
		{&Failure{Rcode: dns.RcodeBadCookie}, "x. A", "SERVFAIL"}, // has no room without EDNS
	} {
		h := handlerFunc(func(context.Context, *Query) (*dns.Msg, error) { return nil, tt.err })
		if got := text(t, ask(t, h, UDP, query(tt.ask))); got != tt.want {
			t.Errorf("%v: ask %s: got %s, want %s", tt.err, tt.ask, got, tt.want)
		}
	}
}

func TestWhatCannotBePackedIsServerFailure(t *testing.T) {
	bad := []*dns.Msg{
		{Answer: []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: "x..y.", Rrtype: dns.TypeA, Class: 1}}}},
		{Extra: []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: "x..y.", Rrtype: dns.TypeA, Class: 1}}}},
		{Answer: []dns.RR{nil}}, // panics in the library
	}
	for i, m := range bad {
		if got := text(t, ask(t, answering(m), UDP, query("x. A +edns=1232"))); got != "SERVFAIL [edns0 1232]" {
			t.Errorf("message %d: %s", i, got)
		}
	}
}

// The library packs an empty name to nothing, and Reply takes names apart.
func TestRecordWithoutItsNameIsNotComposed(t *testing.T) {
	h := dns.RR_Header{Name: "x.", Class: dns.ClassINET}
	for _, rr := range []dns.RR{
		&dns.CNAME{Hdr: h}, &dns.NS{Hdr: h}, &dns.PTR{Hdr: h}, &dns.SOA{Hdr: h}, &dns.SOA{Hdr: h, Ns: "x."}, &dns.SOA{Hdr: h, Mbox: "x."},
	} {
		rr.Header().Rrtype = dns.StringToType[strings.TrimPrefix(fmt.Sprintf("%T", rr), "*dns.")]
		for _, m := range []*dns.Msg{{Answer: []dns.RR{rr}}, {Ns: []dns.RR{rr}}, {Extra: []dns.RR{rr}}} {
			c := composer{self: new(identity)}
			if out, err := c.compose(&Query{Name: []byte("\x01x\x00"), Transport: TCP}, m, nil); err == nil {
				t.Errorf("%v became %x", rr, out)
			}
		}
	}
}

func TestPanicCostsOneAnswer(t *testing.T) {
	var log safeBuffer
	h := handlerFunc(func(_ context.Context, q *Query) (*dns.Msg, error) {
		if q.Name[0] == 4 {
			panic("in a handler")
		}
		return new(dns.Msg), nil
	})
	s := serve(t, Options{Handler: h, Sockets: 1, Log: slog.New(slog.NewTextHandler(&log, nil))}, "127.0.0.1:0")
	for _, network := range []string{"udp", "tcp"} {
		w := dial(t, network, s.Addrs()[0])
		for _, tt := range []struct{ ask, want string }{
			{"boom. A +rd", "SERVFAIL rd"}, {"x. A", "NOERROR"}, {"boom. A +do", "SERVFAIL [edns0 1232 do]"}, {"x. A", "NOERROR"},
		} {
			w.send(query(tt.ask))
			if got := text(t, w.receive()); got != tt.want {
				t.Errorf("%s: ask %s: got %s, want %s", network, tt.ask, got, tt.want)
			}
		}
	}
	st := s.Stats()
	if st.Panics != 4 || st.Rcodes[dns.RcodeServerFailure] != 4 || st.Rcodes[dns.RcodeSuccess] != 4 || st.UDP != 4 || st.TCP != 4 {
		t.Errorf("stats %+v", st)
	}
	// The log is limited: one complaint stands for the four.
	if n := strings.Count(log.String(), "cannot answer"); n != 1 || !strings.Contains(log.String(), "in a handler") || !strings.Contains(log.String(), "name=boom.") {
		t.Errorf("%d complaints:\n%s", n, log.String())
	}
}

// Compression gives back the names that went in, also those that share octets with
// the question but not labels.
func TestNamesThatOnlyLookLikeTheQuestion(t *testing.T) {
	m := &dns.Msg{}
	for _, owner := range []string{"www.example.", "xwww.example.", `\003www.example.`, "example.", "w.example.", "www.example.www.example.", ".", "le.", `www\007example.`, "www.exampl."} {
		m.Answer = append(m.Answer, rr(owner+" 1 IN NS "+owner))
	}
	got := unpack(t, ask(t, answering(m), UDP, query("www.example. A +ad")))
	if !slices.EqualFunc(got.Answer, m.Answer, func(a, b dns.RR) bool { return a.String() == b.String() }) {
		t.Errorf("got\n%v\nwant\n%v", got.Answer, m.Answer)
	}
}

// B15: names in data keep the case that they have; owners take the one that was asked.
func TestNamesInDataKeepTheirCase(t *testing.T) {
	const data = " 1 IN CNAME b.Svc.TEST.; svc.Test. 1 IN NS ns.SVC.test.; x.svc.Test. 1 IN PTR Web.sVc.tEst."
	m := &dns.Msg{Answer: []dns.RR{rr("a.svc.test. 1 IN CNAME b.Svc.TEST."), rr("x.svc.test. 1 IN PTR Web.sVc.tEst."), rr("svc.test. 1 IN NS ns.SVC.test.")}}
	if got, want := text(t, ask(t, answering(m), UDP, query("A.svc.Test. PTR"))), "NOERROR: A.svc.Test."+data; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	m = &dns.Msg{Ns: []dns.RR{rr("svc.test. 1 IN SOA ns.svc.test. Admin.SVC.test. 1 2 3 4 5")}}
	soa := unpack(t, ask(t, answering(m), UDP, query("SVC.TEST. A"))).Ns[0].(*dns.SOA)
	if soa.Hdr.Name != "SVC.TEST." || soa.Ns != "ns.svc.test." || soa.Mbox != "Admin.SVC.test." {
		t.Errorf("got %s", soa)
	}
}

// The owner of a set that was left out is not there to be pointed to.
func TestSetsAfterOneThatWasLeftOut(t *testing.T) {
	m := &dns.Msg{}
	for _, l := range []string{
		"a.other. 1 IN A 192.0.2.1",
		`b.other. 1 IN TXT "` + strings.Repeat("x", 250) + `" "` + strings.Repeat("x", 250) + `"`,
		"b.other. 1 IN A 192.0.2.2",
		"a.other. 1 IN AAAA ::1",
	} {
		m.Extra = append(m.Extra, rr(l))
	}
	const want = "NOERROR + a.other. 1 IN A 192.0.2.1; a.other. 1 IN AAAA ::1; b.other. 1 IN A 192.0.2.2"
	if got := text(t, ask(t, answering(m), UDP, query("www.example. A"))); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

// An extended error has its place also behind an answer that fills the message.
func TestExtendedErrorHasItsPlace(t *testing.T) {
	q := &Query{Name: []byte("\x01x\x00"), Type: dns.TypeA, Class: dns.ClassINET, EDNS: EDNS{Present: true, Size: 512}}
	var r Reply
	r.begin(q, nil, nil)
	r.Explain(dns.ExtendedErrorCodeStaleAnswer, "")
	for i := range 100 {
		r.Answer(&Record{Owner: q.Name, Type: dns.TypeA, Data: []byte{192, 0, 2, byte(i)}})
	}
	out := r.finish()
	m := unpack(t, out)
	if want := (512 - 12 - 7 - 11 - 6) / 16; len(out) > 512 || len(m.Answer) != want || !m.Truncated || ednsText(m.IsEdns0()) != " [edns0 1232 ede=3]" {
		t.Errorf("%d octets, %d records, want %d: %v", len(out), len(m.Answer), want, m)
	}
}

func TestTruncatedRepliesAreCounted(t *testing.T) {
	var n counters
	n.replied(message(bitQR, "0000"))
	n.replied(message(bitQR|bitTC|dns.RcodeRefused, "0000"))
	var st Stats
	n.addTo(&st)
	if st.Truncated != 1 || st.Rcodes[dns.RcodeSuccess] != 1 || st.Rcodes[dns.RcodeRefused] != 1 {
		t.Errorf("stats %+v", st)
	}
}
