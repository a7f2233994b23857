package forward

import (
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"github.com/rollcall-dns/rollcall/dnsserver"
	"github.com/rollcall-dns/rollcall/zone"
)

const ms = time.Millisecond

func TestRoutes(t *testing.T) {
	route := func(domain string, servers ...string) Route {
		return Route{Domain: zone.MustParseName(domain), Servers: addrs(servers...)}
	}
	synctest.Test(t, func(t *testing.T) {
		n := newNet()
		for _, a := range []string{"192.0.2.1", "10.0.0.1", "10.0.0.2", "10.0.0.3"} {
			n.set(a, behaviour{})
		}
		f := started(t, n, Options{Upstreams: addrs("192.0.2.1", "10.0.0.3"), Routes: []Route{
			route("corp.example", "10.0.0.1"), route("eu.corp.example", "10.0.0.2"), route("10.in-addr.arpa", "10.0.0.1"),
			route("5.168.192.in-addr.arpa", "10.0.0.1"), route("corp.local", "10.0.0.1"), route("test", "10.0.0.2"), route("arpa", "10.0.0.2"),
		}})
		n.set("10.0.0.3", behaviour{after: 50 * ms})
		for range 40 { // until the other is known to be slower
			get(f, "warm-up.example")
		}
		for _, tt := range []struct{ name, want string }{
			{"www.example", "192.0.2.1 after 0s"},
			{"corp.example", "10.0.0.1 after 0s"},
			{"a.b.corp.example", "10.0.0.1 after 0s"},
			{"xcorp.example", "192.0.2.1 after 0s"},
			{"eu.corp.example", "10.0.0.2 after 0s"},
			{"a.eu.corp.example", "10.0.0.2 after 0s"},
			{"example", "192.0.2.1 after 0s"},
			{"1.0.0.10.in-addr.arpa", "10.0.0.1 after 0s"},
			{"1.5.168.192.in-addr.arpa", "10.0.0.1 after 0s"},
			{"1.6.168.192.in-addr.arpa", "nobody's"}, // arpa does not name it
			{"8.8.8.8.in-addr.arpa", "10.0.0.2 after 0s"},
			{"x.corp.local", "10.0.0.1 after 0s"},
			{"x.local", "nobody's"},
			{"x.test", "10.0.0.2 after 0s"},
			{"localhost", "nobody's"},
			{"metadata.google.internal", "10.0.0.3 after 50ms"}, // only of servers nearby
		} {
			expect(t, tt.name, get(f, tt.name), tt.want)
		}
	})
}

func TestInternalNamesGoToNoPublicServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNet()
		n.set("192.0.2.1", behaviour{})
		n.set("192.0.2.2", behaviour{})
		f := started(t, n, Options{Upstreams: addrs("192.0.2.1")})
		expect(t, "no route", get(f, "x.internal"), "public")
		f = started(t, n, Options{Upstreams: addrs("192.0.2.1"), Routes: []Route{{zone.MustParseName("a.internal"), addrs("192.0.2.2")}}})
		expect(t, "a route", get(f, "x.a.internal"), "192.0.2.2 after 0s")
		expect(t, "beside it", get(f, "x.b.internal"), "public")
		f = started(t, n, Options{Files: []string{filepath.Join(t.TempDir(), "missing")}})
		expect(t, "nobody yet", get(f, "x.internal"), "SERVFAIL ede=22 after 0s")
	})
}

