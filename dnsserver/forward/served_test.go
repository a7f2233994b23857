package forward

import (
	"context"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/rollcall-dns/rollcall/dnsserver"
	"github.com/rollcall-dns/rollcall/dnsserver/upstream"
	"github.com/rollcall-dns/rollcall/dnsserver/upstream/upstreamtest"
	"github.com/rollcall-dns/rollcall/zone"
)

// resolver is a forwarder behind a socket, as it is used.
type resolver struct {
	*Forwarder
	at  netip.AddrPort
	log *logged
}

// logged collects lines.
type logged struct {
	mu sync.Mutex // guards b
	b  strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) count(what string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), what)
}

// serve starts one at a port of 127.0.0.1 that is free. Its servers come from o, made
// when the ports of all are known.
func serve(t *testing.T, o func(at []netip.AddrPort) []Options, n int) []*resolver {
	t.Helper()
	return serveTrusting(t, nil, o, n)
}

// serveTrusting has them believe certificates of upstreams.
func serveTrusting(t *testing.T, roots *x509.CertPool, o func(at []netip.AddrPort) []Options, n int) []*resolver {
	t.Helper()
	var servers []*dnsserver.Server
	var chains []*late
	var at []netip.AddrPort
	for range n {
		h := new(late)
		s, err := dnsserver.Listen(dnsserver.Options{
			Addrs: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")}, Handler: h, Recursion: &dnsserver.Askers{Local: true}, Sockets: 1,
		})
		if err != nil {
			t.Fatal(err)
		}
		servers, chains, at = append(servers, s), append(chains, h), append(at, s.Addrs()[0])
	}
	var out []*resolver
	for i, o := range o(at) {
		r := &resolver{at: at[i], log: new(logged)}
		client := upstream.New(upstream.Options{Timeout: Patience, RootCAs: roots})
		o.Client, o.Log = client, slog.New(slog.NewTextHandler(r.log, nil))
		r.Forwarder = New(o)
		r.Load(at[i : i+1])
		chains[i].Handler = dnsserver.SpecialNames(nil, []zone.Name{zone.MustParseName("left.test")}, dnsserver.Recursion(r))
		ctx, cancel := context.WithCancel(context.Background())
		var parts sync.WaitGroup
		parts.Go(func() { servers[i].Serve(ctx) })
		parts.Go(func() { r.Run(ctx) })
		t.Cleanup(func() {
			cancel()
			parts.Wait()
			client.Close()
		})
		out = append(out, r)
	}
	return out
}

// late is a handler that is known after its server.
type late struct{ dnsserver.Handler }

// ask gives the reply as "RCODE FLAGS: ANSWER [ede=N]".
func (r *resolver) ask(t *testing.T, question string, edit ...func(*dns.Msg)) string {
	t.Helper()
	name, typ, _ := strings.Cut(question, " ")
	m := new(dns.Msg).SetQuestion(name, dns.StringToType[typ])
	m.SetEdns0(1232, false)
	for _, e := range edit {
		e(m)
	}
	c := dns.Client{Timeout: 5 * time.Second}
	in, _, err := c.Exchange(m, r.at.String())
	if err != nil {
		t.Fatalf("ask %s: %v", question, err)
	}
	s := dns.RcodeToString[in.Rcode]
	for _, f := range []struct {
		on   bool
		name string
	}{{in.Authoritative, " aa"}, {in.RecursionAvailable, " ra"}, {in.AuthenticatedData, " ad"}, {in.CheckingDisabled, " cd"}} {
		if f.on {
			s += f.name
		}
	}
	for _, rr := range in.Answer {
		s += " | " + strings.Join(strings.Fields(rr.String()), " ")
	}
	for _, o := range in.IsEdns0().Option {
		if e, ok := o.(*dns.EDNS0_EDE); ok {
			s += fmt.Sprintf(" ede=%d", e.InfoCode)
			if e.ExtraText != "" {
				s += " (" + e.ExtraText + ")"
			}
		}
	}
	return s
}

