package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rollcall-dns/rollcall/zone"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testConfig is that of a server on free ports that follows no engine.
func testConfig() *Config {
	return &Config{
		Domains:      []zone.Name{zone.MustParseName("svc.internal")},
		DNS:          []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")},
		HTTP:         netip.MustParseAddrPort("127.0.0.1:0"),
		Docker:       dockerOff,
		TTL:          5 * time.Second,
		MaxInstances: 1000,
	}
}

// startServer runs a server until the test ends, or stop is called, which gives
// its error.
func startServer(t *testing.T, cfg *Config) (s *server, stop func() error) {
	t.Helper()
	s, err := newServer(t.Context(), cfg, new(heritage), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.run(ctx) }()
	stopped := false
	stop = func() error { stopped = true; cancel(); return <-ended }
	t.Cleanup(func() {
		if !stopped {
			if err := stop(); err != nil {
				t.Error(err)
			}
		}
	})
	select {
	case <-s.sources.WhenReady():
	case <-time.After(10 * time.Second):
		t.Fatal("not ready within 10 s")
	}
	return s, stop
}

func (s *server) url(path string) string { return "http://" + s.httpAddr().String() + path }

// register puts an instance with the address and port 80.
func register(t *testing.T, s *server, path, addr string) {
	t.Helper()
	registerFor(t, s, path, addr, 30*time.Second)
}

func registerFor(t *testing.T, s *server, path, addr string, lease time.Duration) {
	t.Helper()
	body := fmt.Sprintf(`{"addresses":[%q],"ports":[{"number":80}],"lease":%q}`, addr, lease)
	req, err := http.NewRequest(http.MethodPut, s.url("/v1/services/"+path), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	defer http.DefaultClient.CloseIdleConnections()
	if said, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusCreated {
		t.Fatalf("%s: %s", resp.Status, said)
	}
}

func TestServerAnswersWhatWasRegistered(t *testing.T) {
	s, stop := startServer(t, testConfig())
	register(t, s, "web/instances/one", "192.0.2.1")
	out, errs, code := runLookup(t, "--server", s.dnsAddr().String(), "web")
	if code != exitOK || !strings.Contains(out, "192.0.2.1  80 ") {
		t.Errorf("lookup: exit code %d\n%s%s", code, out, errs)
	}
	if err := askHealth(s.httpAddr()); err != nil {
		t.Error(err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if err := askHealth(s.httpAddr()); err == nil {
		t.Error("a server that has stopped is healthy")
	}
}

func TestServerShowsItsZoneWithTheAddressesThatItListensOn(t *testing.T) {
	for listen, want := range map[string]string{"127.0.0.1:0": "127.0.0.1", "0.0.0.0:0": "192.0.2.53"} {
		cfg := testConfig()
		cfg.DNS[0] = netip.MustParseAddrPort(listen)
		cfg.Advertise = []netip.Addr{netip.MustParseAddr("192.0.2.53")}
		s, _ := startServer(t, cfg)
		register(t, s, "web/instances/one", "192.0.2.1")
		resp, err := http.Get(s.url("/v1/zones/svc.internal"))
		if err != nil {
			t.Fatal(err)
		}
		file, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		http.DefaultClient.CloseIdleConnections()
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range []string{"ns.dns.svc.internal.\t5\tIN\tA\t" + want, "\nweb.svc.internal.\t5\tIN\tA\t192.0.2.1\n"} {
			if !strings.Contains(string(file), line) {
				t.Errorf("--dns %s: there is no line %q in\n%s", listen, line, file)
			}
		}
	}
}

func TestServerKeepsRegistrationsInItsDirectory(t *testing.T) {
	cfg := testConfig()
	cfg.DataDir = filepath.Join(t.TempDir(), "data")
	s, stop := startServer(t, cfg)
	register(t, s, "web/instances/one", "192.0.2.1")
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	s, _ = startServer(t, cfg)
	if n := s.zone.Snapshot().Len(); n != 1 {
		t.Errorf("after a restart there are %d instances, want 1", n)
	}
}

func TestServerSerialGrowsOverRestarts(t *testing.T) {
	s, stop := startServer(t, testConfig())
	register(t, s, "web/instances/one", "192.0.2.1")
	if serial, now := s.zone.Snapshot().Serial(), uint32(time.Now().Unix()); serial > now+2 || serial+10 < now {
		t.Errorf("serial %d is not near the time, %d", serial, now)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func TestServerIsNotReadyWhenItStops(t *testing.T) {
	s, _ := startServer(t, testConfig())
	if got := s.waiting(); len(got) > 0 {
		t.Errorf("a ready server waits for %q", got)
	}
	s.stopping.Store(true)
	if got := s.waiting(); len(got) == 0 {
		t.Error("a server that stops is ready")
	}
}

// Whatever cannot be opened, what was opened before is closed again.
func TestServerThatCannotStartLeavesNothingOpen(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	addr := netip.MustParseAddrPort(taken.Addr().String())
	free := netip.MustParseAddrPort("127.0.0.1:0")
	tests := []struct {
		name, want string
		set        func(*Config)
	}{
		{"DNS", "--dns: listen on " + addr.String(), func(c *Config) { c.DNS = []netip.AddrPort{free, addr} }},
		{"HTTP", "--http: listen tcp4 " + addr.String() + ": bind: address already in use: stop the program that has it", func(c *Config) { c.HTTP = addr }},
		{"data", "--data-dir", func(c *Config) { c.DataDir = "/dev/null/x" }},
		{"domain", "--domain", func(c *Config) { c.Domains = nil }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := testConfig()
			cfg.DataDir = filepath.Join(t.TempDir(), "data")
			dir := cfg.DataDir
			tt.set(cfg)
			s, err := newServer(t.Context(), cfg, new(heritage), slog.New(slog.DiscardHandler))
			if s != nil || err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got error %v, want one that says %q", err, tt.want)
			}
			// the directory is locked by whoever uses it
			again := testConfig()
			again.DataDir = dir
			startServer(t, again)
		})
	}
}

func TestHintsNameTheServer(t *testing.T) {
	cfg := testConfig()
	cfg.DNS[0] = netip.MustParseAddrPort("0.0.0.0:0")
	s, _ := startServer(t, cfg)
	var b bytes.Buffer
	printHints(&b, "bin/rollcall", s)
	port := s.dnsAddr().Port()
	for _, want := range []string{
		"curl -X PUT " + s.url("/v1/services/hello/instances/one"),
		fmt.Sprintf("dig @127.0.0.1 -p %d +noall +answer hello.svc.internal SRV", port),
		fmt.Sprintf("bin/rollcall lookup --server 127.0.0.1:%d hello.svc.internal", port),
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("hints lack %q:\n%s", want, b.String())
		}
	}
}
