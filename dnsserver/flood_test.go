package dnsserver

import (
	"context"
	"crypto/tls"
	"encoding/base64"
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
	for _, over := range []Transport{TCP, TLS, HTTPS} {
		t.Run(fmt.Sprint(over), func(t *testing.T) { connectionsThatDoNothing(t, over) })
	}
}

func connectionsThatDoNothing(t *testing.T, over Transport) {
	const most = 20
	text := slices.Repeat([]string{strings.Repeat("x", 255)}, 200)
	long := handlerFunc(func(context.Context, *Query) (*dns.Msg, error) {
		h := dns.RR_Header{Name: "long.example.", Rrtype: dns.TypeTXT, Class: dns.ClassINET}
		return &dns.Msg{Answer: []dns.RR{&dns.TXT{Hdr: h, Txt: text}}}, nil
	})
	h := Authority(newZone(t), always, sinceStart, long)
	o := Options{Handler: h, MaxConns: most, MaxConnsPerIP: 5, IdleTimeout: time.Minute, WriteTimeout: 200 * time.Millisecond}
	o.encrypted("127.0.0.1:0")
	s := serve(t, o, "127.0.0.1:0")
	to := s.AddrsOf(over)[0]
	udp := dial(t, "udp", s.Addrs()[0])
	quiet := latency(t, udp)

	ask := query("long.example. TXT")
	msg := framed(ask)
	if over == HTTPS {
		msg = []byte("GET " + HTTPSPath + "?dns=" + base64.RawURLEncoding.EncodeToString(ask) + " HTTP/1.1\r\nHost: x\r\n\r\n")
	}
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
		c, err := dialQuietly(fmt.Sprintf("127.1.%d.%d", i/250%250, 1+i%250), to)
		if err != nil {
			continue // refused while it was opened
		}
		open = append(open, c)
		switch i % 40 {
		case 1:
			wg.Go(func() { dripInto(ctx, c) })
		case 2:
			_ = c.(*net.TCPConn).SetReadBuffer(4 << 10)
			if over != TCP {
				c = tls.Client(c, trusting())
			}
			wg.Go(func() { askWithoutReading(ctx, c, msg) })
		case 3:
			if over != TCP { // else it is silent, as most are
				wg.Go(func() { _ = tls.Client(c, trusting()).HandshakeContext(ctx) })
			}
		}
		if n := s.Stats().Connections; n > most {
			t.Fatalf("%d connections, where %d may be", n, most)
		}
	}
	t.Logf("UDP, median and 99 of 100: %v alone, %v beside %d connections", quiet, latency(t, udp), len(open))
	if over == TCP {
		waitFor(t, "a new connection to be served", func() bool { return !refused(t, to) })
	} else if w := dial(t, map[Transport]string{TLS: "tls", HTTPS: "https"}[over], to); !answered(w) {
		t.Error("a new connection is not served")
	}
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
	for {
		if _, err := c.Write(msg); err != nil {
			return
		}
	}
}
