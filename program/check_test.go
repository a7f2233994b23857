package program

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/rollcall-dns/rollcall/client"
)

func TestParseCheck(t *testing.T) {
	ports := []client.Port{{Number: 53, Protocol: "udp"}, {Number: 8080}}
	tests := []struct {
		text  string
		ports []client.Port
		want  Check
	}{
		{"", ports, Check{"tcp", 8080, ""}},
		{"", nil, Check{"none", 0, ""}},
		{"none", ports, Check{"none", 8080, "/"}},
		{"tcp", ports, Check{"tcp", 8080, "/"}},
		{"tcp:9", ports, Check{"tcp", 9, "/"}},
		{"http:/", ports, Check{"http", 8080, "/"}},
		{"http:9/a/b?c", nil, Check{"http", 9, "/a/b?c"}},
	}
	for _, tt := range tests {
		var c Check
		var err error
		if tt.text != "" {
			c, err = ParseCheck(tt.text)
		}
		if err == nil {
			c, err = c.Complete(tt.ports)
		}
		if err != nil || c != tt.want {
			t.Errorf("%q: got %+v, %v; want %+v", tt.text, c, err, tt.want)
		}
	}
	for _, wrong := range []string{"x", "tcp:0", "tcp:65536", "tcp:a", "tcp/", "http", "http:80", "none:1", "udp:53"} {
		if c, err := ParseCheck(wrong); err == nil {
			t.Errorf("%q is taken as %+v", wrong, c)
		}
	}
	if _, err := (Check{kind: "tcp"}).Complete(ports[:1]); err == nil {
		t.Error("a check without a port is complete")
	}
}

func TestCheckPassesWhenTheProgramCanServe(t *testing.T) {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/moved" {
			http.Redirect(w, r, "/", http.StatusFound)
		} else if r.URL.Path != "/" {
			http.Error(w, "too busy", http.StatusServiceUnavailable)
		}
	}))
	defer web.Close()
	port := netip.MustParseAddrPort(strings.TrimPrefix(web.URL, "http://")).Port()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	tests := []struct {
		check Check
		want  string // in the error; "" passes
	}{
		{Check{"none", 0, ""}, ""},
		{Check{"tcp", port, ""}, ""},
		{Check{"http", port, "/"}, ""},
		{Check{"http", port, "/busy"}, "503 Service Unavailable: too busy"},
		{Check{"http", port, "/moved"}, "302 Found"},
		{Check{"tcp", closed.Addr().(*net.TCPAddr).AddrPort().Port(), ""}, "refused"},
	}
	for _, tt := range tests {
		err := tt.check.try(t.Context())
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: got error %v, want %q in it", tt.check, err, tt.want)
		}
	}
}
