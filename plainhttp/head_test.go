package plainhttp_test

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/rollcall-dns/rollcall/plainhttp"
)

// lines makes a head of its lines.
func lines(l ...string) string { return strings.Join(l, "\r\n") + "\r\n\r\n" }

// said is what Parse makes of a text.
func said(text string) string {
	h, ok := plainhttp.Parse([]byte(text))
	if !ok {
		return "refused"
	}
	kind := "more"
	if h.Simple {
		kind = "simple"
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s %d %s %s", h.Method, h.Target, h.Body, kind, text[h.Size:]))
}

func TestParse(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"curl", lines("PUT /a HTTP/1.1", "Host: 127.0.0.1:8054", "User-Agent: curl/7.88.1", "Accept: */*"), "PUT /a 0 simple"},
		{"Go", lines("PUT /a HTTP/1.1", "Host: r", "User-Agent: Go-http-client/1.1", "Content-Length: 0", "Accept-Encoding: gzip"), "PUT /a 0 simple"},
		{"Python", lines("PUT /a HTTP/1.1", "Host: r", "User-Agent: python-requests/2", "Accept-Encoding: gzip, deflate", "Accept: */*", "Connection: keep-alive", "Content-Length: 0"), "PUT /a 0 simple"},
		{"Node", lines("PUT /a HTTP/1.1", "host: r", "connection: keep-alive", "accept: */*", "accept-language: *", "sec-fetch-mode: cors", "user-agent: node", "accept-encoding: gzip, deflate", "content-length: 0"), "PUT /a 0 simple"},
		{"names have no case", lines("PUT /a HTTP/1.1", "hOST: r", "CONTENT-LENGTH: 3"), "PUT /a 3 simple"},
		{"no space is needed", lines("PUT /a HTTP/1.1", "Host:[::1]:80", "Content-Length:3"), "PUT /a 3 simple"},
		{"what follows is not of the head", lines("PUT /a HTTP/1.1", "Host: r", "Content-Length: 2") + "{}GET", "PUT /a 2 simple {}GET"},
		{"any method, any target", lines("DELETE /a%2Fb?c=d HTTP/1.1", "Host: r"), "DELETE /a%2Fb?c=d 0 simple"},

		{"a field that is not known", lines("PUT /a HTTP/1.1", "Host: r", "Authorization: Basic x"), "PUT /a 0 more"},
		{"an end", lines("PUT /a HTTP/1.1", "Host: r", "Connection: close"), "PUT /a 0 more"},
		{"a field of the connection", lines("PUT /a HTTP/1.1", "Host: r", "Connection: keep-alive, upgrade"), "PUT /a 0 more"},
		{"no host", lines("PUT /a HTTP/1.1"), "PUT /a 0 more"},
		{"two hosts", lines("PUT /a HTTP/1.1", "Host: r", "Host: r"), "PUT /a 0 more"},
		{"an empty host", lines("PUT /a HTTP/1.1", "Host:"), "PUT /a 0 more"},
		{"a strange host", lines("PUT /a HTTP/1.1", "Host: a/b"), "PUT /a 0 more"},

		{"nothing", "", "refused"},
		{"no end", "PUT /a HTTP/1.1\r\nHost: r\r\n", "refused"},
		{"half of a line", "PUT /a HT", "refused"},
		{"lines that end in LF", "PUT /a HTTP/1.1\nHost: r\n\n", "refused"},
		{"one that does", "PUT /a HTTP/1.1\r\nHost: r\n\r\n", "refused"},
		{"CR in a line", lines("PUT /a HTTP/1.1", "Host: r\rX: y"), "refused"},
		{"an empty line before", "\r\n" + lines("PUT /a HTTP/1.1", "Host: r"), "refused"},
		{"HTTP/1.0", lines("PUT /a HTTP/1.0", "Host: r"), "refused"},
		{"HTTP/2", lines("PRI * HTTP/2.0", "SM"), "refused"},
		{"no target", lines("PUT HTTP/1.1", "Host: r"), "refused"},
		{"an empty target", lines("PUT  HTTP/1.1", "Host: r"), "refused"},
		{"space in the target", lines("PUT /a b HTTP/1.1", "Host: r"), "refused"},
		{"a method in lower case", lines("put /a HTTP/1.1", "Host: r"), "refused"},
		{"a folded line", lines("PUT /a HTTP/1.1", "Host: r", "Accept: a", " b"), "refused"},
		{"space before the colon", lines("PUT /a HTTP/1.1", "Host : r"), "refused"},
		{"no colon", lines("PUT /a HTTP/1.1", "Host"), "refused"},
		{"no name", lines("PUT /a HTTP/1.1", ": r"), "refused"},
		{"what is not ASCII", lines("PUT /a HTTP/1.1", "Host: r", "User-Agent: é"), "refused"},
		{"a NUL", lines("PUT /a HTTP/1.1", "Host: r", "User-Agent: \x00"), "refused"},
		{"chunks", lines("PUT /a HTTP/1.1", "Host: r", "Transfer-Encoding: chunked"), "refused"},
		{"something expected", lines("PUT /a HTTP/1.1", "Host: r", "Content-Length: 2", "Expect: 100-continue"), "refused"},
		{"another protocol", lines("GET /a HTTP/1.1", "Host: r", "Connection: upgrade", "Upgrade: h2c"), "refused"},
		{"two lengths", lines("PUT /a HTTP/1.1", "Host: r", "Content-Length: 2", "Content-Length: 2"), "refused"},
		{"two lengths in one", lines("PUT /a HTTP/1.1", "Host: r", "Content-Length: 2, 2"), "refused"},
		{"no length", lines("PUT /a HTTP/1.1", "Host: r", "Content-Length:"), "refused"},
		{"a sign", lines("PUT /a HTTP/1.1", "Host: r", "Content-Length: +2"), "refused"},
		{"a length that an int of 32 bits is not", lines("PUT /a HTTP/1.1", "Host: r", "Content-Length: 4294967298"), "refused"},
		{"a length without bounds", lines("PUT /a HTTP/1.1", "Host: r", "Content-Length: 18446744073709551618"), "refused"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := said(tt.text); got != tt.want {
				t.Errorf("%q\n got %s\nwant %s", tt.text, got, tt.want)
			}
		})
	}
}

