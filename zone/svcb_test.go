package zone_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollcall-dns/rollcall/zone"
	"github.com/rollcall-dns/rollcall/zone/zonetest"
)

func alpn(t testing.TB, protocols ...string) zone.ALPN {
	t.Helper()
	a, ok := zone.ParseALPN(protocols)
	if !ok {
		t.Fatalf("ParseALPN(%q) refuses", protocols)
	}
	return a
}

// secure is a port of https that others reach at another number.
func secure(t testing.TB, number uint16, protocols ...string) zone.Port {
	return zone.Port{Name: "https", Number: number, Known: 8443, ALPN: alpn(t, protocols...)}
}

func secureZone(t *testing.T) *zone.Zone {
	z := newZone(t)
	web := up("web", "w", on("red", "172.18.0.2", secure(t, 8443, "h2", "http/1.1"), tcp(80)),
		on("red", "fd18::2", secure(t, 8443, "h2", "http/1.1"), tcp(80)), at("198.51.100.1", secure(t, 32768, "h2", "http/1.1")))
	web.Priority, web.Tags = 3, []string{"v1"}
	quic := up("web", "q", at("198.51.100.2", zone.Port{Number: 443, Proto: zone.UDP, ALPN: alpn(t, "h3")}))
	quic.Priority = 65535
	mail := up("mail", "m", at("198.51.100.3", zone.Port{Number: 993, ALPN: alpn(t, "imap")}, zone.Port{Name: "admin", Number: 9443, ALPN: alpn(t, "h2")}))
	down := up("down", "d", at("198.51.100.4", secure(t, 8443, "h2")))
	down.State = zone.Down
	c := put(web, quic, mail, down, up("plain", "p", at("198.51.100.5", tcp(443))))
	c.Networks = []zone.Network{{Name: "red", Prefixes: prefixes("172.18.0.0/16")}}
	apply(t, z, c)
	return z
}

func TestHTTPS(t *testing.T) {
	const inside = `5 IN HTTPS 4 w.web.svc.test. alpn="h2,http/1.1" port="8443" ipv4hint="172.18.0.2" ipv6hint="fd18::2"` +
		` + w.web.svc.test. 5 IN A 172.18.0.2; w.web.svc.test. 5 IN AAAA fd18::2`
	const outside = `5 IN HTTPS 4 w.web.svc.test. alpn="h2,http/1.1" port="32768" ipv4hint="198.51.100.1"`
	const glue = `w.web.svc.test. 5 IN A 198.51.100.1`
	wantAnswers(t, secureZone(t), []asked{
		{"a service: its ports named https", "web.svc.test. HTTPS",
			`web.svc.test. ` + outside + `; web.svc.test. 5 IN HTTPS 65535 q.web.svc.test. alpn="h3" no-default-alpn="" port="443" ipv4hint="198.51.100.2"` +
				` + q.web.svc.test. 5 IN A 198.51.100.2; ` + glue},
		{"as its network reaches it", "w.web.svc.test. HTTPS from 172.18.0.9", `w.web.svc.test. ` + inside},
		{"one instance", "w.web.svc.test. HTTPS", `w.web.svc.test. ` + outside + ` + ` + glue},
		{"one port", "_8443._https.web.svc.test. HTTPS", `_8443._https.web.svc.test. ` + outside + ` + ` + glue},
		{"its number is that inside", "_32768._https.web.svc.test. HTTPS", "NXDOMAIN"},
		{"another type at a port", "_8443._https.web.svc.test. SRV", "NODATA"},
		{"an address at a port", "_8443._https.web.svc.test. A", "NODATA"},
		{"empty non-terminal", "_https.web.svc.test. HTTPS", "NODATA"},
		{"without such a port", "_https.plain.svc.test. HTTPS", "NXDOMAIN"},
		{"tags have none", "v1.tag.web.svc.test. HTTPS", "NODATA"},
		{"nor have names of SRV", "_https._tcp.web.svc.test. HTTPS", "NODATA"},
		{"without protocols", "plain.svc.test. HTTPS", "NODATA"},
		{"without a port named https", "mail.svc.test. HTTPS", "NODATA"},
		{"but by its number", "_9443._https.mail.svc.test. HTTPS",
			`_9443._https.mail.svc.test. 5 IN HTTPS 1 m.mail.svc.test. alpn="h2" no-default-alpn="" port="9443" ipv4hint="198.51.100.3" + m.mail.svc.test. 5 IN A 198.51.100.3`},
		{"a protocol that is not HTTP", "_993._https.mail.svc.test. HTTPS", "NXDOMAIN"},
		{"none is up", "_8443._https.down.svc.test. HTTPS", "NODATA"},
	})
}

