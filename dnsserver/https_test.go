package dnsserver

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// httpsWire is a connection on which each message is a request of its own: what is
// written are messages with their length, and so is what is read, in the order in which
// it comes.
type httpsWire struct {
	net.Conn // for what is known of it
	client   *http.Client
	replies  chan []byte // an empty one is the end
	reply    bytes.Buffer
}

func newHTTPSWire(t testing.TB, c net.Conn) *httpsWire {
	return &httpsWire{Conn: c, client: clientOn(t, c, "h2"), replies: make(chan []byte, 1<<10)}
}

// clientOn is an HTTP client that has one connection.
func clientOn(t testing.TB, c net.Conn, protocol string) *http.Client {
	t.Helper()
	rt := &http.Transport{
		ForceAttemptHTTP2: true,
		DialTLSContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			over := tls.Client(c, trusting(protocol))
			return over, over.HandshakeContext(ctx)
		},
	}
	conn, err := rt.NewClientConn(t.Context(), "https", "dns.test:443")
	check(t, err)
	t.Cleanup(func() { conn.Close() })
	return &http.Client{Transport: conn}
}

func (w *httpsWire) Write(b []byte) (int, error) {
	msg := bytes.Clone(b[2:])
	go func() { w.replies <- w.post(msg) }()
	return len(b), nil
}

func (w *httpsWire) post(msg []byte) []byte {
	resp, err := w.client.Post("https://dns.test"+HTTPSPath, dnsMessage, bytes.NewReader(msg))
	if err != nil {
		return nil
	}
	defer resp.Body.Close()
	reply, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return nil
	}
	return framed(reply)
}

func (w *httpsWire) Read(b []byte) (int, error) {
	if w.reply.Len() == 0 {
		w.reply.Write(<-w.replies)
	}
	return w.reply.Read(b)
}

// TestRequests are what is asked of HTTP (RFC 8484 §4), and how it is answered.
func TestRequests(t *testing.T) {
	s, _, doh := serveTLS(t, Options{Handler: authorityOf(newZone(t))})
	msg := query("web.svc.test. A")
	get := func(m []byte) string { return HTTPSPath + "?dns=" + base64.RawURLEncoding.EncodeToString(m) }
	for _, tt := range []struct {
		name, method, target, typ string
		body                      []byte
		want                      int
	}{
		{"GET", "GET", get(msg), "", nil, 200},
		{"GET with other parameters", "GET", get(msg) + "&ct=x&dns=x", "", nil, 200},
		{"HEAD", "HEAD", get(msg), "", nil, 200},
		{"POST", "POST", HTTPSPath, dnsMessage, msg, 200},
		{"POST of a type with a parameter", "POST", HTTPSPath, "Application/DNS-Message; x=y", msg, 200},
		{"an unknown opcode", "GET", get(message(15<<11, "0000")), "", nil, 200},
		{"a longest query", "POST", HTTPSPath, dnsMessage, longQuery(maxMessage), 200},
		{"a longest query in GET", "GET", get(longQuery(maxMessage)), "", nil, 200},
		{"GET without a question", "GET", HTTPSPath, "", nil, 400},
		{"GET of nothing", "GET", get(nil), "", nil, 400},
		{"GET in another alphabet", "GET", HTTPSPath + "?dns=A%2BAA", "", nil, 400},
		{"GET with padding", "GET", get(append(query("web.svc.test. A"), 0)) + "==", "", nil, 400},
		{"GET of a header cut off", "GET", get(msg[:11]), "", nil, 400},
		{"GET of a reply", "GET", get(message(bitQR, "1000", webA)), "", nil, 400},
		{"POST of nothing", "POST", HTTPSPath, dnsMessage, nil, 400},
		{"POST of a header cut off", "POST", HTTPSPath, dnsMessage, msg[:11], 400},
		{"another path", "GET", "/", "", nil, 404},
		{"a path below", "GET", get(msg)[:len(HTTPSPath)] + "/x", "", nil, 404},
		{"another method", "PUT", HTTPSPath, dnsMessage, msg, 405},
		{"POST too long", "POST", HTTPSPath, dnsMessage, longQuery(maxMessage + 1), 413},
		{"POST too long, of unknown length", "POST", HTTPSPath, dnsMessage, longQuery(maxMessage + 1), 413},
		{"POST of a megabyte", "POST", HTTPSPath, dnsMessage, make([]byte, 1<<20), 413},
		{"GET too long", "GET", get(longQuery(maxMessage + 1)), "", nil, 414},
		{"POST without a type", "POST", HTTPSPath, "", msg, 415},
		{"POST of another type", "POST", HTTPSPath, "application/json", msg, 415},
	} {
		for _, protocol := range []string{"h2", "http/1.1"} {
			c := dial(t, "tcp", doh)
			var body io.Reader = bytes.NewReader(tt.body)
			if strings.HasSuffix(tt.name, "of unknown length") {
				body = io.MultiReader(body)
			}
			req, err := http.NewRequest(tt.method, "https://dns.test"+tt.target, body)
			check(t, err)
			if tt.typ != "" {
				req.Header.Set("Content-Type", tt.typ)
			}
			resp, err := clientOn(t, c.Conn, protocol).Do(req)
			if err != nil {
				t.Errorf("%s (%s): %v", tt.name, protocol, err)
				continue
			}
			got, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			c.Close()
			if resp.StatusCode != tt.want {
				t.Errorf("%s (%s): got %s, want %d", tt.name, protocol, resp.Status, tt.want)
			}
			if tt.want == 200 && tt.method != "HEAD" {
				checkDNS(t, resp, got)
			}
			if tt.want == 405 && resp.Header.Get("Allow") != "GET, HEAD, POST" {
				t.Errorf("%s: Allow %q", tt.name, resp.Header.Get("Allow"))
			}
		}
	}
	if st := s.Stats(); st.BadRequests == 0 || st.HTTPS == 0 || st.Panics != 0 {
		t.Errorf("stats %+v", st)
	}
}