// Hosts of one label are known to a router, or to nobody: asking others tells them what
// runs here. Top-level domains are theirs.
func TestNamesOfOneLabelGoToNoPublicServer(t *testing.T) {
	routes := []Route{{zone.MustParseName("corp"), addrs("198.51.100.1")}}
	for _, tt := range []struct {
		name      string
		typ       uint16
		upstreams string
		want      string // who is asked
	}{
		{"web", dns.TypeA, "192.0.2.1", "nobody"},
		{"web", dns.TypeAAAA, "192.0.2.1", "nobody"},
		{"web", dns.TypeHTTPS, "192.0.2.1", "nobody"},
		{"web", dns.TypeA, "192.0.2.1 192.168.0.1", "192.168.0.1"},
		{"web", dns.TypeTXT, "192.0.2.1 192.168.0.1", "192.0.2.1 192.168.0.1"},
		{"web", dns.TypeA, "127.0.0.11", "127.0.0.11"},
		{"web", dns.TypeA, "fe80::1%eth0", "fe80::1%eth0"},
		{"web", dns.TypeNS, "192.0.2.1", "192.0.2.1"},
		{"com", dns.TypeDS, "192.0.2.1", "192.0.2.1"},
		{"web.example", dns.TypeA, "192.0.2.1", "192.0.2.1"},
		{".", dns.TypeA, "192.0.2.1", "192.0.2.1"},
		{"corp", dns.TypeA, "192.0.2.1", "198.51.100.1"},
		{"web.corp", dns.TypeA, "192.0.2.1", "198.51.100.1"},
	} {
		f := New(Options{Client: newNet(), Upstreams: addrs(strings.Fields(tt.upstreams)...), Routes: routes})
		f.Load(nil)
		name := zone.Root
		if tt.name != "." {
			name = zone.MustParseName(tt.name)
		}
		got := "nobody"
		if g := f.table.Load().find([]byte(name), tt.typ); g != public {
			got = addrsOf(g.servers)
		}
		expect(t, fmt.Sprint(tt.name, " ", dns.Type(tt.typ), " with ", tt.upstreams), got, tt.want)
	}
}

// Resolvers that are REFUSED wait for another server to answer, and there may be none.
func TestNamesThatNobodyIsAskedForDoNotExist(t *testing.T) {
	f := New(Options{Client: newNet(), Upstreams: addrs("192.0.2.1")})
	f.Load(nil)
	for _, name := range []string{"metadata.google.internal", "web"} {
		q := &dnsserver.Query{Name: []byte(zone.MustParseName(name)), Type: dns.TypeA, Class: dns.ClassINET}
		m, err := f.Answer(t.Context(), q)
		if err != nil || m == nil || m.Rcode != dns.RcodeNameError || m.Authoritative {
			t.Errorf("%s: got %v, %v, want NXDOMAIN without AA", name, m, err)
		}
	}
}

func TestRoutesAloneLeaveOtherNamesToNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNet()
		n.set("10.0.0.1", behaviour{})
		f := started(t, n, Options{Routes: []Route{{zone.MustParseName("corp.example"), addrs("10.0.0.1")}}})
		expect(t, "the route", get(f, "x.corp.example"), "10.0.0.1 after 0s")
		expect(t, "beside it", get(f, "www.example"), "nobody's")
	})
}

// What the first server does decides who answers, and when.
func TestFailOver(t *testing.T) {
	for _, tt := range []struct {
		name  string
		first behaviour
		want  string
	}{
		{"answers", behaviour{after: 5 * ms}, "192.0.2.1 after 5ms"},
		{"knows no such name", behaviour{rcode: dns.RcodeNameError}, "NXDOMAIN after 0s"},
		{"SERVFAIL", behaviour{rcode: dns.RcodeServerFailure, after: 5 * ms}, "192.0.2.2 after 15ms"},
		{"REFUSED", behaviour{rcode: dns.RcodeRefused}, "192.0.2.2 after 10ms"},
		{"NOTIMP", behaviour{rcode: dns.RcodeNotImplemented}, "192.0.2.2 after 10ms"},
		{"FORMERR", behaviour{rcode: dns.RcodeFormatError}, "192.0.2.2 after 10ms"},
		{"unreachable", behaviour{err: errors.New("connection refused")}, "192.0.2.2 after 10ms"},
		{"silent", never, "192.0.2.2 after 110ms"}, // it used to be fast
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNet()
				n.set("192.0.2.1", behaviour{after: 1 * ms})
				n.set("192.0.2.2", behaviour{after: 10 * ms})
				f := started(t, n, Options{Upstreams: addrs("192.0.2.1", "192.0.2.2")})
				n.set("192.0.2.1", tt.first)
				expect(t, tt.name, get(f, "www.example"), tt.want)
			})
		})
	}
}

