package cache

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/rollcall-dns/rollcall/dnsserver"
)

// FuzzWire stores what upstream could send, and compares what is given back with it: all
// records are there, in their sections, with TTLs that are less by the age, or less yet
// where a limit or the rest of their set says so.
func FuzzWire(f *testing.F) {
	for _, m := range []*dns.Msg{
		messageOf(f, "a.example. A", "NOERROR", "an a.example. 300 CNAME b.example.", "an b.example. 10 A 192.0.2.1", "an b.example. 20 A 192.0.2.2"),
		messageOf(f, "a.example. MX", "NOERROR ad opt", "an A.example. 60 MX 5 m.example.", "ns example. 50 NS ns.example.", "ar m.example. 40 A 192.0.2.1", "ar m.example. 40 AAAA ::1"),
		messageOf(f, "a.example. A", "NXDOMAIN", "ns "+soaOf("900", "60")),
		messageOf(f, ". ANY", "NOERROR", "an . 60 NS a.root.", "an . 60 TXT \"\" \"a\"", "an . 60 TYPE65280 \\# 2 0102"),
	} {
		b, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, uint16(3))
	}
	f.Fuzz(func(t *testing.T, b []byte, age uint16) {
		m := new(dns.Msg)
		if m.Unpack(b) != nil || len(m.Question) != 1 {
			return
		}
		q := dnsserver.Query{Type: m.Question[0].Qtype, Class: m.Question[0].Qclass, Transport: dnsserver.TCP}
		q.EDNS.DO, q.EDNS.Present = true, true
		name := make([]byte, maxName)
		n, err := dns.PackDomainName(m.Question[0].Name, name, 0, nil, false)
		var k key
		if q.Name = name[:n]; err != nil || !k.set(&q) {
			return
		}
		c, clock := newCache(t, new(origin), Options{})
		c.learn(&k, m)
		clock.advance(time.Duration(age) * time.Second)
		var r dnsserver.Reply
		r.Reset(&q)
		if !c.Direct(&q, &r) {
			return
		}
		got := new(dns.Msg)
		if err := got.Unpack(r.Octets()); err != nil {
			t.Fatalf("%v\n%v", err, m)
		}
		if got.Truncated {
			return // with names uncompressed it is too long
		}
		if got.Rcode != m.Rcode || got.AuthenticatedData != m.AuthenticatedData || got.Authoritative {
			t.Fatalf("got %v\nof %v", got, m)
		}
		sameRecords(t, got.Answer, m.Answer, age)
		sameRecords(t, got.Ns, m.Ns, age)
		if len(got.Extra) > 1 { // whole sets may have had no room
			sameRecords(t, got.Extra, m.Extra, age)
		}
	})
}

func sameRecords(t *testing.T, got, want []dns.RR, age uint16) {
	t.Helper()
	of := func(rrs []dns.RR) (data []string, least uint32) {
		least = maxTTL
		for _, rr := range rrs {
			if rr.Header().Rrtype == dns.TypeOPT {
				continue
			}
			c := dns.Copy(rr)
			c.Header().Ttl, c.Header().Rdlength = 0, 0
			c.Header().Name = dns.CanonicalName(c.Header().Name)
			data = append(data, fmt.Sprint(c))
			least = min(least, rr.Header().Ttl)
		}
		slices.Sort(data)
		return data, least
	}
	has, left := of(got)
	had, ttl := of(want)
	if !slices.Equal(has, had) {
		t.Fatalf("got %q\nof %q", has, had)
	}
	if len(has) > 0 && left+uint32(age) > ttl {
		t.Fatalf("TTL %d after %d s is %d", ttl, age, left)
	}
}