func TestForwardedAnswers(t *testing.T) {
	up := upstreamtest.Start(t, upstreamtest.Edited(func(m *dns.Msg) { m.Authoritative, m.AuthenticatedData = true, true },
		upstreamtest.Answers("www.example.com. 300 IN CNAME web.example.com.", "web.example.com. 60 IN A 192.0.2.80")))
	r := serve(t, func([]netip.AddrPort) []Options { return []Options{{Upstreams: addrs(up.Addr())}} }, 1)[0]
	norec := func(m *dns.Msg) { m.RecursionDesired = false }
	wantsAD := func(m *dns.Msg) { m.AuthenticatedData = true }
	cd := func(m *dns.Msg) { m.CheckingDisabled = true }
	for _, tt := range []struct {
		ask, want string
		edit      func(*dns.Msg)
	}{
		{"www.example.com. A", "NOERROR ra | www.example.com. 300 IN CNAME web.example.com. | web.example.com. 60 IN A 192.0.2.80", nil},
		{"WWW.Example.com. A", "NOERROR ra | WWW.Example.com. 300 IN CNAME web.example.com. | web.Example.com. 60 IN A 192.0.2.80", nil},
		{"web.example.com. A", "NOERROR ra | web.example.com. 60 IN A 192.0.2.80", wantsAD},
		{"web.example.com. A", "NOERROR ra cd | web.example.com. 60 IN A 192.0.2.80", cd},
		{"web.example.com. AAAA", "NOERROR ra", nil},
		{"nope.example.com. A", "NXDOMAIN ra", nil},
		{"web.example.com. A", "REFUSED ra ede=20", norec},
		{"x.left.test. A", "REFUSED ra ede=20", nil}, // left to others, but no route names it
		{"x.test. A", "NXDOMAIN aa ra", nil},
	} {
		var edits []func(*dns.Msg)
		if tt.edit != nil {
			edits = append(edits, tt.edit)
		}
		expect(t, tt.ask, r.ask(t, tt.ask, edits...), tt.want)
	}
	for _, a := range up.Asked() {
		if cut := a.Msg.Question[0].Name; strings.HasSuffix(strings.ToLower(cut), ".test.") || !a.Msg.RecursionDesired {
			t.Errorf("asked upstream: %v", a.Msg)
		}
	}
}

// That an answer was validated is told to those who ask, and believed over TLS alone.
func TestValidatedAnswers(t *testing.T) {
	up := upstreamtest.Start(t, upstreamtest.Edited(func(m *dns.Msg) { m.AuthenticatedData = true }, upstreamtest.Answers("www.example.com. 60 IN A 192.0.2.80")))
	plain := func(*dns.Msg) {}
	ad := func(m *dns.Msg) { m.AuthenticatedData = true }
	do := func(m *dns.Msg) { m.IsEdns0().SetDo() }
	const found, validated = "NOERROR ra | www.example.com. 60 IN A 192.0.2.80", "NOERROR ra ad | www.example.com. 60 IN A 192.0.2.80"
	for _, tt := range []struct {
		at, who string
		how     func(*dns.Msg)
		want    string
	}{
		{up.Addr(), "UDP, AD", ad, found}, {up.Addr(), "UDP, DO", do, found},
		{up.TLSAddr(), "TLS", plain, found}, {up.TLSAddr(), "TLS, AD", ad, validated}, {up.TLSAddr(), "TLS, DO", do, validated},
	} {
		r := serveTrusting(t, up.RootCAs(), func([]netip.AddrPort) []Options { return []Options{{Upstreams: addrs(tt.at)}} }, 1)[0]
		expect(t, tt.who, r.ask(t, "www.example.com. A", tt.how), tt.want)
	}
}

// What a server says of its answer, or of why it has none, is passed on as its own; what it
// says of us is not.
func TestExplanationsArePassedOn(t *testing.T) {
	explained := func(rcode int, info uint16) upstreamtest.Behaviour {
		return upstreamtest.Edited(func(m *dns.Msg) {
			m.Rcode = rcode
			m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_EDE{InfoCode: info, ExtraText: "at length"}}
		}, upstreamtest.Answers())
	}
	for _, tt := range []struct {
		rcode int
		info  uint16
		want  string
	}{
		{dns.RcodeNameError, dns.ExtendedErrorCodeBlocked, "NXDOMAIN ra ede=15 (upstream)"},
		{dns.RcodeServerFailure, dns.ExtendedErrorCodeDNSBogus, "SERVFAIL ra ede=6 (upstream)"},
		{dns.RcodeRefused, dns.ExtendedErrorCodeProhibited, "SERVFAIL ra ede=23"},
	} {
		up := upstreamtest.Start(t, explained(tt.rcode, tt.info))
		r := serve(t, func([]netip.AddrPort) []Options { return []Options{{Upstreams: addrs(up.Addr())}} }, 1)[0]
		for _, when := range []string{"at first", "as remembered"} {
			expect(t, when, r.ask(t, "www.example.com. A"), tt.want)
		}
	}
}