// Dead servers before one that lives delay nobody as long as clients wait.
func TestOneLivingServerIsEnough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNet()
		n.set("192.0.2.4", behaviour{after: 20 * ms})
		o := Options{Client: n, Upstreams: addrs("192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4")}
		fresh := New(o)
		fresh.Load(nil)
		expect(t, "nothing known", get(fresh, "a.example"), "192.0.2.4 after 1.22s")

		f := started(t, n, o)
		n.taken()
		for i := range 100 {
			expect(t, "the dead known", get(f, fmt.Sprintf("n%d.example", i)), "192.0.2.4 after 20ms")
		}
		if got := n.taken(); got["192.0.2.4"] != 100 || len(got) != 1 {
			t.Errorf("asked %v, want the living alone", got)
		}
	})
}

func TestNobodyAnswers(t *testing.T) {
	for _, tt := range []struct {
		name string
		all  behaviour
		want string
	}{
		{"silence", never, "SERVFAIL ede=22 after 3.5s"},
		{"SERVFAIL", behaviour{rcode: dns.RcodeServerFailure, after: ms}, "SERVFAIL ede=23 after 3ms"},
		{"unreachable", behaviour{err: errors.New("no route to host")}, "SERVFAIL ede=23 after 0s"},
	} {
		synctest.Test(t, func(t *testing.T) {
			n := newNet()
			list := []string{"192.0.2.1", "192.0.2.2", "192.0.2.3"}
			for _, a := range list {
				n.set(a, tt.all)
			}
			f := started(t, n, Options{Upstreams: addrs(list...)})
			n.taken()
			expect(t, tt.name, get(f, "www.example"), tt.want)
			asked := 0
			for _, c := range n.taken() {
				asked += c
			}
			if asked < 3 || asked > maxTries {
				t.Errorf("%s: asked %d times, want 3 to %d", tt.name, asked, maxTries)
			}
			expect(t, "again", get(f, "www.example"), tt.want[:len("SERVFAIL ede=22")]+" after 0s")
			if got := n.taken(); len(got) > 0 {
				t.Errorf("%s: asked %v although it failed a moment ago", tt.name, got)
			}
			time.Sleep(briefly + ms)
			expect(t, "a second later", get(f, "www.example"), tt.want)
		})
	}
}

func TestWithoutServersNamesFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := started(t, newNet(), Options{Files: []string{t.TempDir() + "/missing"}})
		expect(t, "no server", get(f, "www.example"), "SERVFAIL ede=22 after 0s")
	})
}

// A lost datagram costs a moment and no failure.
func TestSilenceIsAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNet()
		n.set("192.0.2.1", behaviour{after: 10 * ms})
		f := started(t, n, Options{Upstreams: addrs("192.0.2.1")})
		n.set("192.0.2.1", never)
		time.AfterFunc(50*ms, func() { n.set("192.0.2.1", behaviour{after: 10 * ms}) })
		expect(t, "the second try", get(f, "www.example"), "192.0.2.1 after 110ms")
	})
}

func TestFastestIsAskedFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNet()
		n.set("192.0.2.1", behaviour{after: 40 * ms})
		n.set("192.0.2.2", behaviour{after: 10 * ms})
		n.set("192.0.2.3", behaviour{after: 20 * ms})
		f := started(t, n, Options{Upstreams: addrs("192.0.2.1", "192.0.2.2", "192.0.2.3")})
		ask := func(want string) {
			t.Helper()
			for i := range 20 * explore {
				got := get(f, fmt.Sprintf("n%d.example", i))
				if i >= 10*explore {
					expect(t, "who answers", got, want)
				}
			}
		}
		ask("192.0.2.2 after 10ms")
		got := n.taken()
		if got["192.0.2.1"] == 0 || got["192.0.2.3"] == 0 || got["192.0.2.1"] > 30 || got["192.0.2.3"] > 30 {
			t.Errorf("asked %v, want the slower ones now and then", got)
		}
		n.set("192.0.2.1", behaviour{after: 2 * ms}) // nobody is trusted for ever
		ask("192.0.2.1 after 2ms")
	})
}

