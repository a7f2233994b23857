package dnsserver

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

var floodConns = flag.Int("conns", 200, "TCP connections of TestConnectionsThatDoNothing")

// C4 and C6: connections that are idle, that send an octet now and then, and that never
// read take no more than their places, which are freed for others; and UDP goes on.
func TestConnectionsThatDoNothing(t *testing.T) {
	const most = 20
	text := slices.Repeat([]string{strings.Repeat("x", 255)}, 200)
	long := handlerFunc(func(context.Context, *Query) (*dns.Msg, error) {
		h := dns.RR_Header{Name: "long.example.", Rrtype: dns.TypeTXT, Class: dns.ClassINET}
		return &dns.Msg{Answer: []dns.RR{&dns.TXT{Hdr: h, Txt: text}}}, nil
	})
	h := Authority(newZone(t), always, sinceStart, long)
	s := serve(t, Options{Handler: h, MaxConns: most, MaxConnsPerIP: 5, IdleTimeout: time.Minute, WriteTimeout: 200 * time.Millisecond}, "127.0.0.1:0")
	udp := dial(t, "udp", s.Addrs()[0])
	quiet := latency(t, udp)

	msg := framed(query("long.example. TXT"))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var wg sync.WaitGroup
	defer wg.Wait()
	var open []net.Conn
	defer func() {
		for _, c := range open {
			c.Close()
		}
	}()
	for i := range *floodConns {
		c, err := dialQuietly(fmt.Sprintf("127.1.%d.%d", i/250%250, 1+i%250), s.Addrs()[0])
		if err != nil {
			continue // refused while it was opened
		}
		open = append(open, c)
		switch i % 40 {
		case 1:
			wg.Go(func() { dripInto(ctx, c) })
		case 2:
			wg.Go(func() { askWithoutReading(ctx, c, msg) })
		}
		if n := s.Stats().Connections; n > most {
			t.Fatalf("%d connections, where %d may be", n, most)
		}
	}
	t.Logf("UDP, median and 99 of 100: %v alone, %v beside %d connections", quiet, latency(t, udp), len(open))
	waitFor(t, "a new connection to be served", func() bool { return !refused(t, s.Addrs()[0]) })
	if st := s.Stats(); st.Evicted == 0 || st.Panics != 0 {
		t.Errorf("stats %+v", st)
	}
	cancel()
}

// latency asks over and over; each question is answered.
func latency(t *testing.T, w *wire) [2]time.Duration {
	t.Helper()
	check(t, w.SetDeadline(time.Now().Add(time.Minute)))
	var took []time.Duration
	for range 1000 {
		msg, began := query("web.svc.test. A"), time.Now()
		w.send(msg)
		checkEcho(t, msg, w.receive())
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	return [2]time.Duration{took[len(took)/2], took[len(took)*99/100]}
}

func dialQuietly(from string, to netip.AddrPort) (net.Conn, error) {
	d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(from), 0)), Timeout: patience}
	return d.Dial("tcp", to.String())
}

// dripInto sends a message octet by octet, for as long as it may.
func dripInto(ctx context.Context, c net.Conn) {
	for _, b := range framed(make([]byte, 1000)) {
		pause(ctx, 10*time.Millisecond)
		if _, err := c.Write([]byte{b}); err != nil || ctx.Err() != nil {
			return
		}
	}
}

// askWithoutReading asks for long answers, for as long as it may.
func askWithoutReading(ctx context.Context, c net.Conn, msg []byte) {
	defer context.AfterFunc(ctx, func() { c.Close() })()
	_ = c.(*net.TCPConn).SetReadBuffer(4 << 10)
	for {
		if _, err := c.Write(msg); err != nil {
			return
		}
	}
}
