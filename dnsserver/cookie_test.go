package dnsserver

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// The vectors of the reference implementation: the key is 00 to 0f, the input the
// first n of 00, 01, 02, ….
func TestSipHash(t *testing.T) {
	var key [16]byte
	var in []byte
	for i := range key {
		key[i] = byte(i)
		in = append(in, byte(i))
	}
	for n, want := range map[int]string{
		0: "310e0edd47db6f72", 1: "fd67dc93c539f874", 2: "5a4fa9d909806c0d", 3: "2d7efbd796666785",
		4: "b7877127e09427cf", 5: "8da699cd64557618", 6: "cee3fe586e46c9cb", 7: "37d1018bf50002ab",
		8: "6224939a79f5f593", 15: "e545be4961ca29a1",
	} {
		if got := hex.EncodeToString(binary.LittleEndian.AppendUint64(nil, sipHash(&key, in[:n]))); got != want {
			t.Errorf("%d octets: %s, want %s", n, got, want)
		}
	}
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

// cookiesAt are the cookies of a server with these secrets at a time.
func cookiesAt(unix int64, current, previous string) *cookies {
	now := time.Unix(unix, 0)
	c := &cookies{now: func() time.Time { return now }}
	c.secrets.Store(&secrets{current: [16]byte(unhex(current)), previous: [16]byte(unhex(previous)), since: now})
	return c
}

// RFC 9018, appendix A.
func TestServerCookieVectors(t *testing.T) {
	const one, other = "e5e973e5a6b2a43f48e7dc849e37bfcf", "00000000000000000000000000000000"
	for _, tt := range []struct {
		name, secret, from, client string
		at                         int64
		want                       string
	}{
		{"A.1", one, "198.51.100.100", "2464c4abcf10c957", 1559731985, "010000005cf79f111f8130c3eee29480"},
		{"A.2", one, "198.51.100.100", "2464c4abcf10c957", 1559734385, "010000005cf7a871d4a564a1442aca77"},
		{"A.3", one, "203.0.113.203", "fc93fc62807ddb86", 1559734700, "010000005cf7a9acf73a7810aca2381e"},
		{"A.4, old", "dd3bdf9344b678b185a6f5cb60fca715", "2001:db8:220:1:59de:d0f4:8769:82b8", "22681ab97d52c298", 1559741817, "010000005cf7c57926556bd0934c72f8"},
		{"A.4, new", "445536bcd2513298075a5d379663c962", "2001:db8:220:1:59de:d0f4:8769:82b8", "22681ab97d52c298", 1559741961, "010000005cf7c609a6bb79d16625507a"},
	} {
		got := cookiesAt(tt.at, tt.secret, other).appendServer(nil, unhex(tt.client), netip.MustParseAddr(tt.from))
		if hex.EncodeToString(got) != tt.want {
			t.Errorf("%s: %x, want %s", tt.name, got, tt.want)
		}
	}
}

func TestServerCookiesAreChecked(t *testing.T) {
	const (
		one, old, current = "e5e973e5a6b2a43f48e7dc849e37bfcf", "dd3bdf9344b678b185a6f5cb60fca715", "445536bcd2513298075a5d379663c962"
		client4, from4    = "2464c4abcf10c957", "198.51.100.100"
		good              = client4 + "010000005cf79f111f8130c3eee29480"
		made              = 1559731985
	)
	for _, tt := range []struct {
		name, option, from string
		at                 int64
		current, previous  string
		want               bool
	}{
		{"A.2: 40 minutes old", good, from4, 1559734385, one, current, true},
		{"A.3: reserved octets that are set", "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5", "203.0.113.203", 1559727985, one, current, true},
		{"A.4: the secret was replaced", "22681ab97d52c298010000005cf7c57926556bd0934c72f8", "2001:db8:220:1:59de:d0f4:8769:82b8", 1559741961, current, old, true},
		{"the secret was replaced twice", "22681ab97d52c298010000005cf7c57926556bd0934c72f8", "2001:db8:220:1:59de:d0f4:8769:82b8", 1559741961, current, one, false},
		{"an hour old", good, from4, made + 3600, one, current, true},
		{"older", good, from4, made + 3601, one, current, false},
		{"five minutes ahead", good, from4, made - 300, one, current, true},
		{"further ahead", good, from4, made - 301, one, current, false},
		{"another address", good, "198.51.100.101", made, one, current, false},
		{"another client", "2464c4abcf10c958" + good[16:], from4, made, one, current, false},
		{"another version", client4 + "02" + good[18:], from4, made, one, current, false},
		{"another hash", good[:46] + "81", from4, made, one, current, false},
		{"no server cookie", client4, from4, made, one, current, false},
		{"too long", good + "00", from4, made, one, current, false},
	} {
		if got := cookiesAt(tt.at, tt.current, tt.previous).good(unhex(tt.option), netip.MustParseAddr(tt.from)); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// Secrets are chosen anew each day, and never given out twice.
func TestCookieSecretsAreReplaced(t *testing.T) {
	now := time.Unix(1559731985, 0)
	c := newCookies(func() time.Time { return now })
	client, from := unhex("2464c4abcf10c957"), netip.MustParseAddr("192.0.2.1")
	first := c.secrets.Load()
	if first.current == [16]byte{} || first.current == first.previous {
		t.Fatal("secrets that can be guessed")
	}
	now = now.Add(secretAge - time.Minute)
	last := append(client[:8:8], c.appendServer(nil, client, from)...)
	if c.secrets.Load() != first {
		t.Error("replaced before a day was over")
	}
	now = now.Add(2 * time.Minute)
	if !c.good(last, from) {
		t.Error("a cookie of two minutes ago is not good any more")
	}
	if next := c.secrets.Load(); next.previous != first.current || next.current == first.current {
		t.Error("not replaced after a day")
	}
	if newCookies(c.now).secrets.Load().current == first.current {
		t.Error("two servers have one secret")
	}
}

// cookieQuery is a question with a COOKIE option.
func cookieQuery(ask string, cookie []byte) []byte {
	m := new(dns.Msg)
	if err := m.Unpack(query(ask + " +edns=1232")); err != nil {
		panic(err)
	}
	m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: hex.EncodeToString(cookie)}}
	b, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return b
}

func cookieOf(t testing.TB, reply []byte) []byte {
	t.Helper()
	if opt := unpack(t, reply).IsEdns0(); opt != nil {
		for _, o := range opt.Option {
			if c, ok := o.(*dns.EDNS0_COOKIE); ok {
				return unhex(c.Cookie)
			}
		}
	}
	t.Fatalf("no cookie in %v", unpack(t, reply))
	return nil
}

// RFC 7873 §5.2: who shows a cookie is answered, and given a good one, whatever the
// one that was shown.
func TestCookiesAreGivenWithAnswers(t *testing.T) {
	o := Options{Handler: authorityOf(newZone(t))}
	everywhere(t, o, func(t *testing.T, open func(testing.TB) *wire) {
		w := open(t)
		client := []byte("12345678")
		first := cookieOf(t, w.exchange(cookieQuery("web.svc.test. A", client)))
		for name, shown := range map[string][]byte{
			"good": first, "wrong": append(first[:23:23], first[23]^1), "of another kind": append(first[:8:8], "12345678"...),
		} {
			reply := w.exchange(cookieQuery("web.svc.test. A", shown))
			if got := text(t, reply); got != "NOERROR aa: web.svc.test. 5 IN A 10.0.0.7 [edns0 1232 cookie=3132333435363738+16]" {
				t.Errorf("%s: got %s", name, got)
			}
			if got := text(t, w.exchange(cookieAlone(cookieOf(t, reply)))); got != "NOERROR no-question [edns0 1232 cookie=3132333435363738+16]" {
				t.Errorf("%s: the cookie that was given is answered with %s", name, got)
			}
		}
		if got := text(t, w.exchange(cookieAlone(append(first[:23:23], first[23]^1)))); got != "BADCOOKIE no-question [edns0 1232 cookie=3132333435363738+16]" {
			t.Errorf("a wrong cookie is answered with %s", got)
		}
	})
}

func cookieAlone(cookie []byte) []byte {
	return message(0, "0001", opt("\x00\x0a\x00"+string([]byte{byte(len(cookie))})+string(cookie)))
}

// Beyond the budget of errors those with a good cookie are told what is wrong, and
// those with another one how to get it.
func TestCookiesExemptFromTheErrorBudget(t *testing.T) {
	r := responder{handler: localIs, log: &limitedLog{log: slog.New(slog.DiscardHandler)}, n: new(counters), errors: newErrorBudget(func() int64 { return 0 })}
	r.c.self = &identity{cookies: newCookies(time.Now)}
	respond := func(msg []byte) []byte {
		r.q = Query{From: netip.MustParseAddrPort("192.0.2.1:5")}
		reply, _ := r.respond(context.Background(), msg, nil)
		return reply
	}
	for range errorBurst {
		respond(message(0, "0000"))
	}
	const bad = "x. A +class=HS"
	for _, ask := range []string{bad, "version.bind. TXT +class=CH", "id.server. TXT +class=CH"} {
		if reply := respond(query(ask)); reply != nil {
			t.Errorf("%s without a cookie: %s", ask, text(t, reply))
		}
	}
	reply := respond(cookieQuery(bad, []byte("12345678")))
	if got := text(t, reply); !strings.HasPrefix(got, "BADCOOKIE") {
		t.Errorf("with half a cookie: %s", got)
	}
	for range 3 {
		if got := text(t, respond(cookieQuery(bad, cookieOf(t, reply)))); !strings.HasPrefix(got, "REFUSED") {
			t.Errorf("with a good cookie: %s", got)
		}
	}
}
