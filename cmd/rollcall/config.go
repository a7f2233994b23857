package main

import (
	"log/slog"
	"net/netip"
	"time"

	"github.com/rollcall-dns/rollcall/dnsserver/forward"
	"github.com/rollcall-dns/rollcall/dnsserver/upstream"
	"github.com/rollcall-dns/rollcall/zone"
)

// Config is what a server is told. Each field is one setting: a flag, an
// environment variable and a key of the configuration file, in this order of
// precedence.
type Config struct {
	Domains      []zone.Name
	DNS          []netip.AddrPort // sockets, each for UDP and TCP; port 0 takes a free one
	DNSTLS       []netip.AddrPort // further sockets, of TCP, for DNS over TLS
	DNSHTTPS     []netip.AddrPort // and for DNS over HTTPS
	TLSCert      string           // PEM file; "": no encrypted transport
	TLSKey       string
	Elsewhere    []zone.Name
	Upstreams    []upstream.Addr
	ResolvConf   []string        // files that name more of them
	Routes       []forward.Route // one for each domain
	CacheSize    int             // octets; 0: no cache
	ServeStale   bool
	NoRebinding  bool
	RecurseLocal bool // for private addresses, and the networks of containers
	Recurse      []netip.Prefix
	NSID         string // "": not told
	ResponseRate int    // like replies a second to one public network; 0: no limit
	TCPConns     int
	TCPConnsEach int // from one address
	HTTP         netip.AddrPort
	Docker       string       // dockerAuto, dockerOff or the URL of an engine
	Advertise    []netip.Addr // at most one for each family
	TTL          time.Duration
	DataDir      string // "": registrations end with the process
	AnswerLimit  int    // 0: none
	Control      string // Unix socket for a successor; "": that in DataDir, if there is one
	Replace      bool
	Static       string // "": no file of static records
	MaxInstances int
	LogLevel     slog.Level
	LogFormat    string // "text" or "json"

	noUpstream bool // --upstream off
}

// The values of Config.Docker that are no URL.
const (
	dockerAuto = "auto" // the local engine, if there is one
	dockerOff  = "off"
)

// A setting is one line of what can be configured, in a C. Its name is that of the
// flag and of the key in the file; its environment variable is derived from it.
type setting[C any] struct {
	name string
	def  string // "" means none
	many bool   // may be given several times, or as a list: "a,b" or "a b"
	line bool   // with many: a list has a value on each line
	yes  bool   // a flag without a value is "true"
	help string // says what it does to the `VALUE`
	// set reads one value into its field. It is called once for each value, in
	// order. Its error is the rule that the value breaks: "must be …".
	set func(c *C, value string) error
}

// serveSettings are those of a server, and of the commands that ask one.
var serveSettings = group[Config]{command: "serve", prefix: "ROLLCALL_", list: settings, complete: (*Config).complete}

