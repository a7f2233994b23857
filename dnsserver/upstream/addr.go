package upstream

import (
	"fmt"
	"net/netip"
	"strings"
)

// The ports of DNS (RFC 1035 §4.2) and of DNS over TLS (RFC 7858 §3.1).
const (
	portDNS = 53
	portTLS = 853
)

const schemeTLS = "tls://"

// Addr is a name server and how it is spoken to. Two are equal when they are the same
// server in all respects. The zero value is none.
type Addr struct {
	at   netip.AddrPort
	tls  bool
	name string // lower case, without the last dot
}

// ParseAddr reads "10.0.0.1", "10.0.0.1:5353", "[::1]:53" or "fe80::1%eth0", which are
// asked over UDP and TCP, or "tls://1.1.1.1:853#one.one.one.one", which is asked over
// TLS, where the certificate must be for the name behind #, or without one for the
// address. The port is 53, or 853 with TLS, unless given.
func ParseAddr(s string) (Addr, error) {
	rest, tls := strings.CutPrefix(s, schemeTLS)
	rest, name, named := strings.Cut(rest, "#")
	a := Addr{tls: tls, name: strings.ToLower(strings.TrimSuffix(name, "."))}
	switch {
	case named && !tls:
		return Addr{}, fmt.Errorf("name server %q: a name behind # goes with %s; a port is given as in 10.0.0.1:53", s, schemeTLS)
	case named && !hostname(a.name):
		return Addr{}, fmt.Errorf("name server %q: behind # must be the host name that its certificate is for", s)
	}
	var ok bool
	if a.at, ok = parseAddrPort(rest, a.defaultPort()); !ok {
		return Addr{}, fmt.Errorf("name server %q: must be an IP address, with or without a port, as in 10.0.0.1, 10.0.0.1:53, [2001:db8::1]:53 or tls://10.0.0.1#dns.example", s)
	}
	if ip := a.at.Addr(); ip.IsUnspecified() || ip.IsMulticast() || a.at.Port() == 0 {
		return Addr{}, fmt.Errorf("name server %q: must be the address and port of one server", s)
	}
	return a, nil
}

func parseAddrPort(s string, port uint16) (netip.AddrPort, bool) {
	at, err := netip.ParseAddrPort(s)
	if err != nil {
		ip, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"))
		if err != nil || strings.HasPrefix(s, "[") != strings.HasSuffix(s, "]") {
			return at, false
		}
		at = netip.AddrPortFrom(ip, port)
	}
	ip := at.Addr().Unmap()
	return netip.AddrPortFrom(ip, at.Port()), !strings.ContainsAny(ip.Zone(), "[]#")
}

// hostname reports whether s has the form of one (RFC 1123 §2.1).
func hostname(s string) bool {
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return len(s) <= 253
}

func (a Addr) defaultPort() uint16 {
	if a.tls {
		return portTLS
	}
	return portDNS
}

// String gives what ParseAddr reads, without a port that goes without saying.
func (a Addr) String() string {
	if !a.IsValid() {
		return "invalid name server"
	}
	var s strings.Builder
	if a.tls {
		s.WriteString(schemeTLS)
	}
	if a.at.Port() == a.defaultPort() {
		s.WriteString(a.at.Addr().String())
	} else {
		s.WriteString(a.at.String())
	}
	if a.name != "" {
		s.WriteString("#" + a.name)
	}
	return s.String()
}

// IsValid reports whether a is a server at all.
func (a Addr) IsValid() bool { return a.at.IsValid() }

// AddrPort is where the server listens.
func (a Addr) AddrPort() netip.AddrPort { return a.at }

// TLS reports whether the server is asked over TLS alone.
func (a Addr) TLS() bool { return a.tls }

// verifyName is what the certificate must be for: a host name or an IP address.
func (a Addr) verifyName() string {
	if a.name != "" {
		return a.name
	}
	return a.at.Addr().WithZone("").String()
}
