package main

import (
	"bytes"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/urfave/cli/v2"

	"github.com/rollcall-dns/rollcall/dnsserver/forward"
	"github.com/rollcall-dns/rollcall/dnsserver/upstream"
	"github.com/rollcall-dns/rollcall/zone"
)

// load reads a configuration as serve does.
func load(t *testing.T, file string, env map[string]string, args ...string) (*Config, error) {
	t.Helper()
	if file != "" {
		name := filepath.Join(t.TempDir(), "rollcall.yaml")
		if err := os.WriteFile(name, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append([]string{"--config", name}, args...)
	}
	p := &process{
		lookup: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		stdout: new(bytes.Buffer), stderr: new(bytes.Buffer),
	}
	var cfg *Config
	app := newApp(p)
	app.Commands = nil
	app.Flags = serveSettings.flags()
	app.Action = func(c *cli.Context) (err error) {
		cfg, err = serveSettings.load(c, p)
		return err
	}
	err := app.Run(append([]string{"rollcall"}, args...))
	return cfg, err
}

func addr(s string) upstream.Addr {
	a, err := upstream.ParseAddr(s)
	if err != nil {
		panic(err)
	}
	return a
}

var defaults = Config{
	Domains:      []zone.Name{zone.MustParseName("svc.internal")},
	DNS:          []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:8053")},
	HTTP:         netip.MustParseAddrPort("127.0.0.1:8054"),
	TCPConns:     150,
	TCPConnsEach: 25,
	Docker:       "auto",
	TTL:          5 * time.Second,
	MaxInstances: 1_000_000,
	LogFormat:    "text",
	ResolvConf:   []string{"/etc/resolv.conf"},
	RecurseLocal: true,
	CacheSize:    64 << 20,
}

func TestConfigPrecedence(t *testing.T) {
	tests := []struct {
		name, file string
		env        map[string]string
		args       []string
		want       func(*Config)
	}{
		{name: "defaults need nothing", want: func(*Config) {}},
		{name: "empty file", file: "# ttl: 7s\n", want: func(*Config) {}},
		{
			name: "file over default", file: "ttl: 7s\nmax-instances: 10\ndocker: off\n",
			want: func(c *Config) { c.TTL, c.MaxInstances, c.Docker = 7*time.Second, 10, "off" },
		}, {
			name: "variable over file", file: "ttl: 7s", env: map[string]string{"ROLLCALL_TTL": "8s"},
			want: func(c *Config) { c.TTL = 8 * time.Second },
		}, {
			name: "flag over variable", file: "ttl: 7s", env: map[string]string{"ROLLCALL_TTL": "8s"},
			args: []string{"--ttl", "9s"},
			want: func(c *Config) { c.TTL = 9 * time.Second },
		}, {
			name: "an empty variable is not set", file: "data-dir: /data", env: map[string]string{"ROLLCALL_DATA_DIR": ""},
			want: func(c *Config) { c.DataDir = "/data" },
		}, {
			name: "a flag replaces the whole list", file: "dns: [127.0.0.1:1, 127.0.0.1:2]", args: []string{"--dns", "[::1]:53"},
			want: func(c *Config) { c.DNS = []netip.AddrPort{netip.MustParseAddrPort("[::1]:53")} },
		}, {
			name: "lists from flags", args: []string{"--dns", "127.0.0.1:1", "--dns", "127.0.0.1:2,127.0.0.1:0"},
			want: func(c *Config) {
				c.DNS = []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:1"), netip.MustParseAddrPort("127.0.0.1:2"), netip.MustParseAddrPort("127.0.0.1:0")}
			},
		}, {
			name: "lists from variables", env: map[string]string{"ROLLCALL_ADVERTISE": "192.0.2.1, 2001:db8::1"},
			want: func(c *Config) {
				c.Advertise = []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}
			},
		}, {
			name: "lists from files", file: "domain:\n- a.example\n- b.example\n",
			want: func(c *Config) {
				c.Domains = []zone.Name{zone.MustParseName("a.example"), zone.MustParseName("b.example")}
			},
		}, {
			name: "whom to ask for names of others",
			args: []string{"--upstream", "192.0.2.1,/run/resolv.conf tls://192.0.2.2#dns.example", "--route", "corp.example=10.0.0.1, 10.0.0.2", "--route", "10.in-addr.arpa=10.0.0.1"},
			want: func(c *Config) {
				c.Upstreams = []upstream.Addr{addr("192.0.2.1"), addr("tls://192.0.2.2#dns.example")}
				c.ResolvConf = []string{"/run/resolv.conf"}
				c.Routes = []forward.Route{
					{Domain: zone.MustParseName("corp.example"), Servers: []upstream.Addr{addr("10.0.0.1"), addr("10.0.0.2")}},
					{Domain: zone.MustParseName("10.in-addr.arpa"), Servers: []upstream.Addr{addr("10.0.0.1")}},
				}
			},
		}, {
			name: "nobody is asked", args: []string{"--upstream", "off"},
			want: func(c *Config) { c.ResolvConf = nil },
		}, {
			name: "who may recurse", args: []string{"--recursion", "203.0.113.0/24 2001:db8::1"},
			want: func(c *Config) {
				c.RecurseLocal = false
				c.Recurse = []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("2001:db8::1/128")}
			},
		}, {
			name: "all may recurse", args: []string{"--recursion", "all"},
			want: func(c *Config) {
				c.RecurseLocal = false
				c.Recurse = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
			},
		}, {
			name: "nobody may recurse", args: []string{"--recursion", "off"},
			want: func(c *Config) { c.RecurseLocal = false },
		}, {
			name: "memory for answers", args: []string{"--cache-size", "1GiB", "--serve-stale"},
			want: func(c *Config) { c.CacheSize, c.ServeStale = 1<<30, true },
		}, {
			name: "no private addresses", args: []string{"--rebind-protection"},
			want: func(c *Config) { c.NoRebinding = true },
		}, {
			name: "memory in octets", args: []string{"--cache-size", "1048577"},
			want: func(c *Config) { c.CacheSize = 1<<20 + 1 },
		}, {
			name: "no memory for answers", args: []string{"--cache-size", "0"},
			want: func(c *Config) { c.CacheSize = 0 },
		}, {
			name: "addresses in IPv6 clothes", args: []string{"--advertise", "::ffff:192.0.2.1", "--http", "[::ffff:127.0.0.1]:80"},
			want: func(c *Config) {
				c.Advertise = []netip.Addr{netip.MustParseAddr("192.0.2.1")}
				c.HTTP = netip.MustParseAddrPort("127.0.0.1:80")
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := load(t, tt.file, tt.env, tt.args...)
			if err != nil {
				t.Fatal(err)
			}
			want := defaults
			tt.want(&want)
			if d := cmp.Diff(want, *got, cmpopts.EquateComparable(netip.Addr{}, netip.AddrPort{}, netip.Prefix{}, upstream.Addr{}), cmpopts.IgnoreUnexported(Config{})); d != "" {
				t.Errorf("config (-want +got):\n%s", d)
			}
		})
	}
}

