package cache

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"github.com/rollcall-dns/rollcall/dnsserver"
)

const soa = "example. %TTL% SOA ns.example. host.example. 1 3600 600 86400 %MIN%"

func soaOf(ttl, minimum string) string {
	return strings.NewReplacer("%TTL%", ttl, "%MIN%", minimum).Replace(soa)
}

func TestAnswersAreKeptAsLongAsTheyMayBe(t *testing.T) {
	day := 24 * time.Hour
	tests := []struct {
		name, ask, head string
		records         []string
		after           time.Duration
		want            string // "": not kept
	}{
		{"the TTL is what is left", "a.example. A", "NOERROR",
			[]string{"an a.example. 300 A 192.0.2.1"}, 100 * time.Second, "NOERROR\nan a.example. 200 A 192.0.2.1"},
		{"parts of a second are taken off", "a.example. A", "NOERROR",
			[]string{"an a.example. 300 A 192.0.2.1"}, 1500 * time.Millisecond, "NOERROR\nan a.example. 298 A 192.0.2.1"},
		{"its last moment", "a.example. A", "NOERROR",
			[]string{"an a.example. 5 A 192.0.2.1"}, 4999 * time.Millisecond, "NOERROR\nan a.example. 0 A 192.0.2.1"},
		{"its end", "a.example. A", "NOERROR", []string{"an a.example. 5 A 192.0.2.1"}, 5 * time.Second, ""},
		{"TTL 0", "a.example. A", "NOERROR", []string{"an a.example. 0 A 192.0.2.1"}, 0, ""},
		{"a TTL below 0", "a.example. A", "NOERROR", []string{"an a.example. 2147483648 A 192.0.2.1"}, 0, ""},
		{"a day at most", "a.example. A", "NOERROR",
			[]string{"an a.example. 604800 A 192.0.2.1"}, 0, "NOERROR\nan a.example. 86400 A 192.0.2.1"},
		{"not longer", "a.example. A", "NOERROR", []string{"an a.example. 604800 A 192.0.2.1"}, day, ""},
		{"as long as its shortest record", "a.example. A", "NOERROR",
			[]string{"an a.example. 300 CNAME b.example.", "an b.example. 10 A 192.0.2.1"}, 10 * time.Second, ""},
		{"an alias", "a.example. A", "NOERROR",
			[]string{"an a.example. 300 CNAME B.example.", "an B.example. 10 A 192.0.2.1"}, 9 * time.Second,
			"NOERROR\nan B.example. 1 A 192.0.2.1\nan a.example. 291 CNAME B.example."},
		{"records of one set have one TTL", "a.example. A", "NOERROR",
			[]string{"an a.example. 300 A 192.0.2.1", "an a.example. 60 A 192.0.2.2"}, 0,
			"NOERROR\nan a.example. 60 A 192.0.2.1\nan a.example. 60 A 192.0.2.2"},
		{"all sections", "a.example. MX do", "NOERROR ad",
			[]string{"an a.example. 60 MX 5 m.example.", "ns example. 50 NS ns.example.", "ar m.example. 40 A 192.0.2.1", "ar m.example. 30 AAAA 2001:db8::1"},
			10 * time.Second,
			"NOERROR ad\nan a.example. 50 MX 5 m.example.\nns example. 40 NS ns.example.\nar m.example. 20 AAAA 2001:db8::1\nar m.example. 30 A 192.0.2.1"},
		{"AA belongs to one hop", "a.example. A", "NOERROR aa",
			[]string{"an a.example. 300 A 192.0.2.1"}, 0, "NOERROR\nan a.example. 300 A 192.0.2.1"},
		{"the root", ". NS", "NOERROR", []string{"an . 60 NS a.root."}, 0, "NOERROR\nan . 60 NS a.root."},
		{"no name: SOA minimum", "a.example. A", "NXDOMAIN",
			[]string{"ns " + soaOf("900", "60")}, 10 * time.Second, "NXDOMAIN\nns " + soaOf("50", "60")},
		{"no name: SOA TTL", "a.example. A", "NXDOMAIN",
			[]string{"ns " + soaOf("60", "900")}, 10 * time.Second, "NXDOMAIN\nns " + soaOf("50", "900")},
		{"no data", "a.example. AAAA", "NOERROR",
			[]string{"ns " + soaOf("60", "900")}, 10 * time.Second, "NOERROR\nns " + soaOf("50", "900")},
		{"no data behind an alias", "a.example. AAAA", "NOERROR",
			[]string{"an a.example. 300 CNAME b.example.", "ns " + soaOf("900", "60")}, 0,
			"NOERROR\nan a.example. 60 CNAME b.example.\nns " + soaOf("60", "60")},
		{"an hour at most", "a.example. A", "NXDOMAIN",
			[]string{"ns " + soaOf("86400", "86400")}, 0, "NXDOMAIN\nns " + soaOf("3600", "86400")},
		{"no name, and nothing says how long", "a.example. A", "NXDOMAIN", nil, 0, ""},
		{"no data, and nothing says how long", "a.example. A", "NOERROR", nil, 0, ""},
		{"an alias alone", "a.example. A", "NOERROR", []string{"an a.example. 300 CNAME b.example."}, 0, ""},
		{"the alias itself", "a.example. CNAME", "NOERROR",
			[]string{"an a.example. 300 CNAME b.example."}, 0, "NOERROR\nan a.example. 300 CNAME b.example."},
		{"a referral", "a.example. A", "NOERROR", []string{"ns example. 300 NS ns.example."}, 0, ""},
		{"cut", "a.example. A", "NOERROR tc", []string{"an a.example. 300 A 192.0.2.1"}, 0, ""},
		{"a failure", "a.example. A", "SERVFAIL", nil, 0, ""},
		{"a refusal", "a.example. A", "REFUSED", []string{"ns " + soaOf("60", "900")}, 0, ""},
		{"what an upstream says of it", "a.example. A", "NOERROR ede=4:upstream",
			[]string{"an a.example. 300 A 192.0.2.1"}, 0, "NOERROR ede=4 (upstream)\nan a.example. 300 A 192.0.2.1"},
		{"and says with code 0", "a.example. A", "NXDOMAIN ede=0:upstream",
			[]string{"ns " + soaOf("60", "900")}, 0, "NXDOMAIN ede=0 (upstream)\nns " + soaOf("60", "900")},
		{"what we say of it", "a.example. A", "NOERROR ede=15",
			[]string{"ns " + soaOf("60", "900")}, 0, "NOERROR ede=15\nns " + soaOf("60", "900")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := new(origin)
			o.tell(t, tt.ask, tt.head, tt.records...)
			c, clock := newCache(t, o, Options{})
			askOnce(t, c, tt.ask)
			clock.advance(tt.after)
			if diff := cmp.Diff(tt.want, askMemory(t, c, tt.ask)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The first who asks is told no other TTLs than who asks in the same moment.
func TestTheFirstIsToldWhatAllAre(t *testing.T) {
	for _, tt := range []struct {
		name, ask, head string
		records         []string
		want            string
	}{
		{"a day", "a.example. A", "NOERROR", []string{"an a.example. 604800 A 192.0.2.1", "ar b.example. 172800 A 192.0.2.1"},
			"NOERROR\nan a.example. 86400 A 192.0.2.1\nar b.example. 86400 A 192.0.2.1"},
		{"an hour", "a.example. A", "NXDOMAIN", []string{"ns " + soaOf("86400", "86400")}, "NXDOMAIN\nns " + soaOf("3600", "86400")},
		{"one TTL for a set", "a.example. A", "NOERROR", []string{"an a.example. 300 A 192.0.2.1", "an a.example. 60 A 192.0.2.2", "ar a.example. 90 A 192.0.2.3"},
			"NOERROR\nan a.example. 60 A 192.0.2.1\nan a.example. 60 A 192.0.2.2\nar a.example. 90 A 192.0.2.3"},
		{"SOA minimum", "a.example. A", "NXDOMAIN", []string{"ns " + soaOf("900", "60")}, "NXDOMAIN\nns " + soaOf("60", "60")},
		{"not kept, and as it came", "a.example. A", "NXDOMAIN", []string{"ns example. 604800 NS ns.example."}, "NXDOMAIN\nns example. 604800 NS ns.example."},
	} {
		o := new(origin)
		o.tell(t, tt.ask, tt.head, tt.records...)
		c, _ := newCache(t, o, Options{})
		if diff := cmp.Diff(tt.want, askOnce(t, c, tt.ask)); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
}

func TestAnotherQuestionIsAnotherEntry(t *testing.T) {
	o := new(origin)
	o.tell(t, "a.example. A", "NOERROR", "an a.example. 300 A 192.0.2.1")
	c, _ := newCache(t, o, Options{})
	askOnce(t, c, "a.example. A")
	for ask, want := range map[string]bool{
		"a.example. A": true, "A.eXample. A": true,
		"a.example. AAAA": false, "a.example. A do": false, "b.example. A": false, "example. A": false, "a.a.example. A": false,
	} {
		if got := askMemory(t, c, ask) != ""; got != want {
			t.Errorf("%s: known is %v, want %v", ask, got, want)
		}
	}
}

// Class and CD come from the octets of a query, and so through a server.
func TestUncheckedAnswersAreNotForThoseWhoWantChecked(t *testing.T) {
	o := new(origin)
	o.tell(t, "a.example. A", "NOERROR", "an a.example. 300 A 192.0.2.1")
	c, _ := newCache(t, o, Options{})
	addr := serve(t, c).String()
	for i, cd := range []bool{true, true, false, false} {
		m := new(dns.Msg).SetQuestion("a.example.", dns.TypeA)
		m.CheckingDisabled = cd
		r, err := dns.Exchange(m, addr)
		if err != nil {
			t.Fatal(err)
		}
		if want := 1 + i/2; len(r.Answer) != 1 || o.count("a.example. A") != want {
			t.Errorf("CD=%v, question %d: the origin was asked %d times, want %d", cd, i+1, o.count("a.example. A"), want)
		}
	}
}

func TestTheCaseThatWasAskedIsAnswered(t *testing.T) {
	o := new(origin)
	o.tell(t, "a.example. A", "NOERROR", "an a.example. 300 A 192.0.2.1")
	c, _ := newCache(t, o, Options{})
	askOnce(t, c, "a.example. A")
	if got, want := askMemory(t, c, "A.eXaMple. A"), "NOERROR\nan A.eXaMple. 300 A 192.0.2.1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAnAnswerToAnotherQuestionIsNotKept(t *testing.T) {
	for _, about := range []string{"b.example. A", "a.example. AAAA"} {
		o := new(origin)
		m := messageOf(t, about, "NOERROR", "an a.example. 300 A 192.0.2.1")
		o.do("a.example. A", func(context.Context, *dnsserver.Query) (*dns.Msg, error) { return m.Copy(), nil })
		c, _ := newCache(t, o, Options{})
		askOnce(t, c, "a.example. A")
		if got := askMemory(t, c, "a.example. A"); got != "" {
			t.Errorf("an answer about %s is kept: %s", about, got)
		}
	}
}

func TestMalformedAnswersAreNotKept(t *testing.T) {
	good := messageOf(t, "a.example. A", "NOERROR", "an a.example. 300 A 192.0.2.1")
	for name, change := range map[string]func(*dns.Msg){
		"no question":   func(m *dns.Msg) { m.Question = nil },
		"two questions": func(m *dns.Msg) { m.Question = append(m.Question, m.Question[0]) },
		"class CH":      func(m *dns.Msg) { m.Answer[0].Header().Class = dns.ClassCHAOS },
		"no address":    func(m *dns.Msg) { m.Answer[0].(*dns.A).A = []byte{1} },
		"no name":       func(m *dns.Msg) { m.Answer[0].Header().Name = "a..b." },
	} {
		m := good.Copy()
		change(m)
		var k key
		k.set(queryOf(t, "a.example. A"))
		if _, ok := encode(&k, m, 0); ok {
			t.Errorf("%s: kept", name)
		}
	}
}

func TestAFailureLeavesWhatIsKnown(t *testing.T) {
	o := new(origin)
	o.tell(t, "a.example. A", "NOERROR", "an a.example. 300 A 192.0.2.1")
	c, _ := newCache(t, o, Options{})
	want := askOnce(t, c, "a.example. A")
	var k key
	k.set(queryOf(t, "a.example. A"))
	c.learn(&k, messageOf(t, "a.example. A", "SERVFAIL"))
	if got := askMemory(t, c, "a.example. A"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	c.learn(&k, messageOf(t, "a.example. A", "NOERROR", "an a.example. 0 A 192.0.2.2"))
	if got := askMemory(t, c, "a.example. A"); got != "" {
		t.Errorf("a newer answer that is not kept leaves the old one: %s", got)
	}
}

func TestWhoMayNotWaitIsToldSo(t *testing.T) {
	c, _ := newCache(t, new(origin), Options{})
	if _, err := c.Answer(t.Context(), queryOf(t, "a.example. A")); err != dnsserver.ErrWait {
		t.Errorf("got %v", err)
	}
	if s := c.misses.Load(); s != 0 {
		t.Errorf("%d misses before anybody was asked", s)
	}
}

func TestAddressesTakeTurns(t *testing.T) {
	o := new(origin)
	o.tell(t, "a.example. A", "NOERROR", "an a.example. 300 CNAME b.example.",
		"an b.example. 300 A 192.0.2.1", "an b.example. 300 A 192.0.2.2", "an b.example. 300 A 192.0.2.3")
	o.tell(t, "a.example. MX", "NOERROR", "an a.example. 300 MX 1 b.example.", "an a.example. 300 MX 1 c.example.")
	c, _ := newCache(t, o, Options{})
	askOnce(t, c, "a.example. A")
	askOnce(t, c, "a.example. MX")
	first := map[string]int{}
	const times = 3000
	for range times {
		var r dnsserver.Reply
		q := queryOf(t, "a.example. A")
		r.Reset(q)
		c.Direct(q, &r)
		m := new(dns.Msg)
		if err := m.Unpack(r.Octets()); err != nil || len(m.Answer) != 4 {
			t.Fatal(err, m)
		}
		first[m.Answer[1].(*dns.A).A.String()]++
	}
	for a, n := range first { // 5 standard deviations
		if n < times/3-130 || n > times/3+130 || len(first) != 3 {
			t.Errorf("%s is first in %d of %d answers", a, n, times)
		}
	}
}

func TestAHitAllocatesNothing(t *testing.T) {
	o := new(origin)
	o.tell(t, "a.example. A", "NOERROR", "an a.example. 300 CNAME b.example.",
		"an b.example. 300 A 192.0.2.1", "an b.example. 300 A 192.0.2.2", "ar c.example. 300 A 192.0.2.3")
	c, clock := newCache(t, o, Options{})
	askOnce(t, c, "a.example. A")
	q := queryOf(t, "a.example. A")
	var r dnsserver.Reply
	if n := testing.AllocsPerRun(100, func() {
		clock.advance(time.Second) // notes that it is in use, each time
		r.Reset(q)
		if !c.Direct(q, &r) || len(r.Octets()) == 0 {
			t.Fatal("no answer")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