// The first good answer comes at once when all servers are back.
func TestRecovery(t *testing.T) {
	for _, lost := range []behaviour{never, {rcode: dns.RcodeServerFailure}, {err: errors.New("connection refused")}} {
		synctest.Test(t, func(t *testing.T) {
			n := newNet()
			n.set("192.0.2.1", behaviour{after: 10 * ms})
			n.set("192.0.2.2", behaviour{after: 20 * ms})
			f := started(t, n, Options{Upstreams: addrs("192.0.2.1", "192.0.2.2")})
			n.set("192.0.2.1", lost)
			n.set("192.0.2.2", lost)
			for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(100 * ms) {
				if got := get(f, "www.example"); got[:8] != "SERVFAIL" {
					t.Fatalf("while all are lost: %s", got)
				}
			}
			n.set("192.0.2.1", behaviour{after: 10 * ms})
			n.set("192.0.2.2", behaviour{after: 20 * ms})
			back := time.Now()
			for get(f, "www.example")[:8] == "SERVFAIL" {
				time.Sleep(10 * ms)
			}
			if d := time.Since(back); d > time.Second {
				t.Errorf("lost by %+v: the first good answer came %v after recovery", lost, d)
			}
		})
	}
}

func TestStatsTellHowServersAre(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNet()
		n.set("192.0.2.1", behaviour{after: 10 * ms})
		f := started(t, n, Options{Upstreams: addrs("192.0.2.1", "192.0.2.2")})
		for range 3 {
			get(f, "www.example")
		}
		if u := upstreamOf(t, f, "192.0.2.1"); !u.Up || u.Loop || u.RTT != 10*ms || u.Answered != 4 || u.Asked != 4 || u.UnderWay != 0 {
			t.Errorf("one that answers: %+v", u)
		}
		if u := upstreamOf(t, f, "192.0.2.2"); u.Up {
			t.Errorf("one that does not: %+v", u)
		}
		if st := f.Stats(); st.Questions != 3 || st.Answered != 3 || st.Failed != 0 || st.Busy != 0 {
			t.Errorf("in all: %+v", st)
		}
	})
}

// RFC 5452 §5.
func TestEqualQuestionsAreAskedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNet()
		n.set("192.0.2.1", behaviour{after: 10 * ms})
		f := started(t, n, Options{Upstreams: addrs("192.0.2.1")})
		n.taken()
		var wg sync.WaitGroup
		for range 200 {
			wg.Go(func() { expect(t, "each", get(f, "www.example"), "192.0.2.1 after 10ms") })
		}
		wg.Wait()
		if got := n.taken(); got["192.0.2.1"] != 1 {
			t.Errorf("asked %v, want once", got)
		}
		if st := f.Stats(); st.Coalesced != 199 {
			t.Errorf("%d waited for another's answer, want 199", st.Coalesced)
		}
	})
}

func TestQuestionsThatDifferAreNotOne(t *testing.T) {
	seen := make(map[string]question)
	for _, q := range []question{
		{name: "a.example."}, {name: "b.example."}, {name: "a.example.", typ: 1}, {name: "a.example.", typ: 256},
		{name: "a.example.", do: true}, {name: "a.example.", cd: true}, {name: "a.example.", do: true, cd: true},
	} {
		if other, ok := seen[q.key()]; ok {
			t.Errorf("%+v and %+v are the same", q, other)
		}
		seen[q.key()] = q
	}
}

func TestQuestionsUnderWayAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNet()
		n.set("192.0.2.1", behaviour{after: 300 * ms})
		f := started(t, n, Options{Upstreams: addrs("192.0.2.1"), MaxQueries: 40})
		n.mu.Lock()
		n.most = 0
		n.mu.Unlock()
		count := struct {
			sync.Mutex
			of map[string]int
		}{of: make(map[string]int)}
		var wg sync.WaitGroup
		for i := range 80 {
			wg.Go(func() {
				from := netip.AddrFrom4([4]byte{10, 0, byte(i / 20), byte(i)})
				got := getFrom(f, fmt.Sprintf("n%d.example", i), from)
				count.Lock()
				count.of[got]++
				count.Unlock()
			})
		}
		wg.Wait()
		// Four networks of 10 places each, 20 at the one server.
		if count.of["192.0.2.1 after 300ms"] != 20 || count.of["SERVFAIL ede=0 after 0s"] != 60 {
			t.Errorf("answers %v, want 20 and SERVFAIL at once for the rest", count.of)
		}
		if n.most > 20 {
			t.Errorf("%d questions at the same time at one server, want 20 at most", n.most)
		}
		expect(t, "when they are done", get(f, "n79.example"), "192.0.2.1 after 300ms")
		if len(f.places.byNet) != 0 || f.places.taken != 0 {
			t.Errorf("places are not given back: %v", f.places.byNet)
		}
	})
}

func TestFailuresRememberedAreBounded(t *testing.T) {
	f := newFailures()
	for i := range 3 * remembers {
		f.put(fmt.Sprint(i), errSilent)
	}
	if n := f.seen.Len(); n != remembers {
		t.Errorf("%d are remembered, want %d", n, remembers)
	}
}

// Whoever fails again and again is asked after the others, until it answers.
func TestFailingServerIsAskedAfterOthers(t *testing.T) {
	for name, failing := range map[string]behaviour{"SERVFAIL": {after: ms, rcode: dns.RcodeServerFailure}, "silence": never} {
		synctest.Test(t, func(t *testing.T) {
			n := newNet()
			n.set("192.0.2.1", behaviour{after: ms})
			n.set("192.0.2.2", behaviour{after: 10 * ms})
			f := started(t, n, Options{Upstreams: addrs("192.0.2.1", "192.0.2.2")})
			n.set("192.0.2.1", failing)
			for range enough {
				get(f, "www.example")
			}
			n.taken()
			for range 10 {
				expect(t, name, get(f, "www.example"), "192.0.2.2 after 10ms")
			}
			if got := n.taken(); got["192.0.2.1"] > 0 {
				t.Errorf("%s: it was asked again: %v", name, got)
			}
			n.set("192.0.2.1", behaviour{after: ms})
			time.Sleep(time.Minute)
			for range 20 * explore {
				get(f, "www.example")
			}
			expect(t, "when it is back", get(f, "www.example"), "192.0.2.1 after 1ms")
		})
	}
}

// A probe finds that the only server is back; what failed just before is then forgotten.
func TestFailureIsForgottenWhenTheServerIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNet()
		n.set("192.0.2.1", behaviour{rcode: dns.RcodeServerFailure})
		f := started(t, n, Options{Upstreams: addrs("192.0.2.1")})
		for i := range 10 {
			get(f, fmt.Sprintf("n%d.example", i))
			time.Sleep(5 * time.Second)
		}
		get(f, "www.example")
		n.set("192.0.2.1", behaviour{})
		n.taken()
		time.Sleep(loneBackOff + 2*tick - ms)
		expect(t, "within the second", get(f, "www.example"), "192.0.2.1 after 0s")
	})
}

// Each of those that waited for one answer may write to its own.
func TestAnswersAreNotShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNet()
		n.set("192.0.2.1", behaviour{after: ms})
		f := started(t, n, Options{Upstreams: addrs("192.0.2.1")})
		ask := question{name: "www.example.", typ: dns.TypeTXT}
		got := make([]*dns.Msg, 2)
		var wg sync.WaitGroup
		for i := range got {
			wg.Go(func() {
				got[i], _ = f.fly(t.Context(), f.table.Load().groups[zone.Root], ask, ask.key(), netip.Addr{})
			})
		}
		wg.Wait()
		if got[0] == got[1] || got[0].Answer[0] == got[1].Answer[0] {
			t.Error("two askers got the same message")
		}
	})
}
