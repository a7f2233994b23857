package main

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// answers starts a DNS server over UDP and TCP that answers from zone file
// lines, and gives its address.
func answers(t *testing.T, rcode int, lines ...string) string {
	t.Helper()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	udp, err := net.ListenPacket("udp", tcp.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	handler := dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg)
		m.SetRcode(q, rcode)
		for _, line := range lines {
			if rr, err := dns.NewRR(line); err == nil && rr.Header().Rrtype == q.Question[0].Qtype {
				m.Answer = append(m.Answer, rr)
			}
		}
		if w.LocalAddr().Network() == "udp" {
			m.Truncate(512)
		}
		w.WriteMsg(m)
	})
	for _, s := range []*dns.Server{{Listener: tcp, Handler: handler}, {PacketConn: udp, Handler: handler}} {
		started := make(chan struct{})
		s.NotifyStartedFunc = func() { close(started) }
		go s.ActivateAndServe()
		<-started
		t.Cleanup(func() { s.Shutdown() })
	}
	return tcp.Addr().String()
}

func runLookup(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(&process{
		args:   append([]string{"rollcall", "lookup"}, args...),
		lookup: func(string) (string, bool) { return "", false },
		stdout: &out, stderr: &errs,
	})
	return out.String(), errs.String(), code
}

func TestLookupPrintsATable(t *testing.T) {
	server := answers(t, dns.RcodeSuccess,
		"web.svc.internal. 5 IN SRV 10 20 8080 one.web.svc.internal.",
		"one.web.svc.internal. 5 IN A 192.0.2.1",
		"7.2.0.192.in-addr.arpa. 9 IN PTR one.web.svc.internal.",
		`txt.svc.internal. 5 IN TXT "a=b c"`)
	tests := []struct{ name, args, want string }{
		{"a name without dots is in the domain", "web", `
TARGET                ADDRESS    PORT  PRIORITY  WEIGHT  TTL
one.web.svc.internal  192.0.2.1  8080  10        20      5
`},
		{"addresses", "one.web.svc.internal a", `
NAME                  TYPE  TTL  DATA
one.web.svc.internal  A     5    192.0.2.1
`},
		{"an address is asked in reverse", "192.0.2.7", `
NAME                    TYPE  TTL  DATA
7.2.0.192.in-addr.arpa  PTR   9    one.web.svc.internal.
`},
		{"text keeps its quotes", "txt.svc.internal TXT", `
NAME              TYPE  TTL  DATA
txt.svc.internal  TXT   5    "a=b c"
`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out, errs, code := runLookup(t, append([]string{"--server", server}, strings.Fields(tt.args)...)...)
			if want := tt.want[1:]; out != want || code != exitOK {
				t.Errorf("exit code %d\n%s%s\nwant\n%s", code, out, errs, want)
			}
		})
	}
}

func TestLookupAsksAgainOverTCPWhenCut(t *testing.T) {
	var lines []string
	for i := range 100 {
		lines = append(lines, fmt.Sprintf("many.svc.internal. 5 IN A 192.0.2.%d", i))
	}
	out, errs, code := runLookup(t, "--server", answers(t, dns.RcodeSuccess, lines...), "many", "A")
	if n := strings.Count(out, "192.0.2."); n != 100 || code != exitOK {
		t.Errorf("exit code %d, %d addresses, want 100\n%s", code, n, errs)
	}
}

func TestLookupWithoutAnswer(t *testing.T) {
	closed, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	tests := []struct {
		name, server, args string
		code               int
		want               string
	}{
		{"no such name", answers(t, dns.RcodeNameError), "web", exitFailure, "there is no such name"},
		{"a service without the domain", answers(t, dns.RcodeNameError), "web.shop", exitFailure, "; a service is called web.shop.svc.internal\n"},
		{"no such type", answers(t, dns.RcodeSuccess), "web", exitFailure, "has no SRV record now"},
		{"server failure", answers(t, dns.RcodeServerFailure), "web", exitUsage, "answered SERVFAIL"},
		{"nobody there", closed.LocalAddr().String(), "web", exitUsage, "connection refused: no server is there: start it with rollcall serve, or say with --server where it is"},
		{"bad type", "127.0.0.1", "web SVR", exitUsage, `"SVR" is no type of records`},
		{"bad name", "127.0.0.1", "a..b", exitUsage, `"a..b" is no domain name`},
		{"no name", "127.0.0.1", "", exitUsage, "lookup takes a NAME"},
		{"too many", "127.0.0.1", "a A b", exitUsage, "lookup takes a NAME"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out, errs, code := runLookup(t, append([]string{"--server", tt.server}, strings.Fields(tt.args)...)...)
			if out != "" || code != tt.code || !strings.Contains(errs, tt.want) {
				t.Errorf("exit code %d, want %d, and an error that says %q\n%s%s", code, tt.code, tt.want, out, errs)
			}
		})
	}
}

func TestLookupPassesOnTheServersReason(t *testing.T) {
	m := new(dns.Msg)
	m.SetEdns0(1232, false)
	m.IsEdns0().Option = append(m.IsEdns0().Option, &dns.EDNS0_EDE{InfoCode: dns.ExtendedErrorCodeNotReady, ExtraText: "waiting for docker"})
	if got := extendedError(m); got != ": Not Ready waiting for docker" {
		t.Errorf("got %q", got)
	}
	if got := extendedError(new(dns.Msg)); got != "" {
		t.Errorf("without EDNS: got %q", got)
	}
}
