package upstream

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/rollcall-dns/rollcall/dnsserver/upstream/upstreamtest"
)

// What servers make their cookies of, in hexadecimal.
const (
	theirs = "0102030405060708"
	newer  = "11121314151617181920212223242526"
)

// ours is the client's part of a COOKIE option.
func ours(sent string) string { return sent[:min(len(sent), 2*clientCookieLen)] }

// cookies gives theirs to those who send a cookie, as servers do.
func cookies(next upstreamtest.Behaviour) upstreamtest.Behaviour {
	return upstreamtest.Cookie(func(sent string) (string, int) {
		if sent == "" {
			return "", dns.RcodeSuccess
		}
		return ours(sent) + theirs, dns.RcodeSuccess
	}, next)
}

// sentCookies are those of all queries that came, in their order: "-" is none.
func sentCookies(s *upstreamtest.Server) (list []string) {
	for _, a := range s.Asked() {
		cookie := "-"
		if opt := a.Msg.IsEdns0(); opt != nil {
			for _, o := range opt.Option {
				if c, ok := o.(*dns.EDNS0_COOKIE); ok {
					cookie = c.Cookie
				}
			}
		}
		list = append(list, cookie)
	}
	return list
}

// A server's cookie goes back to it, beside ours for it alone (RFC 7873 §5.1).
func TestCookiesAreLearned(t *testing.T) {
	c := newClient(t, Options{})
	known := map[string]bool{}
	for range 2 {
		s := upstreamtest.Start(t, cookies(web))
		for range 3 {
			got, err := c.Exchange(t.Context(), mustAddr(t, s.Addr()), question(t, "web.example. A"))
			check(t, got, err, webA)
		}
		asked(t, s, 3, 0)
		sent := sentCookies(s)
		mine := sent[0]
		if len(mine) != 2*clientCookieLen || sent[1] != mine+theirs || sent[2] != mine+theirs || known[mine] {
			t.Errorf("sent %q, and others %v", sent, known)
		}
		known[mine] = true
	}
}

// What comes of a reply over UDP with some cookie, from a server that is known to give
// them, or not.
func TestRepliesAreKnownByTheirCookie(t *testing.T) {
	was := func(back string, rcode int) func(string) (string, int) {
		return func(sent string) (string, int) {
			if sent == "" {
				return "", dns.RcodeSuccess
			}
			return strings.ReplaceAll(back, "OURS", ours(sent)), rcode
		}
	}
	refuses := func(sent string) (string, int) { // all but its newest
		if strings.HasSuffix(sent, newer) {
			return sent, dns.RcodeSuccess
		}
		return ours(sent) + newer, dns.RcodeBadCookie
	}
	for _, tt := range []struct {
		name         string
		cookie       func(sent string) (back string, rcode int)
		udp, tcp     int // how often it is asked then, by one who has had its cookies
		newUDP, newT int // and by one who does not know it
	}{
		{"right", was("OURS"+theirs, 0), 1, 0, 1, 0},
		{"another of the server", was("OURS"+newer, 0), 1, 0, 1, 0},
		{"missing", was("", 0), 1, 1, 1, 0},
		{"of somebody else", was("ffffffffffffffff"+theirs, 0), 1, 1, 1, 1},
		{"without the server's", was("OURS", 0), 1, 1, 1, 1},
		{"too short", was("OURS01020304050607", 0), 1, 1, 1, 1},
		{"too long", was("OURS"+theirs+theirs+theirs+theirs+"09", 0), 1, 1, 1, 1},
		{"BADCOOKIE with a newer one", refuses, 2, 0, 2, 0},
		{"BADCOOKIE for ever", was("OURS"+newer, dns.RcodeBadCookie), 2, 1, 2, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := upstreamtest.Start(t, cookies(web))
			c, a := newClient(t, Options{}), mustAddr(t, s.Addr())
			for _, known := range []bool{true, false} {
				udp, tcp := 1+tt.udp, tt.tcp
				if known {
					s.Do(cookies(web))
					got, err := c.Exchange(t.Context(), a, question(t, "web.example. A"))
					check(t, got, err, webA)
				} else {
					s = upstreamtest.Start(t, web)
					a, udp, tcp = mustAddr(t, s.Addr()), tt.newUDP, tt.newT
				}
				s.Do(upstreamtest.Over(upstreamtest.UDP, upstreamtest.Cookie(tt.cookie, web), cookies(web)))
				got, err := c.Exchange(t.Context(), a, question(t, "web.example. A"))
				check(t, got, err, webA)
				asked(t, s, udp, tcp)
			}
		})
	}
}

