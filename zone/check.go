package zone

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Check says how an instance is probed, at its own addresses and nowhere else. A
// zone carries checks and runs none: what they find comes back as a Verdict.
// Checks are compared with ==.
type Check struct {
	Kind CheckKind
	// Target is what is asked for: of HTTP the path with its query, from the slash
	// on; of GRPC the name of a service, "" for the whole server; of DNS a name
	// that has to exist, "" for any answer. TCP has none.
	Target string
	Method string // of HTTP: GET, HEAD or OPTIONS; "" is GET
	// Host is the name of the server, in the HTTP request and over TLS. Nothing is
	// looked up or reached by it. "" is the address.
	Host   string
	Verify bool   // over TLS the certificate has to be valid for Host; else any is taken
	Port   string // name or number of a port; "" is the first that the kind can use

	Interval time.Duration // between the beginnings of two probes: 1 s to 1 h
	Timeout  time.Duration // for a probe as a whole: 10 ms to Interval
	Rise     uint8         // that many passes in a row make it up: 1 to 10
	Fall     uint8         // that many failures in a row make it down: 1 to 10
	Initial  State         // before either: Starting or Up
}

// CheckKind is the protocol of a check.
type CheckKind uint8

// The kinds of checks. Those with an S are over TLS.
const (
	CheckHTTP  CheckKind = iota // passes with a status of 200 to 299
	CheckHTTPS                  //
	CheckTCP                    // passes when it is connected
	CheckGRPC                   // passes when grpc.health.v1 says SERVING
	CheckGRPCS                  //
	CheckDNS                    // passes when it is answered
)

var checkNames = [...]string{
	CheckHTTP: "http", CheckHTTPS: "https", CheckTCP: "tcp", CheckGRPC: "grpc", CheckGRPCS: "grpcs", CheckDNS: "dns",
}

// String gives the kind as APIs write it: "http".
func (k CheckKind) String() string { return checkNames[k] }

// TLS reports whether the kind is spoken over TLS.
func (k CheckKind) TLS() bool { return k == CheckHTTPS || k == CheckGRPCS }

// The bounds of one check.
const (
	maxChecks        = 16
	maxCheckTarget   = 1024
	minCheckInterval = time.Second
	maxCheckInterval = time.Hour
	minCheckTimeout  = 10 * time.Millisecond
	maxStreak        = 10
)

// DefaultCheck is a check with what it has when nobody says otherwise: each 10 s,
// 2 s to answer, up after one pass, down after three failures, starting at first.
var DefaultCheck = Check{Interval: 10 * time.Second, Timeout: 2 * time.Second, Rise: 1, Fall: 3}

// Spot is where a check finds an instance.
type Spot struct {
	Network string
	Addr    netip.AddrPort
	Proto   Proto
}

// Spots gives where a check finds the instance, in the order of its endpoints and
// without repetition: at each one the port that it names. A number that no
// endpoint lists is used as it is, but not where ports are published, for there
// it is somebody else's.
func (in *Instance) Spots(c *Check) []Spot {
	number, err := strconv.ParseUint(c.Port, 10, 16)
	numbered := err == nil && number > 0
	var spots []Spot
	add := func(e *Endpoint, port uint16, proto Proto) {
		s := Spot{e.Network, netip.AddrPortFrom(e.Addr.Unmap(), port), proto}
		if !slices.Contains(spots, s) {
			spots = append(spots, s)
		}
	}
	for i := range in.Endpoints {
		e := &in.Endpoints[i]
		if p := c.portOf(e); p != nil {
			add(e, p.Number, p.Proto)
		}
	}
	if len(spots) > 0 || !numbered {
		return spots
	}
	for i := range in.Endpoints {
		e := &in.Endpoints[i]
		if !slices.ContainsFunc(e.Ports, func(p Port) bool { return p.Known != 0 }) {
			add(e, uint16(number), c.proto())
		}
	}
	return spots
}

// proto is the protocol that the kind is spoken over by choice.
func (c *Check) proto() Proto {
	if c.Kind == CheckDNS {
		return UDP
	}
	return TCP
}