func TestParseAllocatesNothing(t *testing.T) {
	head := []byte(lines("PUT /a HTTP/1.1", "Host: r", "User-Agent: a", "Connection: keep-alive", "Content-Length: 0"))
	if n := testing.AllocsPerRun(100, func() { plainhttp.Parse(head) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzParse: what is taken is what net/http reads, and ends where it does; what is
// simple is nothing that it would refuse, but for the target.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		lines("PUT /v1/services/web/instances/one/heartbeat HTTP/1.1", "Host: r:80", "Content-Length: 2", "Connection: keep-alive") + "{}PUT",
		lines("GET /%zz?a HTTP/1.1", "Host: [::1]", "Cookie: a", "Connection: close"),
		"PUT / HTTP/1.1\r\nHost: a\r\n\nX: y\r\n\r\n",
		lines("POST / HTTP/1.1", "Host: a", "transfer-encoding: chunked", "content-length: 5"),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, ok := plainhttp.Parse(b)
		if !ok {
			return
		}
		in := bytes.NewReader(b)
		r := bufio.NewReader(in)
		req, err := http.ReadRequest(r)
		if err != nil {
			if _, bad := url.ParseRequestURI(string(h.Target)); h.Simple && bad == nil {
				t.Fatalf("%q is simple, but for net/http: %v", b, err)
			}
			return // it would close the connection
		}
		if size := len(b) - in.Len() - r.Buffered(); size != h.Size {
			t.Errorf("%q: a head of %d octets, for net/http of %d", b, h.Size, size)
		}
		if req.Method != string(h.Method) || req.RequestURI != string(h.Target) || req.ContentLength != int64(h.Body) || !req.ProtoAtLeast(1, 1) {
			t.Errorf("%q is %s %s with %d octets, for net/http %s %s with %d", b, h.Method, h.Target, h.Body, req.Method, req.RequestURI, req.ContentLength)
		}
		if len(req.TransferEncoding) > 0 || h.Simple && (req.Close || req.Host == "" || req.Header.Get("Expect") != "" || req.Header.Get("Upgrade") != "") {
			t.Errorf("%q is not simple: %+v", b, req)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	head := []byte(lines("PUT /v1/services/web/instances/one/heartbeat HTTP/1.1", "Host: 127.0.0.1:8054", "User-Agent: Go-http-client/1.1", "Content-Length: 0", "Accept-Encoding: gzip"))
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := plainhttp.Parse(head); !ok {
			b.Fatal("refused")
		}
	}
}
