package upstream

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"github.com/rollcall-dns/rollcall/dnsserver/upstream/upstreamtest"
)

const askersCookie = "0102030405060708"

// sent is what reaches a server that is asked for m, without options of ours.
func sent(t *testing.T, over upstreamtest.Transport, m *dns.Msg) *dns.Msg {
	t.Helper()
	s := upstreamtest.Start(t, upstreamtest.Answers())
	addr := s.Addr()
	if over == upstreamtest.TLS {
		addr = s.TLSAddr()
	}
	reply, err := newClient(t, Options{RootCAs: s.RootCAs()}).Exchange(t.Context(), mustAddr(t, addr), m)
	if err != nil {
		t.Fatal(err)
	}
	if reply.Id != m.Id || reply.Question[0] != m.Question[0] || reply.RecursionDesired != m.RecursionDesired || reply.CheckingDisabled != m.CheckingDisabled {
		t.Errorf("%v is no reply to %v", reply, m)
	}
	got := s.Asked()[0].Msg
	if opt := got.IsEdns0(); opt != nil {
		opt.Option = slices.DeleteFunc(opt.Option, func(o dns.EDNS0) bool {
			c, ok := o.(*dns.EDNS0_COOKIE)
			return ok && c.Cookie != askersCookie || o.Option() == dns.EDNS0PADDING
		})
	}
	return got
}

// Of what an asker says only this goes further: the question, RD, CD, DO, and over
// TLS AD. Options are for us alone: a subnet tells who asks, a cookie
// belongs to two ends (RFC 7873 §5.1).
func TestQueryPassesOnFlagsAndNoOptions(t *testing.T) {
	asked := question(t, "Web.Example. AAAA")
	asked.Id, asked.CheckingDisabled, asked.AuthenticatedData, asked.Authoritative, asked.Truncated = 7, true, true, true, true
	asked.SetEdns0(4096, true)
	asked.IsEdns0().Option = []dns.EDNS0{
		&dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: 24, Address: []byte{192, 0, 2, 0}},
		&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: askersCookie},
	}
	for _, over := range []upstreamtest.Transport{upstreamtest.UDP, upstreamtest.TLS} {
		got := sent(t, over, asked)
		opt := got.IsEdns0()
		if opt == nil || len(got.Extra) != 1 || opt.UDPSize() != offerUDP || !opt.Do() || len(opt.Option) != 0 || opt.Version() != 0 {
			t.Errorf("sent with %v", got.Extra)
		}
		if !got.RecursionDesired || !got.CheckingDisabled || got.AuthenticatedData != (over == upstreamtest.TLS) || got.Authoritative || got.Truncated {
			t.Errorf("sent with %+v", got.MsgHdr)
		}
		if q := got.Question[0]; !strings.EqualFold(q.Name, "web.example.") || q.Qtype != dns.TypeAAAA {
			t.Errorf("sent for %v", q)
		}
	}
	asked = question(t, "web.example. A")
	asked.RecursionDesired = false
	if got := sent(t, upstreamtest.UDP, asked); got.RecursionDesired || got.CheckingDisabled || got.IsEdns0() == nil || got.IsEdns0().Do() {
		t.Errorf("sent as %v", got)
	}
}

func TestQueryOfAnyName(t *testing.T) {
	long := strings.Repeat(strings.Repeat("a", 63)+".", 3) + strings.Repeat("b", 61) + "."
	for _, name := range []string{".", "a.", long, `with\.dot.example.`, `\000\255.example.`, "1-2_3.example."} {
		if got := sent(t, upstreamtest.UDP, question(t, name+" A")).Question[0].Name; !strings.EqualFold(got, name) {
			t.Errorf("asked for %q, sent %q", name, got)
		}
	}
}

func TestQueryOfWhatIsNoQuestionIsRefused(t *testing.T) {
	c, a := newClient(t, Options{}), mustAddr(t, "127.0.0.1:1")
	two := question(t, "a. A")
	two.Question = append(two.Question, two.Question[0])
	chaos, update := question(t, "a. A"), question(t, "a. A")
	chaos.Question[0].Qclass = dns.ClassCHAOS
	update.Opcode = dns.OpcodeUpdate
	for _, m := range []*dns.Msg{{}, two, chaos, update, question(t, "a A"), question(t, " A"), question(t, "a..b. A"),
		question(t, strings.Repeat("a", 64)+". A"), question(t, strings.Repeat("a.", 128)+" A")} {
		if reply, err := c.Exchange(t.Context(), a, m); err == nil || reply != nil {
			t.Errorf("%v was asked: %v", m, reply)
		}
	}
	if n := c.Stats()[a].Queries; n != 0 {
		t.Errorf("%d queries were sent", n)
	}
}