// What is listed is what is answered, record by record.
func TestHTTPSIsListedAsItIsAnswered(t *testing.T) {
	z := secureZone(t)
	listed, answered := map[string]bool{}, map[string]bool{}
	for l := range z.Snapshot().Records() {
		if l.Type == zone.TypeHTTPS {
			listed[zonetest.Line(t, []byte(l.Owner), &l.Record)] = true
		}
	}
	for _, ask := range []string{"web.svc.test.", "w.web.svc.test.", "q.web.svc.test.", "_8443._https.web.svc.test.", "_443._https.web.svc.test.", "_9443._https.mail.svc.test."} {
		for _, from := range []string{"", " from 172.18.0.9"} {
			answer, _, _ := strings.Cut(zonetest.Ask(t, z, ask+" HTTPS"+from), " + ")
			for rr := range strings.SplitSeq(answer, "; ") {
				if rr != "NODATA" {
					answered[rr] = true
				}
			}
		}
	}
	if diff := cmp.Diff(answered, listed); diff != "" || len(listed) == 0 {
		t.Errorf("%d records are listed, which differ from what is answered (-answered +listed):\n%s", len(listed), diff)
	}
}

func TestHTTPSGoesWithItsPort(t *testing.T) {
	z := newZone(t)
	in := up("web", "w", at("10.0.0.1", secure(t, 8443, "h2")))
	apply(t, z, put(in, up("web", "plain", at("10.0.0.2", tcp(8443)))))
	if names := z.Snapshot().Names(zone.Key{Source: "test", ID: in.ID}); !slices.Contains(names, zone.MustParseName("_8443._https.web.svc.test")) {
		t.Errorf("its names are %v", names)
	}
	in.Endpoints = []zone.Endpoint{at("10.0.0.1", tcp(8443))}
	apply(t, z, put(in))
	wantAnswers(t, z, []asked{
		{"port", "_8443._https.web.svc.test. HTTPS", "NXDOMAIN"},
		{"above it", "_https.web.svc.test. HTTPS", "NXDOMAIN"},
		{"service", "web.svc.test. HTTPS", "NODATA"},
		{"SRV stays", "_8443._tcp.web.svc.test. SRV", "_8443._tcp.web.svc.test. 5 IN SRV 0 0 8443 plain.web.svc.test.; _8443._tcp.web.svc.test. 5 IN SRV 0 0 8443 w.web.svc.test." +
			" + plain.web.svc.test. 5 IN A 10.0.0.2; w.web.svc.test. 5 IN A 10.0.0.1"},
	})
}

func TestParseALPN(t *testing.T) {
	long := strings.Repeat("x", 127)
	for _, tt := range []struct {
		name string
		ids  []string
		ok   bool
	}{
		{"none", nil, true},
		{"some", []string{"h2", "http/1.1"}, true},
		{"as much as there is room for", []string{long, long[1:]}, true},
		{"too much", []string{long, long[1:], "h2"}, false},
		{"an empty one", []string{"h2", ""}, false},
		{"one twice", []string{"h2", "h3", "h2"}, false},
		{"a comma", []string{"h2,h3"}, false},
		{"a space", []string{"h 2"}, false},
		{"other octets", []string{"h\x80"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, ok := zone.ParseALPN(tt.ids)
			if ok != tt.ok || ok && !slices.Equal(a.Protocols(), tt.ids) {
				t.Errorf("ParseALPN(%q) = %q, %v, want %v", tt.ids, a.Protocols(), ok, tt.ok)
			}
		})
	}
}
