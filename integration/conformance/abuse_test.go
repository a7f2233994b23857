package conformance

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// What is refused, and how much a stranger gets out of the server.
var errorRows = []row{
	{
		id: "E1", rule: "a name that is not ours, asked by anybody", rfc: "8914 §4.21; BCP 140",
		choice: "with `--upstream off` REFUSED with extended error 20, without RA: nothing is asked of other servers for anyone, in whatever spelling",
		exchanges: `
			x.example. A => REFUSED
			x.example. A +rd +edns => REFUSED rd [edns0 1232 ede=20]
			X.EXAMPLE. AAAA +do +cd => REFUSED cd [edns0 1232 do ede=20]
			. NS +edns => REFUSED [edns0 1232 ede=20]
			. ANY +rd => REFUSED rd
			svc.test.example. A => REFUSED
			xsvc\.test. A => REFUSED
			test\.. A => REFUSED`,
	}, {
		id: "E2", rule: "extended errors come without text, and only to EDNS", rfc: "8914 §2-3",
		exchanges: `
			x.example. A +edns => REFUSED [edns0 1232 ede=20]
			x.example. A => REFUSED
			web.svc.test. A +class=HS +edns => REFUSED [edns0 1232 ede=21]
			web.svc.test. A +class=HS => REFUSED
			web.svc.test. NXNAME +edns => FORMERR [edns0 1232 ede=30]
			nope.svc.test. A +edns => NXDOMAIN aa / soa svc.test. 5 [edns0 1232]`,
	}, {
		id: "E3", rule: "server cookies: form, and who may use them", rfc: "7873 §5.2; 9018 §4",
		choice: "given to all, demanded of nobody (decision 0005)",
		test:   serverCookies,
	}, {
		id: "E4", rule: "a flood of queries that are turned down", rfc: "5358",
		choice: "over UDP 10,000 replies at once and 1,000 a second for each source; valid cookies are exempt, wrong ones get BADCOOKIE",
		over:   "udp", test: errorBudget,
	}, {
		id: "E5", rule: "no reply over UDP is longer than 1,232 octets, whatever is asked", rfc: "9715",
		over: "udp", test: amplification,
	}, {
		id: "E6", rule: "like replies to one public network are limited", rfc: "–",
		choice: "off by default; with `--response-rate` half of what is beyond is dropped and half has TC; the same beyond ten times as many replies in all; private addresses, valid cookies and TCP are exempt",
		over:   "udp", test: likeReplies,
	},
}

// newCookie asks for a cookie, and gives the option's data: 8 octets of the client
// and 16 of the server.
func newCookie(w *wire) []byte {
	w.t.Helper()
	m, _ := get(w, "+opt=10:2464c4abcf10c957")
	for _, o := range m.IsEdns0().Option {
		if c, ok := o.(*dns.EDNS0_COOKIE); ok && len(c.Cookie) == 2*24 {
			return octets(c.Cookie)
		}
	}
	w.t.Fatalf("no cookie in %v", m)
	return nil
}

func serverCookies(t *testing.T, at place) {
	w := dial(t, at.path)
	c := newCookie(w)
	if server := c[8:]; server[0] != 1 || server[1]|server[2]|server[3] != 0 {
		t.Errorf("server cookie %x: want version 1 and three zeros", server)
	}
	if age := time.Since(time.Unix(int64(binary.BigEndian.Uint32(c[12:])), 0)); age < -time.Minute || age > time.Minute {
		t.Errorf("a new server cookie has a time that is %v ago", age)
	}
	ask := func(w *wire, c []byte) string { return rcodeName(rcodeOf(w, fmt.Sprintf("+opt=10:%x", c))) }
	if got := ask(w, c); got != "NOERROR" {
		t.Errorf("its own cookie: %s", got)
	}
	for i := range c {
		changed := append([]byte(nil), c...)
		changed[i] ^= 1
		if i >= 12 && i < 16 {
			changed[i] ^= 3 // a time that is not only another one of the same secret
		}
		if got := ask(w, changed); got != "BADCOOKIE" {
			t.Errorf("a cookie with octet %d changed: %s", i, got)
		}
		if got := w.ask(fmt.Sprintf("v4.svc.test. A +opt=10:%x", changed)); rcodeText(got) != "NOERROR" {
			t.Errorf("a question with a wrong cookie: %s", got)
		}
	}
	if at.network == "tcp4" {
		if got := ask(dialFrom(t, at.path, at.loopback(9)), c); got != "BADCOOKIE" {
			t.Errorf("the cookie of another address: %s", got)
		}
	}
}

