package health

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/miekg/dns"

	"github.com/rollcall-dns/rollcall/zone"
)

// serve accepts connections until the test ends, and handles each in a goroutine of
// its own, with the connection's end as that of the handler.
func serve(t testing.TB, handle func(net.Conn)) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	over := make(chan struct{})
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				done := make(chan struct{})
				all.Go(func() {
					select {
					case <-over:
					case <-done:
					}
					conn.Close()
				})
				defer close(done)
				handle(conn)
			})
		}
	})
	t.Cleanup(func() {
		close(over)
		l.Close()
		all.Wait()
	})
	return netip.MustParseAddrPort(l.Addr().String())
}

// replies reads one request and writes text, then closes.
func replies(text string) func(net.Conn) {
	return func(c net.Conn) {
		if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
			io.WriteString(c, text)
		}
	}
}

// silent reads, and never answers.
func silent(c net.Conn) { io.Copy(io.Discard, c) }

// refused is an address at which nobody listens.
func refused(t testing.TB) netip.AddrPort {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return netip.MustParseAddrPort(l.Addr().String())
}

func spots(addrs ...netip.AddrPort) (list []zone.Spot) {
	for _, a := range addrs {
		list = append(list, zone.Spot{Addr: a})
	}
	return list
}

func httpCheck(edit ...func(*zone.Check)) *zone.Check {
	c := zone.DefaultCheck
	c.Target, c.Timeout = "/health?x=1", 5*time.Second
	for _, e := range edit {
		e(&c)
	}
	return &c
}

// reason is that of a failure, "" for a pass; the address asked is ADDR in it.
func reason(t testing.TB, c *zone.Check, s []zone.Spot) string {
	t.Helper()
	var w worker
	spot, err := w.probe(t.Context(), c, s, 0)
	if err == nil {
		return ""
	}
	return strings.ReplaceAll(err.Error(), s[spot].Addr.String(), "ADDR")
}

const get = "GET http://ADDR/health?x=1: "

