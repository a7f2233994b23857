package conformance

import (
	"strings"
	"testing"
)

// What is decided before any name is looked up.
var admissionRows = []row{
	{
		id: "A1", rule: "shorter than a header", rfc: "1035 §4.1.1",
		exchanges: `
			hex => nothing
			hex 00 => nothing
			hex 0000 0100 0001 0000 0000 00 => nothing`,
	}, {
		id: "A2", rule: "a reply, or a query from port 0 or from the server itself", rfc: "1035 §4.1.1",
		choice: "a query from another socket of the server is answered, and the answer ends the loop: it is a reply",
		exchanges: `
			web.svc.test. A +qr => nothing
			web.svc.test. A +qr +opcode=5 +rcode=5 => nothing
			+qr => nothing
			hex 0000 8180 0001 0001 0000 0000 c00c c00c => nothing`,
		test: loops,
	}, {
		id: "A3", rule: "unknown opcodes, header only and with flags", rfc: "8906 §3.1.4, §8.1.4",
		exchanges: `
			+opcode=15 => NOTIMP opcode=15 no-question
			+opcode=3 => NOTIMP opcode=3 no-question
			+opcode=7 +aa +tc +rd +ra +z +ad +cd +rcode=15 => NOTIMP opcode=7 no-question
			web.svc.test. A +opcode=15 +rd +edns => NOTIMP opcode=15 no-question`,
	}, {
		id: "A4", rule: "IQUERY, STATUS, NOTIFY, UPDATE, DSO", rfc: "1996; 2136; 8490 §5.1.1",
		exchanges: `
			web.svc.test. A +opcode=1 => NOTIMP opcode=1 no-question
			web.svc.test. A +opcode=2 => NOTIMP opcode=2 no-question
			svc.test. SOA +opcode=4 +aa => NOTIMP opcode=4 no-question
			svc.test. SOA +opcode=5 => NOTIMP opcode=5 no-question
			+opcode=6 => NOTIMP opcode=6 no-question
			+opcode=6 +tail=00010004000000ff => NOTIMP opcode=6 no-question`,
	}, {
		id: "A5", rule: "more than one question", rfc: "9619 §4",
		exchanges: `
			web.svc.test. A +q=v4.svc.test.,A => FORMERR no-question
			web.svc.test. A +q=web.svc.test.,AAAA +rd +edns => FORMERR rd no-question
			web.svc.test. A +counts=2,0,0,0 => FORMERR no-question
			web.svc.test. A +counts=65535,0,0,0 => FORMERR no-question`,
	}, {
		id: "A6", rule: "no question", rfc: "7873 §5.4",
		exchanges: `
			+rd => FORMERR rd no-question
			+edns => FORMERR no-question [edns0 1232]
			+opt=10:2464c4abcf10c957 => NOERROR no-question [edns0 1232 cookie=2464c4abcf10c957+16]
			+opt=10:2464c4abcf10c957010000005cf79f111f8130c3eee29480 => BADCOOKIE no-question [edns0 1232 cookie=2464c4abcf10c957+16]`,
	}, {
		id: "A7", rule: "two OPT records, one that is not the root's, one outside Additional", rfc: "6891 §6.1.1-2",
		exchanges: `
			web.svc.test. A +edns +opt2 => FORMERR [edns0 1232]
			web.svc.test. A +ar=0161000029100000000000000000 => FORMERR
			web.svc.test. A +ns=000029100000000000000000 => FORMERR
			web.svc.test. A +an=000029100000000000000000 => FORMERR no-question`,
	}, {
		id: "A8", rule: "another EDNS version, with flags, options, DO", rfc: "6891 §6.1.3; 8906 §8.2.2, 5, 6, 9",
		exchanges: `
			web.svc.test. A +version=1 => BADVERS [edns0 1232]
			web.svc.test. A +version=255 +do => BADVERS [edns0 1232 do]
			web.svc.test. A +version=1 +ednsflags=0040 => BADVERS [edns0 1232]
			web.svc.test. A +version=1 +opt=100:beef => BADVERS [edns0 1232]
			web.svc.test. A +version=1 +opt=10:00 => BADVERS [edns0 1232]
			svc.test. SOA +version=1 +rd => BADVERS rd [edns0 1232]`,
	}, {
		id: "A9", rule: "unknown EDNS options and flags", rfc: "6891 §6.1.2, 4; 8906 §8.2.3-4",
		exchanges: `
			v4.svc.test. A +opt=100 => NOERROR aa: v4.svc.test. 5 IN A 10.0.0.8 [edns0 1232]
			v4.svc.test. A +opt=100:beef +opt=65535:00 => NOERROR aa: v4.svc.test. 5 IN A 10.0.0.8 [edns0 1232]
			v4.svc.test. A +ednsflags=0040 => NOERROR aa: v4.svc.test. 5 IN A 10.0.0.8 [edns0 1232]
			v4.svc.test. A +ednsflags=7fff => NOERROR aa: v4.svc.test. 5 IN A 10.0.0.8 [edns0 1232]
			v4.svc.test. A +opt=100:beef +do => NOERROR aa: v4.svc.test. 5 IN A 10.0.0.8 [edns0 1232 do]`,
	}, {
		id: "A10", rule: "NSID, COOKIE, ECS and EXPIRE together", rfc: "8906 §8.2.10; 5001; 7873",
		flags: "--nsid ns1",
		exchanges: `
			v4.svc.test. A +opt=3 +opt=10:2464c4abcf10c957 +opt=8:0001180008c633 +opt=9 => NOERROR aa: v4.svc.test. 5 IN A 10.0.0.8 [edns0 1232 nsid=ns1 cookie=2464c4abcf10c957+16]
			v4.svc.test. A +opt=3 => NOERROR aa: v4.svc.test. 5 IN A 10.0.0.8 [edns0 1232 nsid=ns1]
			v4.svc.test. A +edns => NOERROR aa: v4.svc.test. 5 IN A 10.0.0.8 [edns0 1232]`,
	}, {
		id: "A11", rule: "flags that a query should not have", rfc: "8906 §8.1.3; 4035 §3.1.6, §3.2.2",
		exchanges: `
			v4.svc.test. A +z => NOERROR aa: v4.svc.test. 5 IN A 10.0.0.8
			v4.svc.test. A +aa +tc +ra +ad => NOERROR aa: v4.svc.test. 5 IN A 10.0.0.8
			v4.svc.test. A +rd +cd => NOERROR aa rd cd: v4.svc.test. 5 IN A 10.0.0.8
			v4.svc.test. A +rcode=15 => NOERROR aa: v4.svc.test. 5 IN A 10.0.0.8`,
	}, {
		id: "A12", rule: "names and records that cannot be parsed", rfc: "1035 §4.1.4; 9267 §2-3",
		choice: "the question is repeated when it was whole; errors beyond 1,000 a second for each source are not sent (E4)",
		exchanges: `
			hex 0000 0100 0001 0000 0000 0000 => FORMERR rd no-question
			hex 0000 0100 0001 0000 0000 0000 0377656200 => FORMERR rd no-question
			hex 0000 0000 0001 0000 0000 0000 c00c 0001 0001 => FORMERR no-question
			hex 0000 0000 0001 0000 0000 0000 03777765 c00c 0001 0001 => FORMERR no-question
			hex 0000 0000 0001 0000 0000 0000 c012 0001 0001 0000 => FORMERR no-question
			hex 0000 0000 0001 0000 0000 0000 40 0001 0001 => FORMERR no-question
			hex 0000 0000 0001 0000 0000 0000 80 0001 0001 => FORMERR no-question
			hex 0000 0000 0001 0000 0000 0000 41000203 00 0001 0001 => FORMERR no-question
			web.svc.test. A +counts=1,0,0,1 => FORMERR
			web.svc.test. A +counts=1,1,0,0 => FORMERR no-question
			web.svc.test. A +counts=1,0,0,65535 => FORMERR no-question
			web.svc.test. A +ar=c00c00010001000000050004 => FORMERR
			web.svc.test. A +opt=100:beef +counts=1,0,0,2 => FORMERR [edns0 1232]`,
		test: longNames,
	}, {
		id: "A13", rule: "octets behind the last record", rfc: "–",
		choice: "FORMERR, as BIND has it",
		exchanges: `
			web.svc.test. A +tail=00 => FORMERR
			web.svc.test. A +edns +tail=000029100000000000000000 => FORMERR [edns0 1232]`,
	}, {
		id: "A14", rule: "class CH, with a name to tell and without", rfc: "4892; 5001",
		choice: "`id.server` and `hostname.bind` tell the name of `--nsid`; a version is never told",
		flags:  "--nsid ns1",
		exchanges: `
			id.server. TXT +class=CH => NOERROR aa: id.server. 0 CH TXT "ns1"
			HOSTNAME.bind. TXT +class=CH => NOERROR aa: HOSTNAME.bind. 0 CH TXT "ns1"
			id.server. A +class=CH => REFUSED
			version.bind. TXT +class=CH => REFUSED
			version.server. TXT +class=CH => REFUSED
			web.svc.test. A +class=CH => REFUSED`,
	}, {
		id: "A14b", rule: "class CH without a name to tell", rfc: "4892",
		exchanges: `
			id.server. TXT +class=CH => REFUSED
			hostname.bind. TXT +class=CH => REFUSED
			version.bind. TXT +class=CH => REFUSED`,
	}, {
		id: "A15", rule: "classes HS, NONE, ANY and unknown ones", rfc: "1035 §3.2.4-5",
		exchanges: `
			web.svc.test. A +class=HS => REFUSED
			web.svc.test. A +class=NONE => REFUSED
			web.svc.test. A +class=ANY => REFUSED
			web.svc.test. A +class=0 => REFUSED
			web.svc.test. A +class=65535 +edns => REFUSED [edns0 1232 ede=21]`,
	}, {
		id: "A16", rule: "types OPT and NXNAME", rfc: "9824 §3.5; 6891",
		exchanges: `
			web.svc.test. OPT => FORMERR
			web.svc.test. TYPE128 +edns => FORMERR [edns0 1232 ede=30]
			web.svc.test. TYPE128 => FORMERR
			x.example. TYPE128 +edns => FORMERR [edns0 1232 ede=30]`,
	}, {
		id: "A17", rule: "types MAILA, MAILB, TSIG, TKEY; AXFR and IXFR", rfc: "8906 §7; 5936",
		choice: "other meta-types too; transfers are REFUSED",
		exchanges: `
			web.svc.test. MAILA => NOTIMP
			web.svc.test. MAILB => NOTIMP
			web.svc.test. TSIG => NOTIMP
			x.example. TKEY +edns => NOTIMP [edns0 1232 ede=21]
			web.svc.test. TYPE129 => NOTIMP
			web.svc.test. TYPE254 => NOTIMP
			svc.test. AXFR => REFUSED
			svc.test. IXFR => REFUSED`,
	}, {
		id: "A18", rule: "unknown types", rfc: "8906 §8.1.2; 3597",
		exchanges: `
			web.svc.test. TYPE1000 => NOERROR aa / soa svc.test. 5
			web.svc.test. TYPE65280 +edns => NOERROR aa / soa svc.test. 5 [edns0 1232]
			web.svc.test. TYPE0 => NOERROR aa / soa svc.test. 5
			nope.svc.test. TYPE1000 => NXDOMAIN aa / soa svc.test. 5`,
	}, {
		id: "A19", rule: "cookies of impossible lengths", rfc: "7873 §5.2.2",
		exchanges: `
			v4.svc.test. A +opt=10 => FORMERR [edns0 1232]
			v4.svc.test. A +opt=10:24 => FORMERR [edns0 1232]
			v4.svc.test. A +opt=10:2464c4abcf10c9 => FORMERR [edns0 1232]
			v4.svc.test. A +opt=10:2464c4abcf10c95701 => FORMERR [edns0 1232]
			v4.svc.test. A +opt=10:2464c4abcf10c95701020304050607 => FORMERR [edns0 1232]
			v4.svc.test. A +opt=10:2464c4abcf10c9570102030405060708 => NOERROR aa: v4.svc.test. 5 IN A 10.0.0.8 [edns0 1232 cookie=2464c4abcf10c957+16]
			v4.svc.test. A +opt=10:2464c4abcf10c957000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f => NOERROR aa: v4.svc.test. 5 IN A 10.0.0.8 [edns0 1232 cookie=2464c4abcf10c957+16]
			v4.svc.test. A +opt=10:2464c4abcf10c957000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20 => FORMERR [edns0 1232]`,
	},
}

// longNames asks names at the limit of 255 octets, and beyond it.
func longNames(t *testing.T, at place) {
	w := dial(t, at.path)
	label := "3f" + strings.Repeat("61", 63)
	for _, tt := range []struct{ tail, want string }{
		{"3d" + strings.Repeat("61", 61) + "00", "REFUSED"},
		{"3e" + strings.Repeat("61", 62) + "00", "FORMERR no-question"},
		{label + "00", "FORMERR no-question"},
	} {
		query := "hex 0000 0000 0001 0000 0000 0000" + strings.Repeat(label, 3) + tt.tail + "0001 0001"
		if got := w.ask(query); got != tt.want {
			t.Errorf("ask %s\n got %s\nwant %s", query, got, tt.want)
		}
	}
}