// Headers that are too many are not read, and cost nobody else anything.
func TestHeadersAreLimited(t *testing.T) {
	s, _, doh := serveTLS(t, Options{Handler: localIs})
	for _, protocol := range []string{"h2", "http/1.1"} {
		for _, size := range []int{2 * maxHeaders, 1 << 20} {
			resp, err := clientOn(t, dial(t, "tcp", doh).Conn, protocol).Get("https://dns.test" + HTTPSPath + "?dns=" + strings.Repeat("A", size))
			if err != nil {
				continue // the connection is closed while they come
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
				t.Errorf("%d octets over %s: %s", size, protocol, resp.Status)
			}
		}
	}
	if !answered(dial(t, "https", doh)) || s.Stats().HTTPS != 1 {
		t.Errorf("stats %+v", s.Stats())
	}
}

func checkDNS(t *testing.T, resp *http.Response, body []byte) {
	t.Helper()
	if err := new(dns.Msg).Unpack(body); err != nil {
		t.Errorf("%s: body %x: %v", resp.Request.URL, body, err)
	}
	if h := resp.Header; h.Get("Content-Type") != dnsMessage || h.Get("Content-Length") != fmt.Sprint(len(body)) {
		t.Errorf("%s: headers %v", resp.Request.URL, h)
	}
}

// longQuery is a query of so many octets, of which most are padding.
func longQuery(size int) []byte {
	head := message(0, "1001", webA)
	n := size - len(head) - 11 - 4
	return append(head, opt("\x00\x0c"+string(binary.BigEndian.AppendUint16(nil, uint16(n)))+strings.Repeat("\x00", n))...)
}

// RFC 8484 §5.1: a reply is kept no longer than what is in it.
func TestRepliesAreKeptAsLongAsTheirRecords(t *testing.T) {
	h := handlerFunc(func(_ context.Context, q *Query) (*dns.Msg, error) {
		switch q.Type {
		case dns.TypeA:
			return &dns.Msg{
				Answer: []dns.RR{rr("x. 300 IN CNAME y."), rr("y. 7 IN A 192.0.2.1"), rr("y. 8 IN A 192.0.2.2")},
				Ns:     []dns.RR{rr("y. 2 IN NS z.")}, Extra: []dns.RR{rr("z. 1 IN A 192.0.2.3")},
			}, nil
		case dns.TypeAAAA:
			return &dns.Msg{Ns: []dns.RR{rr("x. 2 IN NS z."), rr("x. 90 IN SOA x. x. 1 1 1 1 60")}}, nil
		case dns.TypeMX:
			return &dns.Msg{MsgHdr: dns.MsgHdr{Rcode: dns.RcodeNameError}, Ns: []dns.RR{rr("x. 30 IN SOA x. x. 1 1 1 1 60")}}, nil
		case dns.TypeSOA:
			return &dns.Msg{Answer: []dns.RR{rr("x. 90 IN SOA x. x. 1 1 1 1 60")}}, nil
		case dns.TypeTXT:
			return &dns.Msg{Answer: []dns.RR{rr("x. 300 IN CNAME y.")}, Ns: []dns.RR{rr("x. 30 IN SOA x. x. 1 1 1 1 60")}}, nil
		case dns.TypeNS:
			return &dns.Msg{MsgHdr: dns.MsgHdr{Truncated: true}, Answer: []dns.RR{rr("x. 300 IN NS y.")}}, nil
		case dns.TypeSRV:
			return new(dns.Msg), nil
		}
		return nil, nil
	})
	for ask, want := range map[string]string{
		"x. A +edns=1232":    "private, max-age=7",
		"x. AAAA":            "private, max-age=60",
		"x. MX":              "private, max-age=30",
		"x. SOA":             "private, max-age=90",
		"x. TXT":             "private, max-age=30",
		"x. NS":              "no-store",
		"x. SRV":             "no-store",
		"x. PTR":             "no-store",
		"x. AXFR +edns=1232": "no-store",
	} {
		if got := cacheControl(ask1(t, h, ask)); got != want {
			t.Errorf("%s: %s, want %s", ask, got, want)
		}
	}
}

