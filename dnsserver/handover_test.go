package dnsserver

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// handovers is how often a server hands its sockets to the next while it is asked.
const handovers = 20

// Each question is asked once, over UDP or a connection of its own, while one server
// follows another on the same sockets.
func TestHandoverAnswersEveryQuestion(t *testing.T) {
	o := Options{Handler: authorityOf(newZone(t)), Addrs: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")}}
	o.encrypted("127.0.0.1:0")
	s := run(t, o)
	o.Addrs, o.TLS, o.HTTPS = s.Addrs(), s.AddrsOf(TLS), s.AddrsOf(HTTPS)
	askers := map[string]func() error{
		"UDP": askerOf(&dns.Client{Net: "udp"}, o.Addrs[0]),
		"TCP": askerOf(&dns.Client{Net: "tcp"}, o.Addrs[0]),
		"TLS": askerOf(&dns.Client{Net: "tcp-tls", TLSConfig: trusting("dot")}, o.TLS[0]),
		"h2":  func() error { return askHTTPS("h2", o.HTTPS[0]) },
		"h1":  func() error { return askHTTPS("http/1.1", o.HTTPS[0]) },
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var asking sync.WaitGroup
	for over, ask := range askers {
		asking.Go(func() {
			n := 0
			for ; ctx.Err() == nil; n++ {
				if err := ask(); err != nil {
					t.Errorf("question %d over %s: %v", n, over, err)
				}
			}
			t.Logf("%d questions over %s", n, over)
		})
	}
	for range handovers {
		time.Sleep(10 * time.Millisecond)
		o.Inherited = fromFiles(t, s.Server)
		next := run(t, o)
		check(t, s.end())
		s = next
	}
	cancel()
	asking.Wait()
	check(t, s.end())
}

// serving is a server that a test ends.
type serving struct {
	*Server
	end func() error
}

func run(t *testing.T, o Options) serving {
	t.Helper()
	s, err := Listen(o)
	check(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	return serving{s, func() error { cancel(); return <-done }}
}

func askerOf(c *dns.Client, at netip.AddrPort) func() error {
	c.Timeout = patience
	return func() error {
		m := new(dns.Msg).SetQuestion("web.svc.test.", dns.TypeA)
		reply, _, err := c.Exchange(m, at.String())
		if err == nil && len(reply.Answer) == 0 {
			err = fmt.Errorf("no address in\n%v", reply)
		}
		return err
	}
}

func askHTTPS(protocol string, at netip.AddrPort) error {
	rt := &http.Transport{TLSClientConfig: trusting(protocol), ForceAttemptHTTP2: protocol == "h2"}
	defer rt.CloseIdleConnections()
	msg, err := new(dns.Msg).SetQuestion("web.svc.test.", dns.TypeA).Pack()
	if err != nil {
		return err
	}
	c := http.Client{Transport: rt, Timeout: patience}
	resp, err := c.Post("https://"+at.String()+HTTPSPath, dnsMessage, bytes.NewReader(msg))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err = io.ReadAll(resp.Body); err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %s", resp.Status)
	}
	return err
}

// passed are sockets that came from another server.
type passed struct {
	tcp map[netip.AddrPort]*net.TCPListener
	udp map[netip.AddrPort][]*net.UDPConn
}

func (p *passed) TakeTCP(a netip.AddrPort) *net.TCPListener { return p.tcp[a] }
func (p *passed) TakeUDP(a netip.AddrPort) []*net.UDPConn   { return p.udp[a] }

func fromFiles(t *testing.T, s *Server) *passed {
	t.Helper()
	files, err := s.Files()
	check(t, err)
	p := &passed{map[netip.AddrPort]*net.TCPListener{}, map[netip.AddrPort][]*net.UDPConn{}}
	for _, f := range files {
		p.add(t, f)
		check(t, f.Close())
	}
	return p
}

func (p *passed) add(t *testing.T, f *os.File) {
	t.Helper()
	if l, err := net.FileListener(f); err == nil {
		tcp := l.(*net.TCPListener)
		p.tcp[tcp.Addr().(*net.TCPAddr).AddrPort()] = tcp
		return
	}
	c, err := net.FilePacketConn(f)
	check(t, err)
	udp := c.(*net.UDPConn)
	at := udp.LocalAddr().(*net.UDPAddr).AddrPort()
	p.udp[at] = append(p.udp[at], udp)
}
