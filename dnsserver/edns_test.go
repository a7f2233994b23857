package dnsserver

import (
	"strings"
	"testing"
	"time"
)

// A9 and A10, RFC 5001 and RFC 7828: of the options of a query those come back that
// the server has, and where they belong.
func TestOptions(t *testing.T) {
	const found = "NOERROR aa: web.svc.test. 5 IN A 10.0.0.7"
	h := authorityOf(newZone(t))
	for _, tt := range []struct {
		name, options, udp, tcp string
	}{
		{"none", "", found + " [edns0 1232]", ""},
		{"NSID", "\x00\x03\x00\x00", found + " [edns0 1232 nsid=dns-1]", ""},
		{"NSID with data, which are ignored", "\x00\x03\x00\x02hi", found + " [edns0 1232 nsid=dns-1]", ""},
		{"NSID twice", "\x00\x03\x00\x00\x00\x03\x00\x00", found + " [edns0 1232 nsid=dns-1]", ""},
		{"keepalive", "\x00\x0b\x00\x00", found + " [edns0 1232]", found + " [edns0 1232 keepalive=75]"},
		{"keepalive with a time", "\x00\x0b\x00\x02\x00\x64", found + " [edns0 1232]", "FORMERR [edns0 1232]"},
		{"a faulty option behind a good one", "\x00\x03\x00\x00\x00\x0a\x00\x01x", "FORMERR [edns0 1232]", ""},
		{"cookies, of which the first counts", "\x00\x0a\x00\x0812345678\x00\x0a\x00\x01x", found + " [edns0 1232 cookie=3132333435363738+16]", ""},
		{"all", "\x00\x64\x00\x01x\x00\x0b\x00\x00\x00\x0a\x00\x0812345678\x00\x08\x00\x04\x00\x01\x00\x00\x00\x03\x00\x00", found + " [edns0 1232 nsid=dns-1 cookie=3132333435363738+16]", found + " [edns0 1232 nsid=dns-1 cookie=3132333435363738+16 keepalive=75]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			everywhere(t, Options{Handler: h, NSID: "dns-1", IdleTimeout: 7500 * time.Millisecond}, func(t *testing.T, open func(testing.TB) *wire) {
				w, want := open(t), tt.udp
				if (w.over == TCP || w.over == TLS) && tt.tcp != "" {
					want = tt.tcp
				}
				if got := text(t, w.exchange(message(0, "1001", webA, opt(tt.options)))); got != want {
					t.Errorf("got %s\nwant %s", got, want)
				}
			})
		})
	}
}

// Options have their place also in the shortest message that can be cut.
func TestOptionsFitIntoEveryReply(t *testing.T) {
	z := newZone(t)
	crowd(t, z, "many", 100, 1)
	s := serve(t, Options{Handler: authorityOf(z), NSID: strings.Repeat("n", MaxNSID)}, "127.0.0.1:0")
	w := dial(t, "udp", s.Addrs()[0])
	all := "\x00\x00\x29\x02\x00\x00\x00\x00\x00\x00\x10\x00\x03\x00\x00\x00\x0a\x00\x0812345678"
	for name, q := range map[string]string{
		"an answer that is cut": question("\x04many\x03svc\x04test\x00", 1, 1),
		"the longest name":      question(strings.Repeat(longLabel, 3)+"\x3d"+longLabel[1:62]+"\x00", 1, 1),
	} {
		reply := w.exchange(message(0, "1001", q, all))
		got := ednsText(unpack(t, reply).IsEdns0())
		if !strings.Contains(got, " nsid="+strings.Repeat("n", MaxNSID)+" cookie=3132333435363738+16") || len(reply) > 512 {
			t.Errorf("%s: %d octets, options%s", name, len(reply), got)
		}
	}
}

// A14: class CH tells the name of the server when it has one, and nothing else.
func TestServerIdentity(t *testing.T) {
	const nsid = `dns "1" \ zürich`
	for _, tt := range []struct{ ask, nsid, want string }{
		{"id.server. TXT +class=CH +rd", nsid, `NOERROR aa rd: id.server. 0 CH TXT "dns \"1\" \\ z\195\188rich"`},
		{"Hostname.BIND. TXT +class=CH +edns=1232", nsid, `NOERROR aa: Hostname.BIND. 0 CH TXT "dns \"1\" \\ z\195\188rich" [edns0 1232]`},
		{"version.bind. TXT +class=CH", nsid, "REFUSED"},
		{"version.server. TXT +class=CH", nsid, "REFUSED"},
		{"id.server. A +class=CH", nsid, "REFUSED"},
		{"id.server. TXT +class=HS", nsid, "REFUSED"},
		{"id.server. TXT", nsid, "REFUSED"},
		{"web.svc.test. A +class=CH", nsid, "REFUSED"},
		{"id.server. TXT +class=CH", "", "REFUSED"},
	} {
		s := serve(t, Options{Handler: authorityOf(newZone(t)), NSID: tt.nsid}, "127.0.0.1:0")
		if got := text(t, dial(t, "udp", s.Addrs()[0]).exchange(query(tt.ask))); got != tt.want {
			t.Errorf("ask %s, NSID %q\n got %s\nwant %s", tt.ask, tt.nsid, got, tt.want)
		}
	}
}
