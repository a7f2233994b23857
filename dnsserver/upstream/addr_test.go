package upstream

import (
	"strings"
	"testing"
)

func TestParseAddr(t *testing.T) {
	tests := []struct {
		in, want string // the text that it becomes; "" is refused
		at       string
	}{
		{"10.0.0.1", "10.0.0.1", "10.0.0.1:53"},
		{"10.0.0.1:53", "10.0.0.1", "10.0.0.1:53"},
		{"10.0.0.1:5353", "10.0.0.1:5353", "10.0.0.1:5353"},
		{"::1", "::1", "[::1]:53"},
		{"[::1]", "::1", "[::1]:53"},
		{"[::1]:53", "::1", "[::1]:53"},
		{"[2001:DB8::1]:54", "[2001:db8::1]:54", "[2001:db8::1]:54"},
		{"::ffff:10.0.0.1", "10.0.0.1", "10.0.0.1:53"},
		{"fe80::1%eth0", "fe80::1%eth0", "[fe80::1%eth0]:53"},
		{"[fe80::1%eth0]:54", "[fe80::1%eth0]:54", "[fe80::1%eth0]:54"},
		{"tls://1.1.1.1", "tls://1.1.1.1", "1.1.1.1:853"},
		{"tls://1.1.1.1:853#Cloudflare-DNS.com.", "tls://1.1.1.1#cloudflare-dns.com", "1.1.1.1:853"},
		{"tls://[::1]:8853#dns", "tls://[::1]:8853#dns", "[::1]:8853"},
		{"tls://fe80::1%eth0#dns.example", "tls://fe80::1%eth0#dns.example", "[fe80::1%eth0]:853"},
		{in: ""}, {in: "dns.example"}, {in: "10.0.0"}, {in: "10.0.0.1:"}, {in: "10.0.0.1:70000"}, {in: "10.0.0.1 "},
		{in: "10.0.0.1#5353"}, {in: "10.0.0.1#dns.example"}, {in: "udp://10.0.0.1"}, {in: "[::1"}, {in: "::1]"}, {in: "[]"}, {in: "[10.0.0.1]:"},
		{in: "tls://"}, {in: "tls://dns.example"}, {in: "tls://1.1.1.1#"}, {in: "tls://1.1.1.1#a b"}, {in: "tls://1.1.1.1#-a"}, {in: "tls://1.1.1.1#a..b"},
		{in: "tls://1.1.1.1#" + strings.Repeat("a", 64)}, {in: "tls://1.1.1.1#" + strings.Repeat("a.", 127) + "a"}, {in: "tls://1.1.1.1#a#b"},
		{in: "0.0.0.0"}, {in: "::"}, {in: "10.0.0.1:0"}, {in: "224.0.0.251"}, {in: "ff02::fb"},
	}
	for _, tt := range tests {
		a, err := ParseAddr(tt.in)
		switch {
		case tt.want == "" && err == nil:
			t.Errorf("%q is read as %v", tt.in, a)
		case tt.want == "":
			if a.IsValid() || !strings.HasPrefix(err.Error(), "name server \""+tt.in+"\": ") {
				t.Errorf("%q gives %v and %v", tt.in, a, err)
			}
		case err != nil:
			t.Error(err)
		case a.String() != tt.want || a.AddrPort().String() != tt.at || a.TLS() != strings.HasPrefix(tt.in, "tls:"):
			t.Errorf("%q is read as %v at %v", tt.in, a, a.AddrPort())
		}
	}
}

func FuzzParseAddr(f *testing.F) {
	for _, s := range []string{"10.0.0.1", "[::1]:53", "fe80::1%eth0", "tls://1.1.1.1:853#dns.example", "[fe80::1%a]:1", "::ffff:1.2.3.4%x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseAddr(s)
		if err != nil {
			return
		}
		again, err := ParseAddr(a.String())
		if err != nil || again != a {
			t.Errorf("%q is read as %q, and that as %v, %v", s, a, again, err)
		}
		if a.verifyName() == "" {
			t.Errorf("%q would be verified for no name", s)
		}
	})
}
