package dnsserver

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"testing"

	"github.com/rollcall-dns/rollcall/zone"
)

// BenchmarkRespond is the way from a query to its reply, without sockets.
func BenchmarkRespond(b *testing.B) {
	z := newZone(b)
	crowd(b, z, "crowd", 10, 1)
	crowd(b, z, "many", 5000, 1)
	h := authorityOf(z)
	for _, q := range []struct {
		name, ask string
		transport Transport
	}{
		{"A", "web.svc.test. A", UDP},
		{"SRV with addresses", "_http._tcp.web.svc.test. SRV +edns=1232", UDP},
		{"SRV of ten", "crowd.svc.test. SRV +edns=1232", UDP},
		{"A of 5000, cut", "many.svc.test. A +edns=1232", UDP},
		{"A of 5000, TCP", "many.svc.test. A", TCP},
		{"NXDOMAIN", "nope.svc.test. A +edns=1232", UDP},
		{"refused", "www.example.com. A", UDP},
		{"malformed", "", UDP},
	} {
		b.Run(q.name, func(b *testing.B) {
			msg := message(0, "0000")
			if q.ask != "" {
				msg = query(q.ask)
			}
			r := responder{handler: h, log: &limitedLog{log: slog.New(slog.DiscardHandler)}, n: new(counters)}
			from, local := netip.MustParseAddrPort("192.0.2.1:1234"), netip.MustParseAddrPort("198.51.100.1:53")
			var out []byte
			b.ReportAllocs()
			for b.Loop() {
				r.q = Query{From: from, Local: local, Transport: q.transport}
				out, _ = r.respond(context.Background(), msg, out[:0])
			}
			b.ReportMetric(float64(len(out)), "octets/reply")
		})
	}
}

// BenchmarkAdmit is what a malformed or foreign query costs at least.
func BenchmarkAdmit(b *testing.B) {
	msg := query("_http._tcp.web.svc.test. SRV +edns=1232")
	from := netip.MustParseAddrPort("192.0.2.1:1234")
	q := new(Query)
	b.ReportAllocs()
	for b.Loop() {
		*q = Query{From: from}
		if err := q.admit(msg); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkUDP is one asker that waits for each reply: the cost of sockets.
func BenchmarkUDP(b *testing.B) {
	s := serve(b, Options{Handler: authorityOf(newZone(b))}, "127.0.0.1:0")
	c, err := net.Dial("udp", s.Addrs()[0].String())
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	msg, in := query("web.svc.test. A"), make([]byte, 512)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Write(msg); err != nil {
			b.Fatal(err)
		}
		if _, err := c.Read(in); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkNetworks is the way from a query to its reply where the answer depends on who
// asks: no network is known, or there are 64 with askers in all of them, and each instance
// is on one, or on all. What an answer holds is the same.
func BenchmarkNetworks(b *testing.B) {
	for _, w := range []struct {
		name           string
		networks, each int
	}{{"none", 0, 0}, {"each on one of 64", 64, 1}, {"each on 64 of 64", 64, 64}} {
		z := newZone(b)
		connected(b, z, w.networks, w.each)
		for _, typ := range []string{"A", "SRV"} {
			b.Run(w.name+"/"+typ, func(b *testing.B) { askFromAll(b, z, typ) })
		}
	}
}

const (
	membersThere  = 3 // of each service
	servicesThere = 64 * 16
	askersThere   = 64
)

// connected puts services into a zone whose instances are on some of the networks, or
// reachable from anywhere where there is none. Service s is on network s modulo 64.
func connected(b *testing.B, z *zone.Zone, networks, each int) {
	c := zone.Change{Source: "test"}
	for n := range networks {
		c.Networks = append(c.Networks, zone.Network{Name: fmt.Sprint("n", n), Prefixes: []netip.Prefix{netip.PrefixFrom(askerIn(n), 24).Masked()}})
	}
	for i := range servicesThere * membersThere {
		s := i / membersThere
		in := instance(fmt.Sprint("s", s), fmt.Sprint("i", i), "", zone.Port{Number: 80})
		for n := range max(1, each) {
			e := zone.Endpoint{Addr: netip.AddrFrom4([4]byte{172, byte(n), byte(i >> 8), byte(i)}), Ports: []zone.Port{{Number: 80}}}
			if networks > 0 {
				e.Network = fmt.Sprint("n", (s+n)%networks)
			}
			in.Endpoints = append(in.Endpoints, e)
		}
		c.Put = append(c.Put, in)
	}
	if r := z.Apply(c); len(r.Rejected) > 0 {
		b.Fatal(r.Rejected[0].Err)
	}
}

func askerIn(network int) netip.Addr { return netip.AddrFrom4([4]byte{10, 1, byte(network), 2}) }

// askFromAll asks for one service after the other, each from where it is.
func askFromAll(b *testing.B, z *zone.Zone, typ string) {
	r := responder{handler: authorityOf(z), log: &limitedLog{log: slog.New(slog.DiscardHandler)}, n: new(counters)}
	var msgs [][]byte
	for i := range servicesThere {
		msgs = append(msgs, query(fmt.Sprintf("s%d.svc.test. %s", i, typ)))
	}
	local := netip.MustParseAddrPort("198.51.100.1:53")
	var out []byte
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		r.q = Query{From: netip.AddrPortFrom(askerIn(i%askersThere), 1234), Local: local, Transport: UDP}
		out, _ = r.respond(context.Background(), msgs[i%len(msgs)], out[:0])
		if out[7] != membersThere {
			b.Fatalf("%d answers", out[7])
		}
	}
}
