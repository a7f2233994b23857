package conformance

// What is answered for names of the zone.
var authorityRows = []row{
	{
		id: "B1", rule: "A, AAAA, SRV, TXT and PTR records that exist", rfc: "1034 §4.3.2",
		choice: "RA is set for those who may recurse: for nobody with `--upstream off`",
		exchanges: `
			web.svc.test. A => NOERROR aa: web.svc.test. 5 IN A 10.0.0.7
			web.svc.test. A +rd => NOERROR aa rd: web.svc.test. 5 IN A 10.0.0.7
			web.svc.test. AAAA +edns => NOERROR aa: web.svc.test. 5 IN AAAA 2001:db8::7 [edns0 1232]
			web-1.web.svc.test. A => NOERROR aa: web-1.web.svc.test. 5 IN A 10.0.0.7
			v2.tag.web.svc.test. A => NOERROR aa: v2.tag.web.svc.test. 5 IN A 10.0.0.7
			db.shop.svc.test. A => NOERROR aa: db.shop.svc.test. 5 IN A 10.0.0.9
			web.svc.test. SRV => NOERROR aa: web.svc.test. 5 IN SRV 0 0 8080 web-1.web.svc.test. + web-1.web.svc.test. 5 IN A 10.0.0.7; web-1.web.svc.test. 5 IN AAAA 2001:db8::7
			_http._tcp.web.svc.test. SRV => NOERROR aa: _http._tcp.web.svc.test. 5 IN SRV 0 0 8080 web-1.web.svc.test. + web-1.web.svc.test. 5 IN A 10.0.0.7; web-1.web.svc.test. 5 IN AAAA 2001:db8::7
			web.svc.test. TXT => NOERROR aa: web.svc.test. 5 IN TXT "version=2.1"
			7.0.0.10.in-addr.arpa. PTR => NOERROR aa: 7.0.0.10.in-addr.arpa. 5 IN PTR web-1.web.svc.test.
			7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa. PTR => NOERROR aa: 7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa. 5 IN PTR web-1.web.svc.test.`,
	}, {
		id: "B2", rule: "a type that an existing name does not have", rfc: "2308 §2.2",
		exchanges: `
			v4.svc.test. AAAA => NOERROR aa / soa svc.test. 5
			v4.svc.test. AAAA +rd +edns => NOERROR aa rd / soa svc.test. 5 [edns0 1232]
			v4.svc.test. HTTPS => NOERROR aa / soa svc.test. 5
			v4.svc.test. SVCB => NOERROR aa / soa svc.test. 5
			v4.svc.test. CAA => NOERROR aa / soa svc.test. 5
			v4.svc.test. MX => NOERROR aa / soa svc.test. 5
			v4.svc.test. SOA => NOERROR aa / soa svc.test. 5
			v4.svc.test. SRV => NOERROR aa / soa svc.test. 5
			v4.svc.test. CNAME => NOERROR aa / soa svc.test. 5
			7.0.0.10.in-addr.arpa. A => NOERROR aa / soa 10.in-addr.arpa. 5`,
	}, {
		id: "B3", rule: "a name that does not exist, and below which nothing does", rfc: "2308 §2.1; 8020 §2",
		exchanges: `
			nope.svc.test. A => NXDOMAIN aa / soa svc.test. 5
			nope.svc.test. AAAA +edns => NXDOMAIN aa / soa svc.test. 5 [edns0 1232]
			a.b.c.nope.svc.test. SRV => NXDOMAIN aa / soa svc.test. 5
			nope.v4.svc.test. A => NXDOMAIN aa / soa svc.test. 5
			nope.shop.svc.test. TXT => NXDOMAIN aa / soa svc.test. 5
			nope.other.test. A => NXDOMAIN aa / soa other.test. 5
			_https._tcp.web.svc.test. SRV => NXDOMAIN aa / soa svc.test. 5
			v9.tag.web.svc.test. A => NXDOMAIN aa / soa svc.test. 5`,
	}, {
		id: "B4", rule: "empty non-terminals", rfc: "4592 §2.2.2; 8020 §2; 9156",
		exchanges: `
			shop.svc.test. A => NOERROR aa / soa svc.test. 5
			_tcp.web.svc.test. A => NOERROR aa / soa svc.test. 5
			_tcp.web.svc.test. SRV +edns => NOERROR aa / soa svc.test. 5 [edns0 1232]
			tag.web.svc.test. TXT => NOERROR aa / soa svc.test. 5
			dns.svc.test. A => NOERROR aa / soa svc.test. 5
			0.10.in-addr.arpa. NS => NOERROR aa / soa 10.in-addr.arpa. 5`,
	}, {
		id: "B5", rule: "SOA and NS of the zone", rfc: "1034; 1035 §3.3.11-13",
		choice: "the name server's address is the one that was asked; transfers are REFUSED",
		exchanges: `
			svc.test. SOA => NOERROR aa: soa svc.test. 5
			other.test. SOA => NOERROR aa: soa other.test. 5
			10.in-addr.arpa. SOA => NOERROR aa: soa 10.in-addr.arpa. 5
			svc.test. A => NOERROR aa / soa svc.test. 5
			svc.test. AXFR => REFUSED`,
		test: nameServer,
	}, {
		id: "B6", rule: "DS of the zone, which only the parent would have", rfc: "4035 §3.1.4.1",
		choice: "answered here, and never sent on",
		exchanges: `
			svc.test. DS => NOERROR aa / soa svc.test. 5
			svc.test. DS +rd +do => NOERROR aa rd / soa svc.test. 5 [edns0 1232 do]
			other.test. DS => NOERROR aa / soa other.test. 5
			10.in-addr.arpa. DS => NOERROR aa / soa 10.in-addr.arpa. 5
			web.svc.test. DS => NOERROR aa / soa svc.test. 5
			nope.svc.test. DS => NXDOMAIN aa / soa svc.test. 5`,
	}, {
		id: "B7", rule: "DO, and the types of DNSSEC, in a zone that is not signed", rfc: "8906 §8.2.8; 3225",
		exchanges: `
			v4.svc.test. A +do => NOERROR aa: v4.svc.test. 5 IN A 10.0.0.8 [edns0 1232 do]
			v4.svc.test. A +do +ad +cd => NOERROR aa cd: v4.svc.test. 5 IN A 10.0.0.8 [edns0 1232 do]
			nope.svc.test. A +do => NXDOMAIN aa / soa svc.test. 5 [edns0 1232 do]
			svc.test. DNSKEY +do => NOERROR aa / soa svc.test. 5 [edns0 1232 do]
			svc.test. NSEC => NOERROR aa / soa svc.test. 5
			v4.svc.test. RRSIG => NOERROR aa / soa svc.test. 5`,
	}, {
		id: "B8", rule: "ANY", rfc: "8482 §4.2",
		choice: "HINFO over TCP too: ANY is no listing",
		exchanges: `
			web.svc.test. ANY => NOERROR aa: web.svc.test. 5 IN HINFO "RFC8482" ""
			svc.test. ANY +edns => NOERROR aa: svc.test. 5 IN HINFO "RFC8482" "" [edns0 1232]
			7.0.0.10.in-addr.arpa. ANY => NOERROR aa: 7.0.0.10.in-addr.arpa. 5 IN HINFO "RFC8482" ""
			shop.svc.test. ANY => NOERROR aa / soa svc.test. 5
			down.svc.test. ANY => NOERROR aa / soa svc.test. 5
			nope.svc.test. ANY => NXDOMAIN aa / soa svc.test. 5`,
	}, {
		id: "B9", rule: "wildcards: at any depth, but not below names that exist", rfc: "4592 §2.2.1, §3.3",
		exchanges: `
			x.wild.svc.test. A => NOERROR aa: x.wild.svc.test. 5 IN A 10.4.0.1
			A.b.C.wild.svc.test. A +edns => NOERROR aa: A.b.C.wild.svc.test. 5 IN A 10.4.0.1 [edns0 1232]
			*.wild.svc.test. A => NOERROR aa: *.wild.svc.test. 5 IN A 10.4.0.1
			x.*.wild.svc.test. A => NXDOMAIN aa / soa svc.test. 5
			x.wild.svc.test. AAAA => NOERROR aa / soa svc.test. 5
			x.wild.other.test. A => NOERROR aa: x.wild.other.test. 5 IN A 10.4.0.1
			wild.svc.test. A => NOERROR aa / soa svc.test. 5
			real.wild.svc.test. A => NOERROR aa / soa svc.test. 5
			x.real.wild.svc.test. A => NXDOMAIN aa / soa svc.test. 5
			sub.real.wild.svc.test. A => NOERROR aa: sub.real.wild.svc.test. 5 IN A 10.4.0.2
			sub.real.wild.svc.test. AAAA => NOERROR aa / soa svc.test. 5
			x.sub.real.wild.svc.test. A => NXDOMAIN aa / soa svc.test. 5
			x.alias.svc.test. A => NOERROR aa: v4.svc.test. 5 IN A 10.0.0.8; x.alias.svc.test. 5 IN CNAME v4.svc.test.`,
	}, {
		id: "B10", rule: "aliases", rfc: "1034 §3.6.2; 2181 §10.1; 6604",
		choice: "a loop ends where it would come again",
		exchanges: `
			www.svc.test. CNAME => NOERROR aa: www.svc.test. 5 IN CNAME web.svc.test.
			www.svc.test. A => NOERROR aa: web.svc.test. 5 IN A 10.0.0.7; www.svc.test. 5 IN CNAME web.svc.test.
			chain.svc.test. A => NOERROR aa: chain.svc.test. 5 IN CNAME www.svc.test.; web.svc.test. 5 IN A 10.0.0.7; www.svc.test. 5 IN CNAME web.svc.test.
			www.svc.test. SRV +edns => NOERROR aa: web.svc.test. 5 IN SRV 0 0 8080 web-1.web.svc.test.; www.svc.test. 5 IN CNAME web.svc.test. + web-1.web.svc.test. 5 IN A 10.0.0.7; web-1.web.svc.test. 5 IN AAAA 2001:db8::7 [edns0 1232]
			out.svc.test. A => NOERROR aa: out.svc.test. 5 IN CNAME edge.example.com.
			single.svc.test. AAAA => NOERROR aa: single.svc.test. 5 IN CNAME v4.svc.test. / soa svc.test. 5
			lost.svc.test. A => NXDOMAIN aa: lost.svc.test. 5 IN CNAME nope.svc.test. / soa svc.test. 5
			www.svc.test. ANY => NOERROR aa: www.svc.test. 5 IN CNAME web.svc.test.
			loop.svc.test. A => NOERROR aa: loop.svc.test. 5 IN CNAME pool.svc.test.; pool.svc.test. 5 IN CNAME loop.svc.test.`,
		test: aliasesInOrder,
	}, {
		id: "B11", rule: "SRV: priorities and weights, whole address sets of the targets", rfc: "2782; 2181 §10.3",
		choice: "lower priorities come first; weights are left to clients",
		exchanges: `
			ranks.svc.test. SRV => NOERROR aa: ranks.svc.test. 5 IN SRV 10 1 81 first.ranks.svc.test.; ranks.svc.test. 5 IN SRV 20 60000 82 second.ranks.svc.test. + first.ranks.svc.test. 5 IN A 10.0.1.1; second.ranks.svc.test. 5 IN A 10.0.1.2
			_gone._tcp.none.svc.test. SRV => NOERROR aa: _gone._tcp.none.svc.test. 5 IN SRV 0 0 0 .`,
		test: rankedTargets,
	}, {
		id: "B12", rule: "SRV records fit, the addresses of their targets do not: no TC", rfc: "2181 §9",
		over: "udp", test: addressesLeftOut,
	}, {
		id: "B13", rule: "an answer that does not fit: TC, whole records, OPT kept", rfc: "2181 §5, §9; 6891 §6.2.3; 8906 §8.2.7",
		over: "udp", test: cutAnswers,
	}, {
		id: "B14", rule: "the size of UDP replies", rfc: "6891 §6.2.3; 9715",
		choice: "never above 1232 octets, whatever the client takes",
		over:   "udp", test: sizes,
	}, {
		id: "B15", rule: "names in mixed case", rfc: "4343 §4.1; 6763",
		exchanges: `
			wEb.SVC.tesT. A => NOERROR aa: wEb.SVC.tesT. 5 IN A 10.0.0.7
			_HTTP._tcp.WEB.svc.test. SRV => NOERROR aa: _HTTP._tcp.WEB.svc.test. 5 IN SRV 0 0 8080 web-1.web.svc.test. + web-1.WEB.svc.test. 5 IN A 10.0.0.7; web-1.WEB.svc.test. 5 IN AAAA 2001:db8::7
			7.0.0.10.IN-addr.ARPA. PTR => NOERROR aa: 7.0.0.10.IN-addr.ARPA. 5 IN PTR web-1.web.svc.test.
			WWW.SVC.test. CNAME => NOERROR aa: WWW.SVC.test. 5 IN CNAME web.svc.test.
			_https._tcp.SVC.test. PTR => NOERROR aa: _https._tcp.SVC.test. 5 IN PTR secure-1\@secure._https._tcp.svc.test. + secure-1.secure.SVC.test. 5 IN A 10.0.0.13; secure-1\@secure._https._tcp.SVC.test. 5 IN SRV 0 0 8443 secure-1.secure.svc.test.; secure-1\@secure._https._tcp.SVC.test. 5 IN TXT ""
			NOPE.svc.TEST. A => NXDOMAIN aa / soa svc.TEST. 5`,
	}, {
		id: "B16", rule: "any octet in a label", rfc: "2181 §11; 6763 §4.1.3",
		exchanges: `
			\000.svc.test. A => NXDOMAIN aa / soa svc.test. 5
			\255\254.svc.test. A => NXDOMAIN aa / soa svc.test. 5
			Caf\195\169.svc.test. A => NXDOMAIN aa / soa svc.test. 5
			a\.b.svc.test. A => NXDOMAIN aa / soa svc.test. 5
			web\.svc.test. A => NXDOMAIN aa / soa test. 300
			_x_y.svc.test. SRV => NXDOMAIN aa / soa svc.test. 5
			*.svc.test. A => NXDOMAIN aa / soa svc.test. 5
			0.svc.test. A => NXDOMAIN aa / soa svc.test. 5
			_postgresql._tcp.svc.test. PTR => NOERROR aa: _postgresql._tcp.svc.test. 5 IN PTR db-1\@db\.shop._postgresql._tcp.svc.test. + db-1.db.shop.svc.test. 5 IN A 10.0.0.9; db-1\@db\.shop._postgresql._tcp.svc.test. 5 IN SRV 0 0 5432 db-1.db.shop.svc.test.; db-1\@db\.shop._postgresql._tcp.svc.test. 5 IN TXT ""
			db-1\@db\.shop._postgresql._tcp.svc.test. TXT => NOERROR aa: db-1\@db\.shop._postgresql._tcp.svc.test. 5 IN TXT ""
			\032.svc.test. A => NXDOMAIN aa / soa svc.test. 5`,
	}, {
		id: "B17", rule: "each of several addresses and targets comes first as often", rfc: "1794",
		choice: "SRV: within the lowest priority (decision 0006)",
		test:   shuffled,
	}, {
		id: "B18", rule: "one TTL for each set, from configuration, and never beyond the lease", rfc: "2181 §5.2, §8",
		exchanges: `
			mixed.svc.test. A => NOERROR aa: mixed.svc.test. 7 IN A 10.0.0.20; mixed.svc.test. 7 IN A 10.0.0.21
			long.mixed.svc.test. A => NOERROR aa: long.mixed.svc.test. 9 IN A 10.0.0.21`,
		test: leaseEndsTTL,
	}, {
		id: "B19", rule: "a service of which no instance is up", rfc: "2308 §2.2",
		choice: "NODATA while an instance is registered, then NXDOMAIN",
		exchanges: `
			down.svc.test. A => NOERROR aa / soa svc.test. 5
			down.svc.test. SRV => NOERROR aa / soa svc.test. 5
			down-1.down.svc.test. A => NOERROR aa / soa svc.test. 5
			_http._tcp.down.svc.test. SRV => NOERROR aa / soa svc.test. 5`,
		test: comesAndGoes,
	}, {
		id: "B20", rule: "before the sources have reported", rfc: "8914 §4.15",
		test: notReady,
	}, {
		id: "B21", rule: "HTTPS records of ports that say what they speak", rfc: "9460 §2.3, §7, §9",
		exchanges: `
			secure.svc.test. HTTPS => NOERROR aa: secure.svc.test. 5 IN HTTPS 1 secure-1.secure.svc.test. alpn="h2" no-default-alpn="" port="8443" ipv4hint="10.0.0.13" + secure-1.secure.svc.test. 5 IN A 10.0.0.13
			_8443._https.secure.svc.test. HTTPS +edns => NOERROR aa: _8443._https.secure.svc.test. 5 IN HTTPS 1 secure-1.secure.svc.test. alpn="h2" no-default-alpn="" port="8443" ipv4hint="10.0.0.13" + secure-1.secure.svc.test. 5 IN A 10.0.0.13 [edns0 1232]
			secure.svc.test. SVCB => NOERROR aa / soa svc.test. 5
			web.svc.test. HTTPS => NOERROR aa / soa svc.test. 5
			nope.svc.test. HTTPS => NXDOMAIN aa / soa svc.test. 5`,
	},
}