// A server that gives no cookies any more is believed over TCP, and not sent any for ten
// minutes. So is one that spoils them.
func TestCookiesAreGivenUp(t *testing.T) {
	for name, now := range map[string]upstreamtest.Behaviour{
		"none any more": web,
		"spoilt":        upstreamtest.Cookie(func(string) (string, int) { return "ffffffffffffffff" + theirs, 0 }, web),
	} {
		s := upstreamtest.Start(t, cookies(web))
		c, a := newClient(t, Options{}), mustAddr(t, s.Addr())
		for range 4 {
			got, err := c.Exchange(t.Context(), a, question(t, "web.example. A"))
			check(t, got, err, webA)
			s.Do(now)
		}
		asked(t, s, 4, 1)
		if sent := sentCookies(s); sent[3] != "-" || sent[4] != "-" {
			t.Errorf("%s: sent %q", name, sent)
		}
	}
}

// Who spoils cookies and has no TCP could else not be asked at all.
func TestCookiesAreGivenUpWithoutTCP(t *testing.T) {
	cookie := func(back string, rcode int) upstreamtest.Behaviour {
		return upstreamtest.Cookie(func(sent string) (string, int) {
			if sent == "" {
				return "", dns.RcodeSuccess
			}
			return strings.ReplaceAll(back, "OURS", ours(sent)), rcode
		}, web)
	}
	for name, now := range map[string]upstreamtest.Behaviour{
		"none any more":      web,
		"ours alone":         cookie("OURS", dns.RcodeSuccess),
		"somebody else's":    cookie("ffffffffffffffff"+theirs, dns.RcodeSuccess),
		"BADCOOKIE for ever": cookie("OURS"+newer, dns.RcodeBadCookie),
	} {
		for _, known := range []bool{false, true} {
			s := upstreamtest.Start(t, upstreamtest.CloseTCP(cookies(web)))
			c, a := newClient(t, Options{}), mustAddr(t, s.Addr())
			if known {
				got, err := c.Exchange(t.Context(), a, question(t, "web.example. A"))
				check(t, got, err, webA)
			}
			s.Do(upstreamtest.CloseTCP(now))
			for range 2 {
				got, err := c.Exchange(t.Context(), a, question(t, "web.example. A"))
				check(t, got, err, webA)
			}
			met := known || name != "none any more"
			if sent := sentCookies(s); met != (sent[len(sent)-1] == "-") {
				t.Errorf("%s, known %t: sent %q", name, known, sent)
			}
		}
	}
}

// Where queries with options are lost, the next has none. Who has sent cookies before is
// sent them as ever.
func TestCookiesThatAreLost(t *testing.T) {
	for _, known := range []bool{false, true} {
		s := upstreamtest.Start(t, cookies(web))
		c, a := newClient(t, Options{Timeout: hurry}), mustAddr(t, s.Addr())
		if known {
			got, err := c.Exchange(t.Context(), a, question(t, "web.example. A"))
			check(t, got, err, webA)
		}
		s.Do(func(q *upstreamtest.Query) {
			if opt := q.Msg.IsEdns0(); opt == nil || len(opt.Option) == 0 {
				web(q)
			}
		})
		got, err := c.Exchange(t.Context(), a, question(t, "web.example. A"))
		check(t, got, err, "no answer in time")
		want := webA
		if known {
			want = "no answer in time"
		}
		got, err = c.Exchange(t.Context(), a, question(t, "web.example. A"))
		check(t, got, err, want)
	}
}

