package selfreg

import (
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rollcall-dns/rollcall/zone"
)

// The bounds of a registration. Those that the zone has as well are here so that
// no time is spent on what is too much.
const (
	maxBody      = 64 << 10
	maxID        = 128
	maxAddresses = 64
	maxPorts     = 1024 // of all addresses together
	maxTags      = 64
	maxALPN      = 127 // protocols: more do not fit into what the zone takes
	minLease     = time.Second
	maxLease     = 24 * time.Hour
	defaultLease = 30 * time.Second
	maxTTL       = 24 * time.Hour
)

// body is what a service tells of itself.
type body struct {
	in        zone.Instance // but for what the path says
	addresses []netip.Addr
	ports     []zone.Port
	period    time.Duration
	sender    netip.Addr // where it came from: its address, when it gives none
}

// parseBody reads a registration. What is wrong in itself is in the faults; what
// the zone does not take is found by Instance.Validate.
func parseBody(data []byte, f *faults) body {
	b := newBody()
	f.read(data, func(name string) setter { return b.field(name, f) })
	return b
}

func newBody() body { return body{period: defaultLease, in: zone.Instance{State: zone.Up}} }

// read reads an object.
func (f *faults) read(data []byte, field func(name string) setter) {
	v, err := readJSON(data)
	if err != nil {
		f.add("", err.Error())
		return
	}
	f.object("", v, field)
}

// field is the setter of a field, or nil.
func (b *body) field(name string, f *faults) setter {
	switch name {
	case "addresses":
		return f.list("addresses", maxAddresses, func(path string, v any) { b.addresses = append(b.addresses, f.address(path, v)) })
	case "ports":
		return f.list("ports", maxPorts, func(path string, v any) { b.ports = append(b.ports, f.port(path, v)) })
	case "lease":
		return f.duration(&b.period, minLease, maxLease, time.Nanosecond, "must be a duration such as 30s, from 1s to 24h")
	case "ttl":
		return f.duration(&b.in.TTL, time.Second, maxTTL, time.Second, "must be a duration in whole seconds such as 5s, from 1s to 24h")
	case "priority":
		return f.number(&b.in.Priority, 0)
	case "weight":
		return f.number(&b.in.Weight, 0)
	case "tags":
		return f.list("strings", maxTags, f.texts(&b.in.Tags))
	case "meta":
		return func(path string, v any) { b.in.Meta = f.meta(path, v) }
	case "state":
		return f.state(&b.in.State)
	case "host":
		return f.text(&b.in.Host)
	case "check":
		return f.check(&b.in.Checks)
	case "fallback":
		return f.fallback(&b.in.Fallback)
	}
	return nil
}

// parseState reads {"state": "…"}.
func parseState(data []byte, f *faults) zone.State {
	state, given := zone.Up, false
	f.read(data, func(name string) setter {
		if name != "state" {
			return nil
		}
		return func(path string, v any) {
			given = true
			f.state(&state)(path, v)
		}
	})
	if !given {
		f.add("state", "must be given: starting, up, draining or down")
	}
	return state
}

// address keeps its place in the list also when it is wrong, so that faults that
// are found later have the right number.
func (f *faults) address(path string, v any) netip.Addr {
	s, ok := v.(string)
	a, err := netip.ParseAddr(s)
	if !ok || err != nil {
		f.add(path, "must be an IPv4 or IPv6 address")
	}
	return a
}

func (f *faults) port(path string, v any) zone.Port {
	var p zone.Port
	given := false
	f.object(path, v, func(name string) setter {
		switch name {
		case "name":
			return f.text(&p.Name)
		case "number":
			return func(path string, v any) {
				given = true
				f.number(&p.Number, 1)(path, v)
			}
		case "protocol":
			return f.proto(&p.Proto)
		case "alpn":
			return func(path string, v any) { p.ALPN = f.alpn(path, v) }
		}
		return nil
	})
	if !given {
		f.add(path+".number", "must be given: a whole number from 1 to 65535")
	}
	return p
}

func (f *faults) proto(into *zone.Proto) setter {
	return func(path string, v any) {
		s, isText := v.(string)
		proto, ok := zone.ParseProto(s)
		if !ok || !isText {
			f.add(path, "must be tcp, udp or sctp")
		}
		*into = proto
	}
}

func (f *faults) alpn(path string, v any) zone.ALPN {
	var ids []string
	known := len(*f)
	f.list("protocols", maxALPN, f.texts(&ids))(path, v)
	a, ok := zone.ParseALPN(ids)
	if !ok && len(*f) == known {
		f.add(path, zone.ALPNRule)
	}
	return a
}

func (f *faults) meta(path string, v any) map[string]string {
	o, ok := v.(object)
	if !ok {
		f.add(path, "must be an object of strings")
		return nil
	}
	m := make(map[string]string, len(o))
	for _, e := range o {
		p := below(path, e.key)
		if _, twice := m[e.key]; twice {
			f.add(p, "must not be given twice")
		}
		var s string
		f.text(&s)(p, e.value)
		m[e.key] = s
	}
	return m
}

func (f *faults) duration(into *time.Duration, least, most, unit time.Duration, rule string) setter {
	return func(path string, v any) {
		s, _ := v.(string)
		d, err := time.ParseDuration(s)
		if err != nil || d < least || d > most || d%unit != 0 {
			f.add(path, rule)
			return
		}
		*into = d
	}
}

func (f *faults) state(into *zone.State) setter {
	return func(path string, v any) {
		s, _ := v.(string)
		state, ok := zone.ParseState(s)
		if !ok {
			f.add(path, "must be starting, up, draining or down")
			return
		}
		*into = state
	}
}

func (f *faults) fallback(into *zone.Fallback) setter {
	return func(path string, v any) {
		s, _ := v.(string)
		fallback, ok := zone.ParseFallback(s)
		if !ok {
			f.add(path, zone.FallbackRule)
		}
		*into = fallback
	}
}

// idOf is the ID that a registration has in the zone. Services have no case.
func idOf(service, id string) string { return strings.ToLower(service) + "/" + id }

// appendID appends the same, and is to allocate nothing.
func appendID(b, service, id []byte) []byte {
	start := len(b)
	for _, c := range service {
		switch {
		case c >= utf8.RuneSelf:
			return append(b[:start], idOf(string(service), string(id))...)
		case c >= 'A' && c <= 'Z':
			c += 'a' - 'A'
		}
		b = append(b, c)
	}
	return append(append(b, '/'), id...)
}

// splitID takes the service off an ID. Services have no slash.
func splitID(key string) (service, id string) {
	service, id, _ = strings.Cut(key, "/")
	return service, id
}