func rcodeText(reply string) string {
	var rcode string
	fmt.Sscan(reply, &rcode)
	return rcode
}

func rcodeOf(w *wire, query string) int {
	w.t.Helper()
	m, _ := get(w, query)
	if edns := m.IsEdns0(); edns != nil {
		return m.Rcode&15 | edns.ExtendedRcode()&^15
	}
	return m.Rcode
}

// errorBudget asks nonsense of a server of its own, until it is not told so any more.
func errorBudget(t *testing.T, at place) {
	s := start(t)
	ready(t, s, "")
	w := dial(t, at.of(s))
	cookie := hex.EncodeToString(newCookie(w))
	const bad = "x.example. MAILA"
	sent := 0
	for told := 0; told == sent; sent += 100 {
		if sent > 500_000 {
			t.Fatalf("all of %d bad queries were answered", sent)
		}
		full, _ := flood(w, bad, "", 100)
		told += full
	}
	if sent < 10_000 {
		t.Fatalf("of %d bad queries not all were answered", sent)
	}
	told := make(map[string]int)
	for range 200 {
		flood(w, bad, "", 100) // more than may be told in the meantime, on a busy machine too
		told[rcodeText(w.ask(bad+" +opt=10:2464c4abcf10c957"))]++
		if got := w.ask(bad + " +opt=10:" + cookie); rcodeText(got) != "NOTIMP" {
			t.Fatalf("with a valid cookie: %s", got)
		}
	}
	if told["nothing"] > 0 || told["BADCOOKIE"] == 0 {
		t.Errorf("with a cookie of the client alone: %v", told)
	}
	if got := w.ask(probe); got != "REFUSED" {
		t.Errorf("a good question after %d bad ones: %s", sent, got)
	}
}

func amplification(t *testing.T, at place) {
	w := dial(t, at.path)
	for _, name := range []string{"huge.svc.test.", "_http._tcp.huge.svc.test.", "glue.svc.test.", "svc.test.", "nope.svc.test.", "x.example."} {
		for typ := range 300 {
			reply := w.exchange(w.message(fmt.Sprintf("%s %d +edns=65535 +do +opt=3 +opt=10:2464c4abcf10c957 +opt=11", name, typ)))
			if len(reply) > maxUDPSize {
				t.Errorf("ask %s %d: %d octets", name, typ, len(reply))
			}
		}
	}
}

// notReady asks a server that waits for an engine which never answers.
func notReady(t *testing.T, at place) {
	silent := filepath.Join(t.TempDir(), "engine.sock")
	l, err := net.Listen("unix", silent)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := start(t, "--docker", "unix://"+silent)
	w := dial(t, at.of(s))
	for _, tt := range []struct{ ask, want string }{
		{"web.svc.test. A +edns", "SERVFAIL [edns0 1232 ede=14]"},
		{"web.svc.test. A", "SERVFAIL"},
		{"svc.test. SOA +edns", "SERVFAIL [edns0 1232 ede=14]"},
		{"1.2.3.10.in-addr.arpa. PTR +edns", "SERVFAIL [edns0 1232 ede=14]"},
		{"x.example. A +edns", "REFUSED [edns0 1232 ede=20]"},
		{"localhost. A", "NOERROR aa: localhost. 300 IN A 127.0.0.1"},
	} {
		if got := w.ask(tt.ask); got != tt.want {
			t.Errorf("ask %s\n got %s\nwant %s", tt.ask, got, tt.want)
		}
	}
}