// portOf finds the port of an endpoint that the check is about, or nil.
func (c *Check) portOf(e *Endpoint) *Port {
	for _, proto := range [...]Proto{c.proto(), TCP} {
		for i := range e.Ports {
			p := &e.Ports[i]
			name, number := portLabels(p)
			if p.Proto == proto && (c.Port == "" || c.Port == number || strings.EqualFold(c.Port, name)) {
				return p
			}
		}
	}
	return nil
}

func (f *faults) checks(in *Instance) {
	f.count("Checks", len(in.Checks), maxChecks)
	for i := range in.Checks[:min(len(in.Checks), maxChecks)] {
		c := &in.Checks[i]
		field := fmt.Sprintf("Checks[%d].", i)
		f.checkTarget(field, c)
		f.checkTimes(field, c)
		if len(in.Endpoints) > 0 && int(c.Kind) < len(checkNames) && len(in.Spots(c)) == 0 {
			f.add(field+"Port", c.Port, cmp.Or(c.missing(), "must be the name of a port that the instance has, or a number"))
		}
	}
}

// missing is the rule for a check that names no port and finds none.
func (c *Check) missing() string {
	switch {
	case c.Port != "":
		return ""
	case c.Kind == CheckDNS:
		return "must be given: the instance has no port over UDP or TCP to take it from"
	}
	return "must be given: the instance has no port over TCP to take it from"
}

func (f *faults) checkTarget(field string, c *Check) {
	printable := func(s string) bool {
		return strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
	}
	switch {
	case int(c.Kind) >= len(checkNames):
		f.add(field+"Kind", strconv.Itoa(int(c.Kind)), "must be one of the kinds of checks")
	case len(c.Target) > maxCheckTarget || !printable(c.Target):
		f.add(field+"Target", c.Target, "must be at most 1,024 printable ASCII characters without spaces")
	case (c.Kind == CheckHTTP || c.Kind == CheckHTTPS) && !strings.HasPrefix(c.Target, "/"):
		f.add(field+"Target", c.Target, "must be a path that begins with /: it is asked for at the instance's own address")
	case c.Kind == CheckTCP && c.Target != "":
		f.add(field+"Target", c.Target, "must be empty: nothing is asked for over TCP")
	case c.Kind == CheckDNS && c.Target != "":
		if _, err := ParseName(c.Target); err != nil {
			f.add(field+"Target", c.Target, "must be a domain name")
		}
	}
	switch c.Method {
	case "":
	case "GET", "HEAD", "OPTIONS": // safe ones (RFC 9110 §9.2.1)
		if c.Kind != CheckHTTP && c.Kind != CheckHTTPS {
			f.add(field+"Method", c.Method, "must not be given: the check is not over HTTP")
		}
	default:
		f.add(field+"Method", c.Method, "must be GET, HEAD or OPTIONS: a check changes nothing")
	}
	if len(c.Host) > 255 || !printable(c.Host) || strings.ContainsAny(c.Host, "/@?#\\") {
		f.add(field+"Host", c.Host, "must be the name of a host, or a name and a port")
	}
	switch {
	case c.Verify && !c.Kind.TLS():
		f.add(field+"Verify", "true", "must not be given: the check is not over TLS")
	case c.Verify && c.Host == "":
		f.add(field+"Host", "", "must be given: the certificate is verified for it")
	}
}

func (f *faults) checkTimes(field string, c *Check) {
	if c.Interval < minCheckInterval || c.Interval > maxCheckInterval {
		f.add(field+"Interval", c.Interval.String(), "must be from 1s to 1h")
	}
	if c.Timeout < minCheckTimeout || c.Timeout > c.Interval {
		f.add(field+"Timeout", c.Timeout.String(), "must be from 10ms to the interval")
	}
	for _, s := range [...]struct {
		field string
		n     uint8
	}{{"Rise", c.Rise}, {"Fall", c.Fall}} {
		if s.n < 1 || s.n > maxStreak {
			f.add(field+s.field, strconv.Itoa(int(s.n)), "must be from 1 to 10")
		}
	}
	if c.Initial != Starting && c.Initial != Up {
		f.add(field+"Initial", c.Initial.name(), "must be starting or up")
	}
}
