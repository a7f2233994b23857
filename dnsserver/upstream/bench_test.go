package upstream

import (
	"context"
	"crypto/tls"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/rollcall-dns/rollcall/dnsserver/upstream/upstreamtest"
)

// echo answers each query at once with the same records, in as few instructions as may
// be: what is measured is the client.
func echo(b *testing.B) Addr {
	b.Helper()
	u, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		b.Fatal(err)
	}
	m := upstreamtest.Answer(question(b, "www.example.com. A"),
		"www.example.com. 60 IN CNAME web.example.com.", "web.example.com. 60 IN A 192.0.2.1", "web.example.com. 60 IN A 192.0.2.2")
	m.Compress = true
	wire, err := m.Pack()
	if err != nil {
		b.Fatal(err)
	}
	question := len("\x03www\x07example\x03com\x00") + 4
	done := make(chan struct{})
	go func() {
		defer close(done)
		in, out := make([]byte, maxUDP), append([]byte(nil), wire...)
		for {
			_, from, err := u.ReadFromUDPAddrPort(in)
			if err != nil {
				return
			}
			copy(out[:2], in)
			copy(out[headerLen:headerLen+question], in[headerLen:])
			u.WriteToUDPAddrPort(out, from)
		}
	}()
	b.Cleanup(func() {
		u.Close()
		<-done
	})
	return mustAddr(b, u.LocalAddr().String())
}

// reportCPU counts the time of processors, which other load does not lengthen, of client
// and server together.
func reportCPU(b *testing.B) func() {
	used := func() int64 {
		var r syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
			b.Fatal(err)
		}
		return r.Utime.Nano() + r.Stime.Nano()
	}
	before := used()
	return func() { b.ReportMetric(float64(used()-before)/float64(b.N), "cpu-ns/op") }
}

// BenchmarkExchange asks over UDP, one question after the other.
func BenchmarkExchange(b *testing.B) {
	asked := question(b, "www.example.com. A").SetEdns0(offerUDP, false)
	b.Run("rollcall", func(b *testing.B) {
		a, c := echo(b), newClient(b, Options{})
		ctx, cancel := context.WithTimeout(b.Context(), time.Hour)
		defer cancel()
		b.ReportAllocs()
		defer reportCPU(b)()
		for b.Loop() {
			if m, err := c.Exchange(ctx, a, asked); err != nil || len(m.Answer) != 3 {
				b.Fatal(m, err)
			}
		}
	})
	b.Run("miekg", func(b *testing.B) {
		to, c := echo(b).String(), new(dns.Client)
		ctx, cancel := context.WithTimeout(b.Context(), time.Hour)
		defer cancel()
		b.ReportAllocs()
		defer reportCPU(b)()
		for b.Loop() {
			if m, _, err := c.ExchangeContext(ctx, asked, to); err != nil || len(m.Answer) != 3 {
				b.Fatal(m, err)
			}
		}
	})
}

// BenchmarkExchangeTLS asks over a connection that is open, one question after the other.
func BenchmarkExchangeTLS(b *testing.B) {
	asked := question(b, "web.example. A").SetEdns0(offerUDP, false)
	b.Run("rollcall", func(b *testing.B) {
		s := upstreamtest.Start(b, web)
		a, c := mustAddr(b, s.TLSAddr()), newClient(b, Options{RootCAs: s.RootCAs()})
		b.ReportAllocs()
		defer reportCPU(b)()
		for b.Loop() {
			if m, err := c.Exchange(b.Context(), a, asked); err != nil || len(m.Answer) != 1 {
				b.Fatal(m, err)
			}
		}
	})
	b.Run("miekg", func(b *testing.B) {
		s := upstreamtest.Start(b, web)
		a := mustAddr(b, s.TLSAddr())
		c := &dns.Client{Net: "tcp-tls", TLSConfig: &tls.Config{RootCAs: s.RootCAs(), ServerName: a.verifyName()}}
		conn, err := c.Dial(a.AddrPort().String())
		if err != nil {
			b.Fatal(err)
		}
		defer conn.Close()
		b.ReportAllocs()
		defer reportCPU(b)()
		for b.Loop() {
			if m, _, err := c.ExchangeWithConnContext(b.Context(), asked, conn); err != nil || len(m.Answer) != 1 {
				b.Fatal(m, err)
			}
		}
	})
}
