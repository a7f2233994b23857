package zone_test

import (
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/rollcall-dns/rollcall/zone"
)

func TestParseName(t *testing.T) {
	label63 := strings.Repeat("a", 63)
	tests := []struct {
		in, want string // want "" is an error
	}{
		{"svc.internal.", "\x03svc\x08internal\x00"},
		{"svc.internal", "\x03svc\x08internal\x00"},
		{"SVC.Internal", "\x03svc\x08internal\x00"},
		{".", "\x00"},
		{"", ""},
		{"..", ""},
		{".a", ""},
		{"a..b", ""},
		{`a\.b.c`, "\x03a.b\x01c\x00"},
		{`a\065.c`, "\x02aa\x01c\x00"},
		{`a\256.c`, ""},
		{`a\25`, ""},
		{`a\`, ""},
		{label63 + ".c", "\x3f" + label63 + "\x01c\x00"},
		{label63 + "a.c", ""},
		{strings.Repeat("aaaaaaa.", 31) + "aaaaa", strings.Repeat("\x07aaaaaaa", 31) + "\x05aaaaa\x00"},
		{strings.Repeat("aaaaaaa.", 31) + "aaaaaa", ""},
	}
	for _, tt := range tests {
		got, err := zone.ParseName(tt.in)
		if (err != nil) != (tt.want == "") || string(got) != tt.want {
			t.Errorf("ParseName(%q) = %q, %v, want %q", tt.in, got, err, tt.want)
		}
	}
}

// What ParseName takes, a DNS library packs to the same octets; what String gives,
// ParseName reads back.
// What is not plain is written as a number: servers differ in what they read a
// backslash before other octets as.
func TestNameStringIsReadByEveryServer(t *testing.T) {
	const name = `a\032b\034\092.x\064y~\.z.\*-_/9.`
	if got, want := zone.MustParseName(name).String(), `a\032b\034\092.x\064y\126\.z.*-_/9.`; got != want {
		t.Errorf("%s is written %s, want %s", name, got, want)
	}
}

func FuzzParseName(f *testing.F) {
	for _, s := range []string{"svc.internal.", `a\.b`, `\000\255.x`, "..", `a"b;c.d`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := zone.ParseName(s)
		if err != nil {
			return
		}
		if len(n) > 255 {
			t.Fatalf("ParseName(%q) has %d octets", s, len(n))
		}
		if back, err := zone.ParseName(n.String()); err != nil || back != n {
			t.Fatalf("ParseName(%q) = %q; its String %q reads back as %q, %v", s, n, n.String(), back, err)
		}
		buf := make([]byte, 300)
		end, err := dns.PackDomainName(dns.Fqdn(n.String()), buf, 0, nil, false)
		if err != nil || string(buf[:end]) != string(n) {
			t.Fatalf("%q packs to %q, %v, want %q", n.String(), buf[:end], err, n)
		}
	})
}

func FuzzCanonical(f *testing.F) {
	for _, s := range []string{"\x03WEB\x00", "\x00", "", "\x40", "\xc0\x0c", "\x03web", "\x00\x00"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		got, ok := zone.Canonical(nil, wire)
		name, end, err := dns.UnpackDomainName(wire, 0)
		plain := err == nil && end == len(wire)
		for i := 0; plain && i < len(wire); i += 1 + int(wire[i]) {
			plain = wire[i] < 64
		}
		if ok != plain {
			t.Fatalf("Canonical(%q) = %v, the library says %q, %d, %v", wire, ok, name, end, err)
		}
		if ok && !strings.EqualFold(strings.ToValidUTF8(string(got), "?"), strings.ToValidUTF8(string(wire), "?")) {
			t.Fatalf("Canonical(%q) = %q", wire, got)
		}
	})
}
