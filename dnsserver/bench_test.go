package dnsserver

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"testing"
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
