package main

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/rollcall-dns/rollcall/dnsserver/upstream"
	"github.com/rollcall-dns/rollcall/zone"
)

// TestTheCacheCommandShowsAndForgets has one server ask another, and looks at what the
// first remembers.
func TestTheCacheCommandShowsAndForgets(t *testing.T) {
	cfg := testConfig()
	cfg.Domains = []zone.Name{zone.MustParseName("corp.example")}
	other, _ := startServer(t, cfg)
	cfg = testConfig()
	cfg.CacheSize, cfg.RecurseLocal = 1<<20, true
	cfg.Upstreams = []upstream.Addr{addr(other.dnsAddr().String())}
	s, _ := startServer(t, cfg)
	asked := func(name string, typ uint16) {
		t.Helper()
		r, err := ask(s.dnsAddr().String(), dns.Question{Name: name, Qtype: typ, Qclass: dns.ClassINET})
		if err != nil || r.Rcode == dns.RcodeServerFailure || r.Authoritative || !r.RecursionAvailable {
			t.Fatalf("%v\n%v", err, r)
		}
	}
	asked("corp.example.", dns.TypeSOA)
	asked("corp.example.", dns.TypeSOA)
	asked("nope.corp.example.", dns.TypeA)

	const failed = "failed: "
	for _, tt := range []struct{ args, want string }{
		{"show", `(?s)^answers +2\n.*\nhits +1\nmisses +2\n`},
		{"show corp.example", `^;; corp\.example\. SOA: NOERROR, for [0-9]+s\ncorp\.example\. [0-9]+ IN SOA `},
		{"show --below example", `(?s)corp\.example\. SOA.*;; nope\.corp\.example\. A: NXDOMAIN, for [0-9]+s\ncorp\.example\. [0-9]+ IN SOA `},
		{"show example", "^nothing is remembered of it\n$"},
		{"flush nope.corp.example", "^1 answers forgotten\n$"},
		{"flush --below example", "^1 answers forgotten\n$"},
		{"flush", "^0 answers forgotten\n$"},
		{"flush a..b", failed + `rollcall: ask [0-9.:]+ about the cache: name "a\.\.b" is no domain name\n$`},
		{"flush --below", failed + ".*--below must come with a NAME"},
		{"flush a b", failed + ".*cache flush takes one NAME"},
		{"", failed + ".*cache takes show or flush"},
		{"empty", failed + ".*cache takes show or flush"},
	} {
		if got := cacheOf(t, s, tt.args); !regexp.MustCompile(tt.want).MatchString(got) {
			t.Errorf("cache %s: got %s, want %s", tt.args, got, tt.want)
		}
	}
}

func TestTheCacheCommandSaysThatThereIsNoCache(t *testing.T) {
	s, _ := startServer(t, testConfig())
	if got := cacheOf(t, s, "show"); !strings.Contains(got, "this server remembers nothing") {
		t.Errorf("got %s", got)
	}
}

// cacheOf gives the output of rollcall cache about a server.
func cacheOf(t *testing.T, s *server, args string) string {
	t.Helper()
	words := strings.Fields(args)
	if len(words) > 0 && words[0] != "empty" {
		words = append([]string{words[0], "--http", s.httpAddr().String()}, words[1:]...)
	}
	var out bytes.Buffer
	code := run(&process{
		args:   append([]string{"rollcall", "cache"}, words...),
		lookup: func(string) (string, bool) { return "", false },
		stdout: &out, stderr: &out,
	})
	if code != exitOK {
		return "failed: " + out.String()
	}
	return out.String()
}
