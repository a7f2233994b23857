package forward

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestResolvConf(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"nothing", "", "[]"},
		{"name servers", "nameserver 192.0.2.1\nnameserver 2001:db8::1\n", "[192.0.2.1 2001:db8::1]"},
		{"the rest is for clients", "# by hand\nsearch a b\noptions ndots:5 rotate\nnameserver 192.0.2.1 # first\nsortlist x", "[192.0.2.1]"},
		{"spaces and tabs", "\tnameserver\t192.0.2.1  \r\n", "[192.0.2.1]"},
		{"without the last line end", "nameserver 192.0.2.1", "[192.0.2.1]"},
		{"a zone", "nameserver fe80::1%eth0", "[fe80::1%eth0]"},
		{"twice", "nameserver 192.0.2.1\nnameserver 192.0.2.1", "[192.0.2.1]"},
		{"comments", "#nameserver 192.0.2.1\n;nameserver 192.0.2.2\nnameserver192.0.2.3", "[]"},
		{"what is no server", "nameserver\nnameserver dns.example\nnameserver 0.0.0.0\nnameserver 192.0.2.1:53\nnameserver 192.0.2.2", "[192.0.2.2]"},
		{"octets", "\x00\xff\nnameserver 192.0.2.1\x00\nnameserver 192.0.2.2", "[192.0.2.2]"},
	} {
		if got := fmt.Sprint(parseResolvConf([]byte(tt.text))); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
	many := strings.Builder{}
	for i := range 100 {
		fmt.Fprintf(&many, "nameserver 192.0.2.%d\n", i)
	}
	if got := parseResolvConf([]byte(many.String())); len(got) != maxNameservers {
		t.Errorf("%d servers of many, want %d", len(got), maxNameservers)
	}
}

func FuzzResolvConf(f *testing.F) {
	f.Add([]byte("nameserver 192.0.2.1\noptions edns0\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		addrs := parseResolvConf(text)
		if len(addrs) > maxNameservers {
			t.Errorf("%d servers", len(addrs))
		}
		for _, a := range addrs {
			if !a.IsValid() || a.AddrPort().Port() != 53 || a.TLS() {
				t.Errorf("server %v", a)
			}
		}
	})
}

// Whom systemd-resolved asks is asked instead of it, wherever that is known.
func TestResolvedStub(t *testing.T) {
	for _, tt := range []struct{ name, text, behind, want string }{
		{"no stub", "nameserver 192.0.2.1", "nameserver 192.0.2.9", "[192.0.2.1]"},
		{"stub", "nameserver 127.0.0.53\noptions edns0 trust-ad\n", "nameserver 192.0.2.9\nnameserver 192.0.2.8", "[192.0.2.9 192.0.2.8]"},
		{"other stub", "nameserver 127.0.0.54", "nameserver 192.0.2.9", "[192.0.2.9]"},
		{"nobody behind it", "nameserver 127.0.0.53", "", "[127.0.0.53]"},
		{"stub among others", "nameserver 127.0.0.53\nnameserver 192.0.2.1", "nameserver 192.0.2.9", "[127.0.0.53 192.0.2.1]"},
		{"Docker's own", "nameserver 127.0.0.11", "nameserver 192.0.2.9", "[127.0.0.11]"},
	} {
		root := t.TempDir()
		f := &file{path: filepath.Join(root, "etc/resolv.conf")}
		write(t, f.path, tt.text)
		if tt.behind != "" {
			write(t, filepath.Join(root, "run/systemd/resolve/resolv.conf"), tt.behind)
		}
		f.read()
		if got := fmt.Sprint(f.nameservers()); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestFileIsNewWhenItsTextIs(t *testing.T) {
	root := t.TempDir()
	path, behind := filepath.Join(root, "etc/resolv.conf"), filepath.Join(root, "run/systemd/resolve/resolv.conf")
	f := &file{path: path}
	for _, step := range []struct {
		name    string
		do      func()
		changed bool
		want    string
	}{
		{"missing", func() {}, false, "[]"},
		{"there", func() { write(t, path, "nameserver 192.0.2.1") }, true, "[192.0.2.1]"},
		{"the same again", func() { write(t, path, "nameserver 192.0.2.1") }, false, "[192.0.2.1]"},
		{"a stub", func() { write(t, path, "nameserver 127.0.0.53") }, true, "[127.0.0.53]"},
		{"somebody behind it", func() { write(t, behind, "nameserver 192.0.2.9") }, true, "[192.0.2.9]"},
		{"gone", func() { os.Remove(path) }, true, "[]"},
	} {
		step.do()
		if changed := f.read(); changed != step.changed || fmt.Sprint(f.nameservers()) != step.want {
			t.Errorf("%s: changed %v, %v; want %v, %s", step.name, changed, f.nameservers(), step.changed, step.want)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