func TestDoubtfulRepliesAreNoAnswers(t *testing.T) {
	good := upstreamtest.Start(t, upstreamtest.Answers("www.example.com. 60 IN A 192.0.2.80"))
	referral := upstreamtest.Edited(func(m *dns.Msg) {
		m.RecursionAvailable, m.Rcode, m.Answer = false, dns.RcodeSuccess, nil
		m.Ns = upstreamtest.RRs("com. 60 IN NS a.gtld-servers.net.")
	}, upstreamtest.Answers())
	for name, b := range map[string]upstreamtest.Behaviour{
		"a referral": referral, "SERVFAIL": upstreamtest.Rcode(dns.RcodeServerFailure), "nothing": upstreamtest.Drop,
		"truncated for ever": upstreamtest.Truncate, "another question": upstreamtest.WrongQuestion(upstreamtest.Answers()),
	} {
		bad := upstreamtest.Start(t, b)
		r := serve(t, func([]netip.AddrPort) []Options { return []Options{{Upstreams: addrs(bad.Addr(), good.Addr())}} }, 1)[0]
		expect(t, name, r.ask(t, "www.example.com. A"), "NOERROR ra | www.example.com. 60 IN A 192.0.2.80")
	}
}

// Servers that ask each other in a ring.
func TestLoopsAreCut(t *testing.T) {
	for n := 2; n <= 3; n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			way := upstreamtest.Start(t, upstreamtest.Answers("www.example.com. 60 IN A 192.0.2.80"))
			rs := serve(t, func(at []netip.AddrPort) (all []Options) {
				for i := range at {
					all = append(all, Options{Upstreams: addrs(at[(i+1)%n].String())})
				}
				all[0].Routes = []Route{{zone.MustParseName("example.com"), addrs(way.Addr())}}
				return all
			}, n)
			eventually(t, func() bool {
				loops := 0
				for _, r := range rs {
					loops += r.log.count("leads back to us")
				}
				return loops > 0
			})
			passed := uint64(0)
			for _, r := range rs {
				passed += r.Stats().Questions
			}
			if passed > 10 { // each sends one probe, which passes each of the others once
				t.Errorf("%d questions were passed on until the loop was cut, want 10 at most", passed)
			}
			began := time.Now()
			expect(t, "a name in the loop", rs[0].ask(t, "www.example.net. A")[:11], "SERVFAIL ra")
			if d := time.Since(began); d > 4*time.Second {
				t.Errorf("SERVFAIL came after %v", d)
			}
			expect(t, "a name with a way out", rs[0].ask(t, "www.example.com. A"), "NOERROR ra | www.example.com. 60 IN A 192.0.2.80")
		})
	}
}

// A loop is cut on one side, and answered by the way out that remains.
func TestLoopBesideAWayOut(t *testing.T) {
	way := upstreamtest.Start(t, upstreamtest.Answers("www.example.com. 60 IN A 192.0.2.80"))
	rs := serve(t, func(at []netip.AddrPort) []Options {
		return []Options{{Upstreams: addrs(at[1].String(), way.Addr())}, {Upstreams: addrs(at[0].String())}}
	}, 2)
	for _, r := range rs {
		eventually(t, func() bool { return strings.HasPrefix(r.ask(t, "www.example.com. A"), "NOERROR") })
	}
}

func TestOwnAddressIsNoServer(t *testing.T) {
	way := upstreamtest.Start(t, upstreamtest.Answers("www.example.com. 60 IN A 192.0.2.80"))
	r := serve(t, func(at []netip.AddrPort) []Options {
		return []Options{{Upstreams: addrs(at[0].String(), way.Addr())}}
	}, 1)[0]
	expect(t, "by the other", r.ask(t, "www.example.com. A"), "NOERROR ra | www.example.com. 60 IN A 192.0.2.80")
	if r.log.count("is this one") != 1 || len(r.Stats().Upstreams) != 1 {
		t.Errorf("servers %v", r.Stats().Upstreams)
	}
}

func TestOwnAddresses(t *testing.T) {
	for _, tt := range []struct {
		listening, server string
		own               bool
	}{
		{"127.0.0.1:53", "127.0.0.1", true},
		{"127.0.0.1:53", "127.0.0.2", false},
		{"127.0.0.1:8053", "127.0.0.1", false},
		{"0.0.0.0:53", "127.0.0.53", true},
		{"0.0.0.0:53", "192.0.2.99", false},
		{"0.0.0.0:53", "::1", false},
		{"[::]:53", "::1", true},
		{"[::]:53", "127.0.0.1", false},
		{"[::ffff:127.0.0.1]:53", "127.0.0.1", true},
		{"127.0.0.1:853", "tls://127.0.0.1#x.example", true},
	} {
		f := New(Options{})
		f.listening = []netip.AddrPort{netip.MustParseAddrPort(tt.listening)}
		if got := f.own(addrs(tt.server)[0].AddrPort()); got != tt.own {
			t.Errorf("%s for one that listens on %s: own %v, want %v", tt.server, tt.listening, got, tt.own)
		}
	}
}

func eventually(t *testing.T, done func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("waited in vain")
		}
	}
}
