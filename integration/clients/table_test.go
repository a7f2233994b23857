//go:build conformance

package clients

import (
	"regexp"
	"time"
)

// versionNumber finds it in what a program prints.
var versionNumber = regexp.MustCompile(`\d+(\.\d+)+`)

// clients are those that docs/clients.md names.
var clients = []client{
	{name: "dig", version: []string{"dig", "-v"}, start: prints("dig +noall +comments +answer NAME A NAME AAAA")},
	{name: "kdig", version: []string{"kdig", "-V"}, start: prints("kdig +noall +header +answer NAME A NAME AAAA")},
	{name: "delv", version: []string{"delv", "-v"}, start: prints("delv -i NAME A", "delv -i NAME AAAA")},
	{name: "glibc getaddrinfo", version: []string{"ldd", "--version"}, start: glibc},
	{name: "musl getaddrinfo", version: []string{"dpkg-query", "-Wf${Version}", "musl"}, datagrams: true, start: musl},
	{name: "Go LookupHost", version: goVersion(), start: goHost},
	{name: "Go LookupSRV", version: goVersion(), ports: true, start: goService},
	{name: "Python getaddrinfo", version: []string{"python3", "--version"}, start: repeats("", "python3", "testdata/lookup.py")},
	{name: "Python dnspython", version: []string{"dpkg-query", "-Wf${Version}", "python3-dnspython"}, ports: true, start: repeats(named, "python3", "testdata/services.py")},
	{name: "Node.js dns.lookup", version: []string{"node", "--version"}, start: repeats("", "node", "testdata/lookup.js")},
	{name: "Node.js dns.resolveSrv", version: []string{"node", "--version"}, ports: true, start: repeats(named, "node", "testdata/services.js")},
	{name: "Java InetAddress", version: []string{"java", "-version"}, holds: 5 * time.Second, start: java},
	{name: "HAProxy", version: []string{"haproxy", "-v"}, ports: true, holds: 2 * time.Second, configured: true, start: haproxy},
	{name: "nginx", version: []string{"nginx", "-v"}, configured: true, start: nginx},
	{name: "Prometheus", version: []string{"prometheus", "--version"}, ports: true, holds: 15 * time.Second, configured: true, start: prometheus},
	{name: "Docker (embedded resolver)", version: []string{"dockerd", "--version"}, datagrams: true, start: docker},
	{name: "unbound", version: []string{"unbound", "-V"}, ports: true, start: unbound},
	{name: "dnsmasq", version: []string{"dnsmasq", "--version"}, ports: true, start: dnsmasq},
	{name: "systemd-resolved", version: []string{"sh", "-c", "LD_LIBRARY_PATH=$(echo " + unpacked + "/usr/lib/*/systemd) " + unpacked + "/usr/bin/resolvectl --version"}, start: resolved},
}
