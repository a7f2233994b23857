package conformance

import (
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// Names that are answered although nothing of ours is there, and whose questions must
// not go to others.
var specialRows = []row{
	{
		id: "D1", rule: "`localhost` and below: the addresses of this host", rfc: "6761 §6.3",
		exchanges: `
			localhost. A => NOERROR aa: localhost. 300 IN A 127.0.0.1
			LocalHost. AAAA +rd +edns => NOERROR aa rd: LocalHost. 300 IN AAAA ::1 [edns0 1232]
			a.b.localhost. A => NOERROR aa: a.b.localhost. 300 IN A 127.0.0.1
			localhost. MX => NOERROR aa / soa localhost. 300
			a.localhost. TXT => NOERROR aa / soa localhost. 300
			notlocalhost. A +edns => REFUSED [edns0 1232 ede=20]`,
	}, {
		id: "D2", rule: "`invalid`", rfc: "6761 §6.4",
		exchanges: `
			x.invalid. A => NXDOMAIN aa / soa invalid. 300
			invalid. A => NOERROR aa / soa invalid. 300
			invalid. SOA => NOERROR aa: soa invalid. 300
			invalid. NS => NOERROR aa: invalid. 300 IN NS invalid.`,
	}, {
		id: "D3", rule: "`test`, except for domains of ours in it", rfc: "6761 §6.2",
		exchanges: `
			x.test. A => NXDOMAIN aa / soa test. 300
			test. A => NOERROR aa / soa test. 300
			v4.svc.test. A => NOERROR aa: v4.svc.test. 5 IN A 10.0.0.8`,
	}, {
		id: "D4", rule: "`onion`", rfc: "7686 §2",
		exchanges: `
			example.onion. A => NXDOMAIN aa / soa onion. 300`,
	}, {
		id: "D5", rule: "`local`", rfc: "6762 §22.1",
		exchanges: `
			printer.local. A => NXDOMAIN aa / soa local. 300
			lb._dns-sd._udp.local. PTR => NXDOMAIN aa / soa local. 300`,
	}, {
		id: "D6", rule: "`alt`", rfc: "9476 §3.2",
		exchanges: `
			x.y.alt. A => NXDOMAIN aa / soa alt. 300`,
	}, {
		id: "D7", rule: "`home.arpa`", rfc: "8375 §4",
		exchanges: `
			x.home.arpa. A => NXDOMAIN aa / soa home.arpa. 300
			home.arpa. DS => NOERROR aa / soa home.arpa. 300
			arpa. A => REFUSED`,
	}, {
		id: "D8", rule: "`internal`", rfc: "ICANN 2024",
		choice: "REFUSED like any foreign name, because clouds have names there; nothing is sent to public servers (decision 0004)",
		exchanges: `
			metadata.google.internal. A +rd +edns => REFUSED rd [edns0 1232 ede=20]`,
	}, {
		id: "D9", rule: "`resolver.arpa`", rfc: "9462 §4",
		choice: "NODATA: there is no encrypted resolver here",
		exchanges: `
			_dns.resolver.arpa. SVCB => NOERROR aa / soa resolver.arpa. 300
			resolver.arpa. SVCB => NOERROR aa / soa resolver.arpa. 300`,
	}, {
		id: "D10", rule: "reverse zones of addresses that are not public", rfc: "6303 §3-4; 7793",
		exchanges: `
			1.2.3.10.in-addr.arpa. PTR => NXDOMAIN aa / soa 10.in-addr.arpa. 5
			1.2.3.10.in-addr.arpa. PTR +do => NXDOMAIN aa / soa 10.in-addr.arpa. 5 [edns0 1232 do]
			8.8.8.8.in-addr.arpa. PTR +edns => REFUSED [edns0 1232 ede=20]
			1.2.32.172.in-addr.arpa. PTR => REFUSED
			1.1.63.100.in-addr.arpa. PTR => REFUSED
			1.1.128.100.in-addr.arpa. PTR => REFUSED`,
		test: reverseZones,
	}, {
		id: "D11", rule: "names of instances in reverse zones, and above them", rfc: "1035 §3.5",
		choice: "a name that is part of an address is NODATA, whatever is below",
		exchanges: `
			8.0.0.10.in-addr.arpa. PTR => NOERROR aa: 8.0.0.10.in-addr.arpa. 5 IN PTR v4-1.v4.svc.test.
			8.0.0.10.in-addr.arpa. TXT => NOERROR aa / soa 10.in-addr.arpa. 5
			0.0.10.in-addr.arpa. PTR => NOERROR aa / soa 10.in-addr.arpa. 5
			300.0.0.10.in-addr.arpa. PTR => NXDOMAIN aa / soa 10.in-addr.arpa. 5
			x.8.0.0.10.in-addr.arpa. PTR => NXDOMAIN aa / soa 10.in-addr.arpa. 5`,
	}, {
		id: "D12", rule: "special names and reverse zones are left to others, one by one", rfc: "6303 §3",
		flags: "--elsewhere local --elsewhere 168.192.in-addr.arpa --elsewhere 5.10.in-addr.arpa",
		exchanges: `
			printer.local. A +edns => REFUSED [edns0 1232 ede=20]
			local. SOA => REFUSED
			1.0.168.192.in-addr.arpa. PTR => REFUSED
			1.0.5.10.in-addr.arpa. PTR => REFUSED
			1.0.6.10.in-addr.arpa. PTR => NXDOMAIN aa / soa 10.in-addr.arpa. 5
			x.onion. A => NXDOMAIN aa / soa onion. 300`,
	}, {
		id: "D13", rule: "where to browse, asked of domains and of networks", rfc: "6763 §11",
		exchanges: `
			lb._dns-sd._udp.svc.test. PTR => NOERROR aa: lb._dns-sd._udp.svc.test. 5 IN PTR svc.test.
			b._dns-sd._udp.svc.test. PTR => NOERROR aa: b._dns-sd._udp.svc.test. 5 IN PTR svc.test.
			lb._dns-sd._udp.8.0.0.10.in-addr.arpa. PTR => NOERROR aa: lb._dns-sd._udp.8.0.0.10.in-addr.arpa. 5 IN PTR svc.test.
			lb._dns-sd._udp.0.0.10.10.in-addr.arpa. PTR => NXDOMAIN aa / soa 10.in-addr.arpa. 5`,
	},
}

// localZones are those of RFC 6303 §4 and RFC 7793 §2.
func localZones() []string {
	zones := []string{
		"10.in-addr.arpa.", "168.192.in-addr.arpa.", "0.in-addr.arpa.", "127.in-addr.arpa.", "254.169.in-addr.arpa.",
		"2.0.192.in-addr.arpa.", "100.51.198.in-addr.arpa.", "113.0.203.in-addr.arpa.", "255.255.255.255.in-addr.arpa.",
		strings.Repeat("0.", 32) + "ip6.arpa.", "1." + strings.Repeat("0.", 31) + "ip6.arpa.", "d.f.ip6.arpa.",
		"8.e.f.ip6.arpa.", "9.e.f.ip6.arpa.", "a.e.f.ip6.arpa.", "b.e.f.ip6.arpa.", "8.b.d.0.1.0.0.2.ip6.arpa.",
	}
	for n := 16; n <= 31; n++ {
		zones = append(zones, fmt.Sprintf("%d.172.in-addr.arpa.", n))
	}
	for n := 64; n <= 127; n++ {
		zones = append(zones, fmt.Sprintf("%d.100.in-addr.arpa.", n))
	}
	return zones
}

func reverseZones(t *testing.T, at place) {
	w := dial(t, at.path)
	for _, apex := range localZones() {
		soa, _ := get(w, apex+" SOA")
		if len(soa.Answer) != 1 || !soa.Authoritative {
			t.Errorf("ask %s SOA: %v", apex, soa)
			continue
		}
		if rr := soa.Answer[0].(*dns.SOA); rr.Mbox != "nobody.invalid." || rr.Hdr.Ttl != rr.Minttl {
			t.Errorf("%v: want nobody.invalid. and a TTL that is the minimum", rr)
		}
		if ns, _ := get(w, apex+" NS"); len(ns.Answer) != 1 || !ns.Authoritative {
			t.Errorf("ask %s NS: %v", apex, ns)
		}
		m, _ := get(w, "x."+apex+" PTR")
		if m.Rcode != dns.RcodeNameError || !m.Authoritative || len(m.Ns) != 1 || m.Ns[0].Header().Name != apex {
			t.Errorf("ask x.%s PTR: %v", apex, m)
		}
	}
}