func TestConfigRefuses(t *testing.T) {
	tests := []struct{ setting, value, rule string }{
		{"domain", "", "must be a domain name"},
		{"domain", ".", "must be a domain name"},
		{"domain", "a..b", "must be a domain name"},
		{"domain", "svc.internal,x.svc.internal", "nor below the domain svc.internal."},
		{"domain", "x.svc.internal,SVC.internal", "nor below the domain x.svc.internal."},
		{"domain", "svc.internal,svc.internal.", "must be neither equal"},
		{"dns", "", "must be an IP address and a port"},
		{"dns", "localhost:53", "must be an IP address and a port"},
		{"dns", "127.0.0.1", "must be an IP address and a port"},
		{"dns", "127.0.0.1:65536", "must be an IP address and a port"},
		{"dns", "127.0.0.1:1,127.0.0.1:1", "must not be given twice"},
		{"dns-tls", "853", "must be an IP address and a port"},
		{"dns-tls", "127.0.0.1:1,127.0.0.1:1", "must not be given twice"},
		{"dns-tls", "127.0.0.1:8053", "must not be given twice"},
		{"dns-https", "dns.example:443", "must be an IP address and a port"},
		{"dns-tls", "127.0.0.1:1", "must come with --tls-cert and --tls-key"},
		{"dns-https", "127.0.0.1:1", "must come with --tls-cert and --tls-key"},
		{"tls-cert", "cert.pem", "must come with --dns-tls or --dns-https"},
		{"tls-key", "key.pem", "must come with --dns-tls or --dns-https"},
		{"elsewhere", "a..b", "must be a domain name such as"},
		{"upstream", "dns.example", "must be a name server such as 192.0.2.1"},
		{"upstream", "0.0.0.0", "must be a name server"},
		{"upstream", "", "must be a name server"},
		{"upstream", "192.0.2.1#dns.example", "must be a name server"},
		{"upstream", "off,192.0.2.1", "must not be given beside others"},
		{"upstream", "192.0.2.1,off", "must not be given beside others"},
		{"route", "corp.example", "must be a domain and its name servers"},
		{"route", "=10.0.0.1", "must be a domain and its name servers"},
		{"route", "corp.example=", "must be a domain and its name servers"},
		{"route", "corp.example=10.0.0.1,,10.0.0.2", "must be a domain and its name servers"},
		{"route", "a=10.0.0.1\nA=10.0.0.2", "must not be the second for a."},
		{"recursion", "", "must be local, all, off, or a network"},
		{"recursion", "everybody", "must be local, all, off, or a network"},
		{"recursion", "203.0.113.1/24", "must be local, all, off, or a network"},
		{"recursion", "fe80::1%eth0", "must be local, all, off, or a network"},
		{"cache-size", "1023KiB", "must be 0, or octets such as 64MiB"},
		{"cache-size", "64MB", "must be 0, or octets"},
		{"cache-size", "-1", "must be 0, or octets"},
		{"cache-size", "", "must be 0, or octets"},
		{"cache-size", "8589934593GiB", "must be 0, or octets"},
		{"cache-size", "1025GiB", "from 1MiB to 1024GiB"},
		{"nsid", strings.Repeat("n", 129), "must be at most 128 octets"},
		{"http", "8054", "must be an IP address and a port"},
		{"docker", "yes", "must be auto, off, unix:///PATH or tcp://HOST:PORT"},
		{"docker", "unix://run/docker.sock", "must be auto"},
		{"docker", "tcp://engine", "must be auto"},
		{"docker", "https://engine:2376", "must be auto"},
		{"advertise", "host", "must be an IP address at which"},
		{"advertise", "0.0.0.0", "must be an IP address at which"},
		{"advertise", "224.0.0.1", "must be an IP address at which"},
		{"advertise", "fe80::1%eth0", "must be an IP address at which"},
		{"advertise", "192.0.2.1,192.0.2.2", "but 192.0.2.1 was given as well"},
		{"ttl", "5", "must be a duration in whole seconds"},
		{"ttl", "1500ms", "must be a duration in whole seconds"},
		{"ttl", "0s", "from 1s to 24h"},
		{"ttl", "25h", "from 1s to 24h"},
		{"answer-limit", "1001", "must be a number from 0 to 1000"},
		{"max-instances", "0", "must be a number from 1 to 100000000"},
		{"response-rate", "-1", "must be a number from 0"},
		{"tcp-connections", "0", "must be a number from 1"},
		{"tcp-connections-per-address", "0", "must be a number from 1"},
		{"max-instances", "many", "must be a number from 1"},
		{"log-level", "loud", "must be debug, info, warn or error"},
		{"log-format", "xml", "must be text or json"},
	}
	for _, tt := range tests {
		t.Run(tt.setting+"="+tt.value, func(t *testing.T) {
			_, err := load(t, "", nil, "--"+tt.setting, tt.value)
			if err == nil || !strings.Contains(err.Error(), "--"+tt.setting+" ") || !strings.Contains(err.Error(), tt.rule) {
				t.Errorf("--%s %q: got error %v, want one that says %q", tt.setting, tt.value, err, tt.rule)
			}
		})
	}
}