// Where nothing at all comes back for a while, of who has sent cookies before, either.
func TestCookiesThatAreLostForLong(t *testing.T) {
	var c cookieJar
	at, now := &net.UDPAddr{IP: net.IPv4(192, 0, 2, 1)}, time.Now()
	sent := c.take(nil, at, now)
	heard := func() {
		if err := c.judge(sent, []byte(string(sent)+theirs), false); err != nil {
			t.Fatal(err)
		}
	}
	lost := func(after time.Duration, sends bool) {
		t.Helper()
		c.unanswered(sent, now.Add(after))
		if got := c.take(nil, at, now.Add(after)) != nil; got != sends {
			t.Errorf("%v after: sent %t", after, got)
		}
	}
	heard()
	lost(0, true)
	lost(9*time.Second, true)
	heard()
	lost(11*time.Second, true)
	lost(20*time.Second, true)
	lost(21*time.Second, false)
}

// Nothing tells a server that who asks from here asked from elsewhere before (RFC 9018 §3).
func TestCookiesBelongToOneAddress(t *testing.T) {
	var c cookieJar
	at := func(ip string) string {
		return string(c.take(nil, &net.UDPAddr{IP: net.ParseIP(ip), Port: 1}, time.Now()))
	}
	here := at("192.0.2.1")
	if err := c.judge([]byte(here), []byte(here+theirs), false); err != nil || at("192.0.2.1") != here+theirs {
		t.Errorf("not known again: %v", err)
	}
	there := at("192.0.2.2")
	if len(there) != clientCookieLen || there == here {
		t.Errorf("%x here, %x there", here, there)
	}
	if late := c.judge([]byte(here), []byte(here+theirs), false); late != nil || at("192.0.2.2") != there {
		t.Errorf("a reply to who was elsewhere is taken for one to us: %v", late)
	}
}

// Who is behind one address with others cannot be followed for ever. The server need not
// be met again for that.
func TestCookiesLastADay(t *testing.T) {
	var c cookieJar
	at, now := &net.UDPAddr{IP: net.IPv4(192, 0, 2, 1)}, time.Now()
	first := string(c.take(nil, at, now))
	if err := c.judge([]byte(first), []byte(first+theirs), false); err != nil {
		t.Fatal(err)
	}
	if same := string(c.take(nil, at, now.Add(cookieLife-1))); same != first+theirs {
		t.Errorf("%x within the day, %x at first", same, first)
	}
	next := c.take(nil, at, now.Add(cookieLife))
	if len(next) != clientCookieLen || string(next) == first {
		t.Errorf("%x after a day, %x at first", next, first)
	}
	if err := c.judge(next, nil, false); err != errStranger {
		t.Errorf("a reply without is taken: %v", err)
	}
}

// Who does not know EDNS, and whom we ask over TLS, is sent no cookie.
func TestCookiesAreNotForEverybody(t *testing.T) {
	s := upstreamtest.Start(t, web)
	got, err := newClient(t, Options{RootCAs: s.RootCAs()}).Exchange(t.Context(), mustAddr(t, s.TLSAddr()), question(t, "web.example. A"))
	check(t, got, err, webA)
	s.Do(func(q *upstreamtest.Query) {
		if q.Msg.IsEdns0() != nil {
			upstreamtest.Rcode(dns.RcodeFormatError)(q)
		} else {
			web(q)
		}
	})
	got, err = newClient(t, Options{}).Exchange(t.Context(), mustAddr(t, s.Addr()), question(t, "web.example. A"))
	check(t, got, err, webA)
	if sent := sentCookies(s); len(sent) != 3 || sent[0] != "-" || sent[1] == "-" || sent[2] != "-" {
		t.Errorf("sent %q", sent)
	}
}