func TestHTTPCheckTakesWhatServersSay(t *testing.T) {
	long := strings.Repeat("x", 1000)
	tests := []struct{ name, reply, want string }{
		{"200 with a length", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", ""},
		{"200 until the end", "HTTP/1.0 200 OK\r\n\r\nok", ""},
		{"200 in chunks", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", ""},
		{"no reason phrase", "HTTP/1.1 200\r\n\r\n", ""},
		{"204 with a length that it must not have", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", ""},
		{"early hints first", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ""},
		{"a head of several reads", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat(long, 30) + "\r\nContent-Length: 1\r\n\r\nx", ""},
		{"299", "HTTP/1.1 299 Fine\r\n\r\n", ""},
		{"503", "HTTP/1.1 503 Not Now\r\nContent-Length: 9\r\n\r\ngo away", get + "503 Service Unavailable"},
		{"599", "HTTP/1.1 599 Own\r\n\r\n", get + "599"},
		{"redirect", "HTTP/1.1 302 Found\r\nLocation: http://192.0.2.66/\r\n\r\n", get + `302 Found to "http://192.0.2.66/": redirects are not followed`},
		{"redirect to a long place", "HTTP/1.1 301 Moved\r\nLocation: /" + long + "\r\n\r\n", get + `301 Moved Permanently to "/` + long[:119] + `": redirects are not followed`},
		{"less than its length", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", get + "the connection was closed before the answer was whole"},
		{"nothing", "", get + "the connection was closed before the answer was whole"},
		{"half a head", "HTTP/1.1 200 OK\r\nContent-", get + "the connection was closed before the answer was whole"},
		{"another protocol", "220 mail.example ESMTP\r\n", get + "the answer is not HTTP/1"},
		{"no status", "HTTP/1.1 OK\r\n\r\n", get + "the answer is not HTTP/1"},
		{"status of four digits", "HTTP/1.1 2000 OK\r\n\r\n", get + "the answer is not HTTP/1"},
		{"signed status", "HTTP/1.1 +20 OK\r\n\r\n", get + "the answer is not HTTP/1"},
		{"a head without end", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat(long, 80), get + "the head of the answer is longer than 64 KiB"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			addr := serve(t, replies(tt.reply))
			if got := reason(t, httpCheck(), spots(addr)); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestHTTPCheckIsBounded(t *testing.T) {
	endless := func(c net.Conn) {
		replies("HTTP/1.1 200 OK\r\n\r\n")(c)
		for {
			if _, err := c.Write(make([]byte, 4096)); err != nil {
				return
			}
		}
	}
	dripping := func(c net.Conn) {
		replies("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")(c)
		for {
			if _, err := c.Write([]byte("x")); err != nil {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	kept := func(c net.Conn) {
		replies("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")(c)
		silent(c)
	}
	bare := func(c net.Conn) {
		replies("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")(c)
		silent(c)
	}
	brief := func(c *zone.Check) { c.Timeout = 200 * time.Millisecond }
	tests := []struct {
		name   string
		handle func(net.Conn)
		check  *zone.Check
		want   string
	}{
		{"a body without end", endless, httpCheck(), ""},
		{"a connection that is kept", kept, httpCheck(), ""},
		{"a body that takes too long", dripping, httpCheck(brief), get + "no answer within 200ms"},
		{"the length of what HEAD does not send", bare, httpCheck(func(c *zone.Check) { c.Method = "HEAD" }), ""},
		{"no answer", silent, httpCheck(brief), get + "no answer within 200ms"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			addr := serve(t, tt.handle)
			if got := reason(t, tt.check, spots(addr)); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestHTTPCheckAsksTheInstanceAlone(t *testing.T) {
	asked := make(chan *http.Request, 1)
	addr := serve(t, func(c net.Conn) {
		r, err := http.ReadRequest(bufio.NewReader(c))
		if err == nil {
			asked <- r
		}
	})
	reason(t, httpCheck(func(c *zone.Check) { c.Host = "shop.example" }), spots(addr))
	r := <-asked
	if got, want := r.Method+" "+r.RequestURI+" "+r.Host, "GET /health?x=1 shop.example"; got != want || !r.Close {
		t.Errorf("asked %q, close %v; want %q and close", got, r.Close, want)
	}
	reason(t, httpCheck(), spots(addr))
	if r := <-asked; r.Host != addr.String() {
		t.Errorf("without a host it asks for %q, want %s", r.Host, addr)
	}
	reason(t, httpCheck(func(c *zone.Check) { c.Method = "OPTIONS" }), spots(addr))
	if r := <-asked; r.Method != "OPTIONS" {
		t.Errorf("asked with %s, want OPTIONS", r.Method)
	}
}

func TestHTTPSCheck(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS.ServerName != "" && r.TLS.ServerName != "shop.example" {
			http.Error(w, "", http.StatusTeapot)
		}
	}))
	server.Config.ErrorLog = nil
	server.StartTLS()
	defer server.Close()
	addr := spots(netip.MustParseAddrPort(server.Listener.Addr().String()))
	plain := spots(serve(t, replies("HTTP/1.1 200 OK\r\n\r\n")))
	https := func(c *zone.Check) { c.Kind = zone.CheckHTTPS }
	verified := func(c *zone.Check) { c.Host, c.Verify = "shop.example:8443", true }
	tests := []struct {
		name  string
		check *zone.Check
		at    []zone.Spot
		want  string
	}{
		{"any certificate", httpCheck(https), addr, ""},
		{"named", httpCheck(https, func(c *zone.Check) { c.Host = "shop.example:8443" }), addr, ""},
		{"verified", httpCheck(https, verified), addr, "GET https://ADDR/health?x=1: TLS: tls: failed to verify certificate: x509: "},
		{"not TLS", httpCheck(https), plain, "GET https://ADDR/health?x=1: TLS: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := reason(t, tt.check, tt.at)
			if tt.want == "" && got != "" || !strings.HasPrefix(got, tt.want) {
				t.Errorf("got  %q\nwant %q…", got, tt.want)
			}
		})
	}
}

func TestTCPCheck(t *testing.T) {
	check := httpCheck(func(c *zone.Check) { c.Kind, c.Target = zone.CheckTCP, "" })
	if got := reason(t, check, spots(serve(t, silent))); got != "" {
		t.Errorf("somebody listens: %q", got)
	}
	if got, want := reason(t, check, spots(refused(t))), "connect to ADDR: connection refused"; got != want {
		t.Errorf("nobody listens: %q, want %q", got, want)
	}
}

func TestCheckTriesTheAddressesUntilOneConnects(t *testing.T) {
	good := serve(t, replies("HTTP/1.1 200 OK\r\n\r\n"))
	bad := serve(t, replies("HTTP/1.1 500 No\r\n\r\n"))
	none := refused(t)
	tests := []struct {
		name string
		at   []netip.AddrPort
		best int
		spot int
		want string
	}{
		{"the second connects", []netip.AddrPort{none, good}, 0, 1, ""},
		{"the one that passed last is first", []netip.AddrPort{bad, good}, 1, 1, ""},
		{"and comes round", []netip.AddrPort{good, none}, 1, 0, ""},
		{"one that connects decides", []netip.AddrPort{bad, good}, 0, 0, "GET http://" + bad.String() + "/health?x=1: 500 Internal Server Error"},
		{"none", []netip.AddrPort{none, none}, 0, 1, fmt.Sprintf("none of its addresses can be reached: connect to %v: connection refused; connect to %[1]v: connection refused", none)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var w worker
			spot, err := w.probe(t.Context(), httpCheck(), spots(tt.at...), tt.best)
			got := ""
			if err != nil {
				got = err.Error()
			}
			if spot != tt.spot || got != tt.want {
				t.Errorf("spot %d, %q; want %d, %q", spot, got, tt.spot, tt.want)
			}
		})
	}
}

func TestReasonSaysWhenTheNetworkIsToBlame(t *testing.T) {
	errno := func(e syscall.Errno) error {
		return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", e)}
	}
	const ask = `: is rollcall on the network "lan"?`
	tests := []struct {
		network string
		err     error
		want    string
	}{
		{"lan", errno(syscall.EHOSTUNREACH), "connect to 172.18.0.2:80: no route to host" + ask},
		{"lan", errno(syscall.ENETUNREACH), "connect to 172.18.0.2:80: network is unreachable" + ask},
		{"lan", context.DeadlineExceeded, "connect to 172.18.0.2:80: no answer" + ask},
		{"lan", errno(syscall.ECONNREFUSED), "connect to 172.18.0.2:80: connection refused"},
		{"", errno(syscall.EHOSTUNREACH), "connect to 172.18.0.2:80: no route to host"},
	}
	for _, tt := range tests {
		u := &unreachable{&zone.Spot{Network: tt.network, Addr: netip.MustParseAddrPort("172.18.0.2:80")}, tt.err}
		if got := u.Error(); got != tt.want {
			t.Errorf("%v on %q: %q, want %q", tt.err, tt.network, got, tt.want)
		}
	}
}

func TestReasonIsBounded(t *testing.T) {
	err := said(errors.New(strings.Repeat("ä", 1000)), httpCheck())
	if n := len(err.Error()); n > maxReason+len("…")+1 || !utf8.ValidString(err.Error()) {
		t.Errorf("a reason of %d octets, valid %v; want at most %d of UTF-8", n, utf8.ValidString(err.Error()), maxReason)
	}
}

func TestProbeEndsWithItsContext(t *testing.T) {
	addr := serve(t, silent)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	var w worker
	began := time.Now()
	c := httpCheck(func(c *zone.Check) { c.Timeout = time.Hour })
	if _, err := w.probe(ctx, c, spots(addr), 0); err == nil || time.Since(began) > time.Minute {
		t.Errorf("cancelled: %v after %v, want an error at once", err, time.Since(began))
	}
}

func TestGRPCCheck(t *testing.T) {
	message := func(m ...byte) string { return string(append([]byte{0, 0, 0, 0, byte(len(m))}, m...)) }
	reply := func(status, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			ask, _ := io.ReadAll(r.Body)
			if r.URL.Path != "/grpc.health.v1.Health/Check" || r.Header.Get("Te") != "trailers" || string(ask) != message(append([]byte("\x0a\x04"), "shop"...)...) {
				status = "3"
			}
			w.Header().Set("Content-Type", "application/grpc")
			w.Header().Set("Trailer", "Grpc-Status")
			io.WriteString(w, body)
			w.Header().Set("Grpc-Status", status)
		}
	}
	const what = `gRPC health of ADDR, service "shop": `
	tests := []struct {
		name    string
		handler http.HandlerFunc
		want    string
	}{
		{"serving", reply("0", message(8, 1)), ""},
		{"not serving", reply("0", message(8, 2)), what + "NOT_SERVING"},
		{"the default", reply("0", message()), what + "UNKNOWN"},
		{"a later field", reply("0", message(0x12, 1, 'x', 8, 1)), ""},
		{"a status of its own", reply("0", message(8, 77)), what + "status 77"},
		{"unimplemented", reply("12", ""), what + `status "12" ""`},
		{"no message", reply("0", ""), what + "the answer is not a HealthCheckResponse"},
		{"half a message", reply("0", message(8, 1)[:6]), what + "the answer is not a HealthCheckResponse"},
		{"no gRPC", http.NotFound, what + "404 Not Found"},
	}
	for _, kind := range []zone.CheckKind{zone.CheckGRPC, zone.CheckGRPCS} {
		for _, tt := range tests {
			t.Run(kind.String()+" "+tt.name, func(t *testing.T) {
				server := httptest.NewUnstartedServer(tt.handler)
				server.Config.Protocols = new(http.Protocols)
				server.Config.Protocols.SetUnencryptedHTTP2(true)
				server.Config.Protocols.SetHTTP2(true)
				server.EnableHTTP2 = true
				if kind.TLS() {
					server.TLS = &tls.Config{NextProtos: []string{"h2"}}
					server.StartTLS()
				} else {
					server.Start()
				}
				defer server.Close()
				c := httpCheck(func(c *zone.Check) { c.Kind, c.Target = kind, "shop" })
				got := reason(t, c, spots(netip.MustParseAddrPort(server.Listener.Addr().String())))
				if got != tt.want {
					t.Errorf("got  %q\nwant %q", got, tt.want)
				}
			})
		}
	}
	for name, handle := range map[string]func(net.Conn){
		"silent": silent, "HTTP/1": func(c net.Conn) { io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n") },
	} {
		c := httpCheck(func(c *zone.Check) { c.Kind, c.Target, c.Timeout = zone.CheckGRPC, "shop", 200*time.Millisecond })
		if got := reason(t, c, spots(serve(t, handle))); !strings.HasPrefix(got, what) {
			t.Errorf("%s: %q, want it to fail", name, got)
		}
	}
}

func TestDNSCheck(t *testing.T) {
	handler := dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		rcode := map[string]int{"there.": dns.RcodeSuccess, "refused.": dns.RcodeRefused}
		r := new(dns.Msg).SetReply(q)
		r.Rcode = dns.RcodeNameError
		if c, ok := rcode[q.Question[0].Name]; ok {
			r.Rcode = c
		}
		w.WriteMsg(r)
	})
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var done sync.WaitGroup
	defer done.Wait()
	for _, s := range []*dns.Server{{PacketConn: pc, Handler: handler}, {Listener: l, Handler: handler}} {
		up := make(chan struct{})
		s.NotifyStartedFunc = func() { close(up) }
		done.Go(func() { s.ActivateAndServe() })
		<-up
		defer s.Shutdown()
	}
	dead, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer dead.Close()
	udp := zone.Spot{Addr: netip.MustParseAddrPort(pc.LocalAddr().String()), Proto: zone.UDP}
	tcp := zone.Spot{Addr: netip.MustParseAddrPort(l.Addr().String())}
	mute := zone.Spot{Addr: netip.MustParseAddrPort(dead.LocalAddr().String()), Proto: zone.UDP}
	tests := []struct {
		name, target string
		at           []zone.Spot
		want         string
	}{
		{"a name that is there", "there", []zone.Spot{udp}, ""},
		{"over TCP", "there.", []zone.Spot{tcp}, ""},
		{"a name that is not", "gone", []zone.Spot{udp}, "ask ADDR for gone. A: NXDOMAIN"},
		{"over TCP", "refused", []zone.Spot{tcp}, "ask ADDR for refused. A: REFUSED"},
		{"any answer", "", []zone.Spot{udp}, ""},
		{"a refusal is an answer", "", []zone.Spot{tcp}, ""},
		{"no answer", "", []zone.Spot{mute}, "connect to ADDR: no answer within 200ms"},
		{"the other answers", "", []zone.Spot{mute, udp}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := httpCheck(func(c *zone.Check) { c.Kind, c.Target, c.Timeout = zone.CheckDNS, tt.target, 5*time.Second })
			if tt.at[0] == mute && len(tt.at) == 1 {
				c.Timeout = 200 * time.Millisecond
			}
			if got := reason(t, c, tt.at); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func FuzzHead(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nLocation: /x\r\n\r\n"))
	f.Add([]byte("HTTP/1.0 404\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var h head
		size, err := h.parse(b)
		if size < 0 || size > len(b) || err != nil && size != 0 {
			t.Fatalf("size %d of %d, error %v", size, len(b), err)
		}
		if size > 0 && (h.status < 100 || h.status > 999 || h.length < -1) {
			t.Fatalf("head %+v of %q", h, b)
		}
	})
}

func FuzzHealthReply(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x00\x02\x08\x01"))
	f.Add([]byte("\x00\x00\x00\x00\x05\x12\x01x\x08\x02"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if state, err := parseHealthReply(b); err == nil && state.String() == "" {
			t.Fatalf("state %d has no name", state)
		}
	})
}
