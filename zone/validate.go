package zone

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// The bounds of one instance. With them each of its names fits into 255 octets
// under any domain that New accepts.
const (
	maxService   = 100 // octets of a service name on the wire
	maxDomain    = 84  // octets of a domain on the wire
	maxID        = 255
	maxEndpoints = 64
	maxPorts     = 1024 // of all endpoints
	maxAliases   = 16
	maxTags      = 64
	maxMeta      = 64
	maxText      = 255  // octets of "key=value", a character-string of RFC 1035 §3.3
	maxTXT       = 4096 // octets of all of an instance's metadata
	maxTTL       = math.MaxInt32 * time.Second
)

// TagLabel is the label between a tag and its service. No host has it, and no
// service below another.
const TagLabel = "tag"

func quoted(s string) string {
	if len(s) > 80 {
		return strconv.Quote(s[:77]) + "…"
	}
	return strconv.Quote(s)
}

// faults collects what is wrong with one instance.
type faults []error

func (f *faults) add(field, value, reason string) {
	*f = append(*f, &FieldError{Field: field, Value: value, Reason: reason})
}

func (f *faults) count(field string, n, most int) {
	if n > most {
		f.add(field, strconv.Itoa(n)+" entries", "must have at most "+strconv.Itoa(most)+" entries")
	}
}

// Validate checks everything about an instance that does not depend on others.
// The error joins one *FieldError for each fault; errors.As finds the first.
func (in *Instance) Validate() error {
	var f faults
	if in.ID == "" || len(in.ID) > maxID {
		f.add("ID", in.ID, "must have 1 to 255 octets")
	}
	f.service("Service", in.Service)
	f.count("Aliases", len(in.Aliases), maxAliases)
	for i, a := range in.Aliases {
		f.service(fmt.Sprintf("Aliases[%d]", i), a)
	}
	if in.Host != "" {
		f.host("Host", in.Host)
	}
	f.count("Endpoints", len(in.Endpoints), maxEndpoints)
	ports := 0
	for i := range in.Endpoints {
		f.endpoint(i, &in.Endpoints[i])
		ports += len(in.Endpoints[i].Ports)
	}
	f.count("Ports", ports, maxPorts)
	f.count("Tags", len(in.Tags), maxTags)
	for i, tag := range in.Tags {
		if tag == "" || len(tag) > maxText {
			f.add(fmt.Sprintf("Tags[%d]", i), tag, "must have 1 to 255 octets")
		}
	}
	f.meta(in.Meta)
	if in.TTL < 0 || in.TTL > maxTTL {
		f.add("TTL", in.TTL.String(), "must be 0 to 2147483647 s")
	}
	if int(in.State) >= len(stateNames) {
		f.add("State", in.State.name(), "must be Starting, Up, Draining or Down")
	}
	f.fallback(in.Fallback)
	f.checks(in)
	return errors.Join(f...)
}

func (f *faults) service(field, s string) {
	const rule = `must be one or more labels of letters, digits, "-" and "_" between dots, each of 1 to 63 octets, beginning and ending with a letter or digit`
	rel, err := parseLabels(s)
	switch {
	case err != nil || rel == "":
		f.add(field, s, rule)
	case len(rel) > maxService:
		f.add(field, s, fmt.Sprintf("must have at most %d octets", maxService-1))
	default:
		if asciiLower(rel) == selfName {
			f.add(field, s, "must not be ns.dns: that is the name server")
		}
		for rest := rel; rest != ""; rest = cut(rest) {
			if !hostLabel(first(rest)) {
				f.add(field, s, rule)
				return
			}
			if first(rest) == TagLabel && cut(rest) != "" {
				f.add(field, s, `must not have the label "tag" before another one: tags are found there`)
				return
			}
		}
	}
}

func (f *faults) host(field, s string) {
	switch l := strings.ToLower(s); {
	case !hostLabel(l):
		f.add(field, s, `must be one label: 1 to 63 letters, digits, "-" and "_", beginning and ending with a letter or digit`)
	case l == TagLabel:
		f.add(field, s, `must not be "tag": tags are found there`)
	}
}

func (f *faults) endpoint(i int, e *Endpoint) {
	wrong := func(value, reason string) { f.add(fmt.Sprintf("Endpoints[%d].Addr", i), value, reason) }
	switch a := e.Addr; {
	case !a.IsValid():
		wrong("", "must be an IPv4 or IPv6 address")
	case a.Zone() != "":
		wrong(a.String(), "must have no zone")
	case a.IsUnspecified() || a.IsMulticast() || a.Unmap() == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		wrong(a.String(), "must be the address of one host")
	}
	for j := range e.Ports {
		f.port(i, j, &e.Ports[j])
	}
}

func (f *faults) port(i, j int, p *Port) {
	wrong := func(field, value, reason string) {
		f.add(fmt.Sprintf("Endpoints[%d].Ports[%d].%s", i, j, field), value, reason)
	}
	if p.Number == 0 {
		wrong("Number", "0", "must be 1 to 65535")
	}
	if p.Name != "" && !portName(p.Name) {
		wrong("Name", p.Name, `must be 1 to 62 letters, digits, "-" and "_" with at least one letter, beginning and ending with a letter or digit`)
	}
	if int(p.Proto) >= len(protoNames) {
		wrong("Proto", strconv.Itoa(int(p.Proto)), "must be TCP, UDP or SCTP")
	}
}

func (f *faults) meta(m map[string]string) {
	f.count("Meta", len(m), maxMeta)
	size := 0
	for k, v := range m {
		n := len(k) + 1 + len(v)
		size += 1 + n
		switch {
		case k == "" || strings.IndexFunc(k, func(r rune) bool { return r == '=' || r < ' ' || r > '~' }) >= 0:
			f.add("Meta", k, `must have keys of printable ASCII without "=" (RFC 6763 §6.4)`)
		case n > maxText:
			f.add("Meta["+strconv.Quote(k)+"]", v, "must have at most 255 octets with its key and the =")
		}
	}
	if size > maxTXT {
		f.add("Meta", fmt.Sprintf("%d octets", size), fmt.Sprintf("must have at most %d octets in all", maxTXT))
	}
}

// hostLabel reports whether a label can stand in a host name: RFC 1123 §2.1, and
// the underscore inside, which container names have and resolvers accept.
func hostLabel(s string) bool {
	if s == "" || len(s) > maxLabel || !alnum(s[0]) || !alnum(s[len(s)-1]) {
		return false
	}
	for _, c := range []byte(s) {
		if !alnum(c) && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

func portName(s string) bool {
	return len(s) < maxLabel && hostLabel(s) && strings.Trim(s, "0123456789-_") != ""
}

func alnum(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// first is the first label of a relative name, and cut what follows it.
func first(rel string) string { return rel[1 : 1+rel[0]] }

func cut(rel string) string { return rel[1+rel[0]:] }

// label is the wire form of one label.
func label(s string) string { return string(rune(len(s))) + s }
