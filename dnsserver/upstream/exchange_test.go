package upstream

import (
	"context"
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/rollcall-dns/rollcall/dnsserver/upstream/upstreamtest"
)

// patience is how long a test waits for what must come.
const patience = 10 * time.Second

// hurry is the time-out of attempts that are to fail.
const hurry = time.Second

func newClient(t testing.TB, o Options) *Client {
	t.Helper()
	if o.Timeout == 0 {
		o.Timeout = patience
	}
	c := New(o)
	t.Cleanup(func() { c.Close() })
	return c
}

func mustAddr(t testing.TB, s string) Addr {
	t.Helper()
	a, err := ParseAddr(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// question is "name type".
func question(t testing.TB, ask string) *dns.Msg {
	t.Helper()
	name, typ, _ := strings.Cut(ask, " ")
	qtype, ok := dns.StringToType[typ]
	if !ok {
		t.Fatalf("%q is no question", ask)
	}
	return new(dns.Msg).SetQuestion(name, qtype)
}

const webA = "web.example. 60 IN A 192.0.2.1"

var web = upstreamtest.Answers(webA)

// What a server does over UDP and TCP, and what comes of it.
func TestExchange(t *testing.T) {
	const yes = webA
	udpOnly := func(b upstreamtest.Behaviour) upstreamtest.Behaviour {
		return upstreamtest.Over(upstreamtest.UDP, b, web)
	}
	tests := []struct {
		name     string
		do       upstreamtest.Behaviour
		want     string // the answer, an rcode, or the error
		udp, tcp int    // how often it was asked
		bad      uint64 // messages that were no reply
	}{
		{"answers", web, yes, 1, 0, 0},
		{"answers late", upstreamtest.Delay(hurry/10, web), yes, 1, 0, 0},
		{"denies", upstreamtest.Answers(), "NXDOMAIN", 1, 0, 0},
		{"fails", upstreamtest.Rcode(dns.RcodeServerFailure), "SERVFAIL", 1, 0, 0},
		{"refuses", upstreamtest.Rcode(dns.RcodeRefused), "REFUSED", 1, 0, 0},
		{"is silent", upstreamtest.Drop, "no answer in time", 1, 0, 0},
		{"is slow", upstreamtest.Delay(patience, web), "no answer in time", 1, 0, 0},
		{"truncates", udpOnly(upstreamtest.Truncate), yes, 1, 1, 0},
		{"truncates for ever", upstreamtest.Truncate, "over TCP, because the reply is truncated: the reply is truncated", 1, 1, 0},
		{"sends the wrong ID", udpOnly(upstreamtest.WrongID(web)), yes, 1, 1, 1},
		{"sends the wrong ID before the right one", udpOnly(upstreamtest.Twice(upstreamtest.WrongID(web), web)), yes, 1, 1, 1},
		{"sends the wrong ID everywhere", upstreamtest.WrongID(web), "no answer in time", 1, 1, 1},
		{"answers another question", udpOnly(upstreamtest.WrongQuestion(web)), "no answer in time", 1, 0, 1},
		{"answers another question first", udpOnly(upstreamtest.Twice(upstreamtest.WrongQuestion(web), web)), yes, 1, 0, 1},
		{"answers another question everywhere", upstreamtest.Over(upstreamtest.UDP, upstreamtest.Truncate, upstreamtest.WrongQuestion(web)), "another question", 1, 1, 1},
		{"answers from another port", udpOnly(upstreamtest.WrongPort(web)), "no answer in time", 1, 0, 0},
		{"answers from another port first", udpOnly(upstreamtest.Twice(upstreamtest.WrongPort(web), web)), yes, 1, 0, 0},
		{"sends garbage", udpOnly(upstreamtest.Garbage), "no answer in time", 1, 0, 1},
		{"sends garbage first", udpOnly(upstreamtest.Twice(upstreamtest.Garbage, web)), yes, 1, 0, 1},
		{"sends 64 KiB over UDP", udpOnly(upstreamtest.Huge(60_000)), yes, 1, 1, 0},
		{"folds case over UDP", udpOnly(upstreamtest.FoldCase(web)), yes, 1, 1, 1},
		{"folds case", upstreamtest.FoldCase(web), yes, 1, 1, 1},
		{"folds case and has no TCP", upstreamtest.CloseTCP(upstreamtest.FoldCase(web)), yes, 2, 2, 1},
		{"closes", upstreamtest.CloseTCP(upstreamtest.Truncate), "closed the connection", 1, 2, 0},
		{"drips", upstreamtest.Over(upstreamtest.UDP, upstreamtest.Truncate, upstreamtest.Drip(hurry/10, web)), "no answer in time", 1, 1, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := upstreamtest.Start(t, tt.do)
			o := Options{}
			if strings.Contains(tt.want, "in time") {
				o.Timeout = hurry
			}
			c, a := newClient(t, o), mustAddr(t, s.Addr())
			got, err := c.Exchange(t.Context(), a, question(t, "web.example. A"))
			check(t, got, err, tt.want)
			asked(t, s, tt.udp, tt.tcp)
			if st := c.Stats()[a]; st.Mismatches != tt.bad {
				t.Errorf("%d mismatches, want %d: %+v", st.Mismatches, tt.bad, st)
			}
		})
	}
}

// Where a firewall drops TCP the first asker waits in vain, and the next is answered.
func TestServersWhoseTCPIsDropped(t *testing.T) {
	for name, udp := range map[string]upstreamtest.Behaviour{"folds case": upstreamtest.FoldCase(cookies(web)), "gives no cookies any more": web} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := upstreamtest.Start(t, cookies(web))
			c, a := newClient(t, Options{}), mustAddr(t, s.Addr())
			got, err := c.Exchange(t.Context(), a, question(t, "web.example. A"))
			check(t, got, err, webA)
			s.Do(upstreamtest.Over(upstreamtest.TCP, upstreamtest.Drop, udp))
			for _, want := range []string{"deadline exceeded", webA} {
				ctx, cancel := context.WithTimeout(t.Context(), hurry)
				got, err = c.Exchange(ctx, a, question(t, "web.example. A"))
				cancel()
				check(t, got, err, want)
			}
		})
	}
}

// asked fails unless a server was asked so often.
func asked(t *testing.T, s *upstreamtest.Server, udp, tcp int) {
	t.Helper()
	if u, c := s.Count(upstreamtest.UDP), s.Count(upstreamtest.TCP); u != udp || c != tcp {
		t.Errorf("asked %d times over UDP and %d over TCP, want %d and %d", u, c, udp, tcp)
	}
}

// check compares what Exchange gave with the text of the only answer, the name of an
// rcode, or a part of the error.
func check(t *testing.T, m *dns.Msg, err error, want string) {
	t.Helper()
	got := ""
	switch {
	case err != nil && m != nil:
		t.Errorf("both a reply and an error: %v, %v", m, err)
	case err != nil:
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got error %q, want %q", err, want)
		}
		return
	case m.Rcode != dns.RcodeSuccess:
		got = dns.RcodeToString[m.Rcode]
	default:
		for _, rr := range m.Answer {
			got += strings.ReplaceAll(rr.String(), "\t", " ")
		}
	}
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A server that nobody runs is known at once, not after a time-out.
func TestExchangeFailsAtOnceWhereNobodyListens(t *testing.T) {
	u, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	a := mustAddr(t, u.LocalAddr().String())
	u.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err = newClient(t, Options{Timeout: time.Hour}).Exchange(ctx, a, question(t, "web.example. A"))
	if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("got %v, want connection refused", err)
	}
}