func TestConfigFileRefuses(t *testing.T) {
	tests := []struct{ name, file, want string }{
		{"unknown key", "ttl: 5s\nttk: 5s\n", `rollcall.yaml:2 "5s" is not a setting`},
		{"key config", "config: other.yaml", `key config in`},
		{"twice", "ttl: 5s\nttl: 6s\n", `must not be given twice`},
		{"no value", "ttl:\n", "must be one value"},
		{"list where one is", "ttl: [5s]\n", "must be one value"},
		{"list of lists", "dns: [[127.0.0.1:1]]\n", "must be a value or a list of values"},
		{"map", "dns: {a: b}\n", "must be a value or a list of values"},
		{"no mapping", "- ttl\n", "must hold keys and values"},
		{"no YAML", "ttl: [\n", "must be one YAML document"},
		{"two documents", "ttl: 5s\n---\nttl: 6s\n", "must be one YAML document"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := load(t, tt.file, nil); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want one that says %q", err, tt.want)
			}
		})
	}
}

func TestConfigReportsAllFaultsAtOnce(t *testing.T) {
	_, err := load(t, "ttk: 5s\nhttp: here\n", map[string]string{"ROLLCALL_TTL": "5"}, "--docker", "yes", "--dns", "127.0.0.1:1,x")
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		"5 of the settings cannot be used:\n",
		`:1 "5s" is not a setting`,
		`--dns "x" must be`,
		`:2 "here" must be`,
		`--docker "yes" must be`,
		`ROLLCALL_TTL "5" must be`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error lacks %q:\n%v", want, err)
		}
	}
}

func TestConfigFileMustBeReadable(t *testing.T) {
	for name, load := range map[string]func() (*Config, error){
		"--config":        func() (*Config, error) { return load(t, "", nil, "--config", "/nowhere/x.yaml") },
		"ROLLCALL_CONFIG": func() (*Config, error) { return load(t, "", map[string]string{"ROLLCALL_CONFIG": "/nowhere/x.yaml"}) },
	} {
		if _, err := load(); err == nil || !strings.Contains(err.Error(), name+` "/nowhere/x.yaml" must be a file that can be read`) {
			t.Errorf("%s: got error %v", name, err)
		}
	}
}

func TestReadmeListsEverySetting(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range settings {
		def := "`" + s.def + "`"
		if s.def == "" {
			def = "" // said in words
		}
		if row := "| `--" + s.name + "` | `" + serveSettings.env(s.name) + "` | " + def; !strings.Contains(string(readme), row) {
			t.Errorf("the README has no row that begins with %s", row)
		}
	}
}
