// Package zonetest states zones and answers as DNS text, for tests.
package zonetest

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/rollcall-dns/rollcall/zone"
)

// Answerer is what can be asked: a Zone, through its newest snapshot.
type Answerer interface{ Snapshot() *zone.Snapshot }

// Ask puts the question "NAME TYPE [from ADDR] [at NANOSECONDS]" and gives the
// answer as sorted records, joined by "; ", with " + " before those of the
// additional section. A negative answer is "NODATA" or "NXDOMAIN", followed by the
// CNAME records that led there, or "REFUSED"; one that was cut ends in " CUT".
func Ask(t testing.TB, z Answerer, question string) string {
	t.Helper()
	f := strings.Fields(question)
	if len(f) < 2 || len(f)%2 != 0 {
		t.Fatalf("question %q is not NAME TYPE [from ADDR] [at NS]", question)
	}
	s := z.Snapshot()
	q := zone.Question{Name: Wire(t, f[0]), Type: dns.StringToType[f[1]]}
	for i := 2; i < len(f); i += 2 {
		switch f[i] {
		case "from":
			q.View = s.View(netip.MustParseAddr(f[i+1]))
		case "at":
			fmt.Sscan(f[i+1], &q.Now)
		default:
			t.Fatalf("question %q: what is %q?", question, f[i])
		}
	}
	var a zone.Answer
	s.Lookup(&q, &a)
	return Text(t, f[0], &a)
}

// Text gives an answer to a question about name as Ask does.
func Text(t testing.TB, name string, a *zone.Answer) string {
	t.Helper()
	out := section(t, a.Answer, Wire(t, name), a.Apex)
	switch a.Code {
	case zone.NotZone:
		return "REFUSED"
	case zone.NoData:
		return strings.TrimSpace("NODATA " + out)
	case zone.NXDomain:
		return strings.TrimSpace("NXDOMAIN " + out)
	}
	if len(a.Additional) > 0 {
		out += " + " + section(t, a.Additional, nil, a.Apex)
	}
	if a.Cut {
		out += " CUT"
	}
	return out
}

// Wire is a name in wire form, in the case in which it is written.
func Wire(t testing.TB, name string) []byte {
	t.Helper()
	b := make([]byte, 256)
	n, err := dns.PackDomainName(dns.Fqdn(name), b, 0, nil, false)
	if err != nil {
		t.Fatalf("name %q: %v", name, err)
	}
	return b[:n]
}

func section(t testing.TB, records []zone.Record, owner []byte, apex zone.Name) string {
	t.Helper()
	var lines []string
	for i := range records {
		o := records[i].AppendOwner(nil, apex)
		if len(o) == 0 {
			o = owner
		}
		lines = append(lines, Line(t, o, &records[i]))
	}
	slices.Sort(lines)
	return strings.Join(lines, "; ")
}

// Line is one record as a zone file has it, with single spaces. It is read back
// by a DNS library, so that what is malformed fails the test.
func Line(t testing.TB, owner []byte, r *zone.Record) string {
	t.Helper()
	wire := append([]byte{}, owner...)
	n := r.RdataLen()
	wire = append(wire, byte(r.Type>>8), byte(r.Type), 0, 1,
		byte(r.TTL>>24), byte(r.TTL>>16), byte(r.TTL>>8), byte(r.TTL), byte(n>>8), byte(n))
	wire = r.AppendRdata(wire)
	rr, end, err := dns.UnpackRR(wire, 0)
	if err != nil || end != len(wire) {
		t.Fatalf("record %x is malformed: read %d of %d octets: %v", wire, end, len(wire), err)
	}
	return strings.Join(strings.Fields(rr.String()), " ")
}
