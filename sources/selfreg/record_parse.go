package selfreg

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"time"

	"github.com/rollcall-dns/rollcall/zone"
)

// period is the lease that a record begins with; 0 when it is none that there can be.
func (r record) period() time.Duration {
	f := fields{rest: string(r)}
	if f.octet() != fieldLease {
		return 0
	}
	return periodOf(f.number())
}

func periodOf(n uint64) time.Duration {
	if n < uint64(minLease) || n > uint64(maxLease) {
		return 0
	}
	return time.Duration(n)
}

// parseRecord reads a registration as encode has written it. Its texts are parts of the
// record, and its addresses are the room's: they are there until the next is read. What
// it says may still be what nobody could register.
func parseRecord(r record, m *room) body {
	p := parser{fields: fields{rest: string(r)}, faults: &m.faults}
	p.in.State = zone.Up
	p.addresses, p.ports = m.addresses[:0], m.ports[:0]
	for len(p.rest) > 0 && !p.bad {
		p.field()
	}
	if p.bad || p.period == 0 {
		m.faults.add("", "must be as this version writes it")
	}
	m.addresses, m.ports = p.addresses, p.ports
	p.ports = m.portsOf()
	p.in.Endpoints = m.endpointsFor(max(1, len(p.addresses)))
	return p.body
}

// fields reads values one after another. When there is none that could be, it is bad,
// and gives nothing.
type fields struct {
	rest string
	bad  bool
}

func (f *fields) take(n uint64) string {
	if n > uint64(len(f.rest)) {
		f.bad, f.rest = true, ""
		return ""
	}
	taken := f.rest[:n]
	f.rest = f.rest[n:]
	return taken
}

func (f *fields) octet() byte {
	if s := f.take(1); s != "" {
		return s[0]
	}
	return 0
}

func (f *fields) text() string { return f.take(f.number()) }

// number reads what binary.AppendUvarint has written.
func (f *fields) number() (n uint64) {
	for shift := 0; shift < 64; shift += 7 {
		c := f.octet()
		n |= uint64(c&0x7f) << shift
		if c < 0x80 {
			return n
		}
	}
	f.bad = true
	return 0
}

// short reads a number of 16 bits.
func (f *fields) short() uint16 {
	n := f.number()
	f.bad = f.bad || n > 0xffff
	return uint16(n)
}

// parser reads the fields of a record into a body.
type parser struct {
	fields
	body   // not a pointer, because what is read of a record escapes
	faults *faults
}

func (p *parser) field() {
	switch in := &p.in; p.octet() {
	case fieldLease:
		p.period = periodOf(p.number())
	case fieldSender:
		p.sender = p.faults.address("sender", p.text())
	case fieldIPv4:
		p.address(4)
	case fieldIPv6:
		p.address(16)
	case fieldPort:
		if s := p.take(2); s != "" {
			p.ports = append(p.ports, zone.Port{Number: binary.BigEndian.Uint16([]byte(s))})
		}
	case fieldProto:
		p.port().Proto = known(p, zone.ParseProto)
	case fieldPortName:
		p.port().Name = p.text()
	case fieldALPN:
		p.port().ALPN = known(p, func(s string) (zone.ALPN, bool) { return zone.ParseALPN(strings.Split(s, ",")) })
	case fieldTTL:
		in.TTL = time.Duration(p.number())
	case fieldPriority:
		in.Priority = p.short()
	case fieldWeight:
		in.Weight = p.short()
	case fieldTag:
		in.Tags = append(in.Tags, p.text())
	case fieldMeta:
		p.meta()
	case fieldState:
		in.State = known(p, zone.ParseState)
	case fieldHost:
		in.Host = p.text()
	case fieldCheck:
		p.check()
	case fieldFallback:
		in.Fallback = known(p, zone.ParseFallback)
	default:
		p.bad = true
	}
}

// known reads a text that has a meaning.
func known[T any](p *parser, parse func(string) (T, bool)) T {
	v, ok := parse(p.text())
	p.bad = p.bad || !ok
	return v
}

func (p *parser) address(size uint64) {
	a, ok := netip.AddrFromSlice([]byte(p.take(size)))
	p.addresses = append(p.addresses, a)
	p.bad = p.bad || !ok
}

// port is the one that was read last.
func (p *parser) port() *zone.Port {
	if len(p.ports) == 0 {
		p.bad = true
		return new(zone.Port)
	}
	return &p.ports[len(p.ports)-1]
}

func (p *parser) meta() {
	if p.in.Meta == nil {
		p.in.Meta = map[string]string{}
	}
	key := p.text()
	p.in.Meta[key] = p.text()
}

func (p *parser) check() {
	v, err := readJSON([]byte(p.text()))
	if err != nil {
		p.bad = true
		return
	}
	var checks []zone.Check // which escapes
	p.faults.check(&checks)("check", v)
	p.in.Checks = checks
}

// parseOldRecord reads a registration as older versions have written it: a body, with
// where it came from if that gave no addresses.
func parseOldRecord(data []byte, f *faults) body {
	b := newBody()
	f.read(data, func(name string) setter {
		if name == "sender" {
			return func(path string, v any) { b.sender = f.address(path, v) }
		}
		return b.field(name, f)
	})
	return b
}