var settings = []setting[Config]{
	{
		name: "domain", def: "svc.internal", many: true, set: setDomain,
		help: "names are in the domain `NAME`; reverse names point into the first",
	}, {
		name: "dns", def: "127.0.0.1:8053", many: true, set: setAddrs(func(c *Config) *[]netip.AddrPort { return &c.DNS }),
		help: "answer DNS on `ADDR:PORT`, UDP and TCP",
	}, {
		name: "dns-tls", many: true, set: setAddrs(func(c *Config) *[]netip.AddrPort { return &c.DNSTLS }),
		help: "answer DNS over TLS on `ADDR:PORT`, usually port 853; needs --tls-cert and --tls-key",
	}, {
		name: "dns-https", many: true, set: setAddrs(func(c *Config) *[]netip.AddrPort { return &c.DNSHTTPS }),
		help: "answer DNS over HTTPS on `ADDR:PORT`, usually port 443, at /dns-query; needs --tls-cert and --tls-key",
	}, {
		name: "tls-cert", set: func(c *Config, v string) error { c.TLSCert = v; return nil },
		help: "prove with the certificate in the PEM file `FILE` who this is, and follow its changes",
	}, {
		name: "tls-key", set: func(c *Config, v string) error { c.TLSKey = v; return nil },
		help: "take the key of the certificate from the PEM file `FILE`",
	}, {
		name: "elsewhere", many: true, set: setElsewhere,
		help: "leave the special names and private reverse zones at and below `NAME` to other servers; . is all",
	}, {
		name: "upstream", def: "/etc/resolv.conf", many: true, set: setUpstream,
		help: "ask the name server `ADDR` for names of others: IP, IP:PORT, tls://IP#NAME, a file like /etc/resolv.conf, or off",
	}, {
		name: "route", many: true, line: true, set: setRoute,
		help: "for names at and below a domain ask other servers: `DOMAIN=ADDR[,ADDR…]`; the longest domain counts",
	}, {
		name: "cache-size", def: "64MiB", set: setSize(func(c *Config) *int { return &c.CacheSize }),
		help: "remember answers about names of others in `BYTES` of memory, such as 64MiB or 1GiB; 0 remembers none",
	}, {
		name: "serve-stale", yes: true, set: setBool(func(c *Config) *bool { return &c.ServeStale }),
		help: "when no server answers, give answers about names of others whose time is over, for up to a day",
	}, {
		name: "rebind-protection", yes: true, set: setBool(func(c *Config) *bool { return &c.NoRebinding }),
		help: "remove private addresses from answers about public names; what a --route is for may have them",
	}, {
		name: "recursion", def: "local", many: true, set: setRecursion,
		help: "look up names of others for `WHOM`: local (this host, private addresses, networks of containers), all, off, or a network such as 203.0.113.0/24",
	}, {
		name: "nsid", set: setNSID,
		help: "tell whoever asks that this is the DNS server `NAME`: by NSID, and as id.server in class CH",
	}, {
		name: "response-rate", def: "0", set: setNumber(func(c *Config) *int { return &c.ResponseRate }, 0, 1_000_000),
		help: "over UDP, send at most `N` like replies a second to a public network; 0 is no limit",
	}, {
		name: "tcp-connections", def: "150", set: setNumber(func(c *Config) *int { return &c.TCPConns }, 1, 100_000),
		help: "hold at most `N` TCP connections for DNS, those of TLS and HTTPS among them",
	}, {
		name: "tcp-connections-per-address", def: "25", set: setNumber(func(c *Config) *int { return &c.TCPConnsEach }, 1, 100_000),
		help: "hold at most `N` of these from one IPv4 address or IPv6 /64",
	}, {
		name: "http", def: "127.0.0.1:8054", set: setHTTP,
		help: "the HTTP interface is on `ADDR:PORT`; whoever reaches it can register services",
	}, {
		name: "docker", def: dockerAuto, set: setDocker,
		help: "follow the Docker engine `WHICH`: auto (the local one, if there is one), off, unix:///PATH or tcp://HOST:PORT",
	}, {
		name: "advertise", many: true, set: setAdvertise,
		help: "give out `ADDR` for ports published on this host and services registered from it; one for each of IPv4 and IPv6 (default: source address of the default route)",
	}, {
		name: "ttl", def: "5s", set: setTTL,
		help: "give records the TTL `DURATION` where their instance names none",
	}, {
		name: "data-dir", set: setDataDir,
		help: "keep registrations in `DIR`, so that they outlive a restart",
	}, {
		name: "static", set: setStatic,
		help: "answer the records in the YAML file `FILE`, and follow its changes",
	}, {
		name: "answer-limit", def: "0", set: setNumber(func(c *Config) *int { return &c.AnswerLimit }, 0, 1000),
		help: "answer with at most `N` A, AAAA or SRV records, of more with a random part; 0 is all",
	}, {
		name: "control", set: func(c *Config, v string) error { c.Control = v; return nil },
		help: "wait for the server that is to replace this one on the Unix socket `PATH` (default: control.sock in --data-dir)",
	}, {
		name: "replace", yes: true, set: setBool(func(c *Config) *bool { return &c.Replace }),
		help: "take over from the server that waits on --control: its sockets, what it knows, and --data-dir; without one just start",
	}, {
		name: "max-instances", def: "1000000", set: setNumber(func(c *Config) *int { return &c.MaxInstances }, 1, 100_000_000),
		help: "hold at most `N` instances and static records of all sources together",
	}, {
		name: "log-level", def: "info", set: setLogLevel,
		help: "log from `LEVEL` up: debug, info, warn or error",
	}, {
		name: "log-format", def: "text", set: setLogFormat,
		help: "log as `FORMAT`: text or json",
	},
}