// A server that answers FORMERR to EDNS, or NOTIMP (RFC 2671 §5.3), is asked without (RFC 6891 §7), and for a while
// at once.
func TestServerWithoutEDNS(t *testing.T) {
	old := func(rcode int, header bool) upstreamtest.Behaviour {
		return func(q *upstreamtest.Query) {
			if q.Msg.IsEdns0() == nil {
				web(q)
				return
			}
			m := new(dns.Msg).SetRcode(q.Msg, rcode)
			if header {
				m.Question = nil
			}
			q.Reply(m)
		}
	}
	for rcode, header := range map[int]bool{dns.RcodeFormatError: true, dns.RcodeNotImplemented: false} {
		s := upstreamtest.Start(t, old(rcode, header))
		c, a := newClient(t, Options{}), mustAddr(t, s.Addr())
		for want := 2; want < 4; want++ {
			got, err := c.Exchange(t.Context(), a, question(t, "web.example. A"))
			check(t, got, err, webA)
			if n := s.Total(); n != want {
				t.Errorf("asked %d times, want %d", n, want)
			}
		}
	}
}

func TestServerThatFindsEverythingMalformed(t *testing.T) {
	s := upstreamtest.Start(t, upstreamtest.Rcode(dns.RcodeFormatError))
	c, a := newClient(t, Options{}), mustAddr(t, s.Addr())
	for range 2 {
		got, err := c.Exchange(t.Context(), a, question(t, "web.example. A"))
		check(t, got, err, "FORMERR")
	}
	if n := s.Total(); n != 4 {
		t.Errorf("asked %d times, want with and without EDNS each time", n)
	}
}

// A server that is seen to fold case over TCP, where nobody else can have answered, is
// then asked in the asker's case over UDP. One that does so over UDP alone is not.
func TestServerThatFoldsCaseIsRemembered(t *testing.T) {
	tests := []struct {
		name string
		do   upstreamtest.Behaviour
		udp  int
		tcp  int
	}{
		{"everywhere", upstreamtest.FoldCase(web), 3, 1},
		{"over UDP", upstreamtest.Over(upstreamtest.UDP, upstreamtest.FoldCase(web), web), 3, 3},
		{"without TCP", upstreamtest.CloseTCP(upstreamtest.FoldCase(web)), 4, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := upstreamtest.Start(t, tt.do)
			c, a := newClient(t, Options{}), mustAddr(t, s.Addr())
			for range 3 {
				got, err := c.Exchange(t.Context(), a, question(t, "web.example. A"))
				check(t, got, err, webA)
			}
			asked(t, s, tt.udp, tt.tcp)
		})
	}
}

// Over TLS the length of a query says little about its name.
func TestQueryOverTLSIsPadded(t *testing.T) {
	s := upstreamtest.Start(t, upstreamtest.Answers())
	c, a := newClient(t, Options{RootCAs: s.RootCAs()}), mustAddr(t, s.TLSAddr())
	long := strings.Repeat(strings.Repeat("a", 63)+".", 3) + strings.Repeat("b", 61) + "."
	for n := len(long) - 1; n >= 0; n -= 2 {
		if long[n] == '.' {
			n--
		}
		if _, err := c.Exchange(t.Context(), a, question(t, long[n:]+" A")); err != nil {
			t.Fatal(err)
		}
	}
	lengths := map[int]bool{}
	for _, asked := range s.Asked() {
		lengths[asked.Length] = true
	}
	if diff := cmp.Diff(map[int]bool{128: true, 256: true, 384: true}, lengths); diff != "" {
		t.Errorf("lengths (-want +got):\n%s", diff)
	}
}

// What a server does not understand may be mended: it is tried again after ten minutes.
func TestWhatAServerDoesNotUnderstandIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var u until
		if u.holds(time.Now()) {
			t.Error("it holds before it has begun")
		}
		u.start(time.Now())
		time.Sleep(remembered - time.Second)
		if !u.holds(time.Now()) {
			t.Error("it ends too early")
		}
		time.Sleep(time.Second)
		if u.holds(time.Now()) {
			t.Error("it does not end")
		}
	})
}