func ask1(t *testing.T, h Handler, question string) []byte { return ask(t, h, HTTPS, query(question)) }

// The asker is whom the connection comes from.
func TestHeadersDoNotSayWhoAsks(t *testing.T) {
	var from atomic.Value
	h := handlerFunc(func(_ context.Context, q *Query) (*dns.Msg, error) {
		from.Store(q.From)
		return new(dns.Msg), nil
	})
	_, _, doh := serveTLS(t, Options{Handler: h})
	c := dial(t, "tcp", doh)
	req, err := http.NewRequest("POST", "https://dns.test"+HTTPSPath, bytes.NewReader(query("x. A")))
	check(t, err)
	req.Header.Set("Content-Type", dnsMessage)
	for _, name := range []string{"X-Forwarded-For", "Forwarded", "X-Real-IP"} {
		req.Header.Set(name, "for=10.1.2.3")
	}
	resp, err := clientOn(t, c.Conn, "h2").Do(req)
	check(t, err)
	resp.Body.Close()
	if got, want := from.Load().(netip.AddrPort).String(), c.LocalAddr().String(); got != want {
		t.Errorf("the asker is %s, want %s", got, want)
	}
}

// A body that does not come is not waited for, and neither is the next request.
func TestRequestsAreLimitedInTime(t *testing.T) {
	for _, tt := range []struct {
		name, sent, want string
		within           time.Duration
	}{
		{"headers that do not end", "POST /dns-query HTTP/1.1\r\nHost: x\r\n", "", requestTime},
		{"a body that does not end", "POST /dns-query HTTP/1.1\r\nHost: x\r\nContent-Type: application/dns-message\r\nContent-Length: 9\r\n\r\n", "HTTP/1.1 400", requestTime},
		{"nothing after a request", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404", 10 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inPipe(t, HTTPS, func(t *testing.T, s *Server, c net.Conn) {
				over := tls.Client(c, trusting("http/1.1"))
				check(t, over.Handshake())
				began := time.Now()
				_, err := over.Write([]byte(tt.sent))
				check(t, err)
				got, err := io.ReadAll(over)
				if took := time.Since(began); err != nil || !strings.HasPrefix(string(got), tt.want) || took != tt.within {
					t.Errorf("got %q, %v after %v", got, err, took)
				}
			})
		})
	}
}

// Who goes away takes nothing from those who wait for the same.
func TestAnAskerThatGoesAwayEndsNoAnswer(t *testing.T) {
	asked, goOn, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	h := handlerFunc(func(ctx context.Context, q *Query) (*dns.Msg, error) {
		if !q.MayWait {
			return nil, ErrWait
		}
		close(asked)
		<-goOn
		ended <- ctx.Err()
		return new(dns.Msg), nil
	})
	_, _, doh := serveTLS(t, Options{Handler: h})
	c, err := net.Dial("tcp", doh.String())
	check(t, err)
	client := clientOn(t, c, "h2")
	ctx, goAway := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://dns.test"+HTTPSPath, bytes.NewReader(query("web.svc.test. A")))
	check(t, err)
	req.Header.Set("Content-Type", dnsMessage)
	gone := make(chan error, 1)
	go func() { _, err := client.Do(req); gone <- err }()
	<-asked
	goAway()
	if err := <-gone; err == nil {
		t.Error("the asker did not go away")
	}
	c.Close() // the server learns of it at the latest now
	time.Sleep(50 * time.Millisecond)
	close(goOn)
	if err := <-ended; err != nil {
		t.Errorf("the answer was ended: %v", err)
	}
}
