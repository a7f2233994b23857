package zone

import (
	"encoding/binary"
	"hash/fnv"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// compile derives all that does not depend on other instances. The instance is valid.
func (w *writer) compile(source string, in *Instance) *entry {
	e := w.newEntry(source, in)
	e.ttl = uint32(in.TTL.Seconds())
	if in.TTL == 0 {
		e.ttl = w.ttl
	}
	if e.failed = w.failedAt(e.key(), in); e.failed > 0 {
		e.ttl = min(e.ttl, fallbackTTL)
	}
	for _, t := range in.Tags {
		e.tags |= tagBits(tagLabel(t))
	}
	w.place(e, in.Endpoints)
	return e
}

// namesOf are the service names of an instance, relative and canonical, without
// repetition.
func namesOf(in *Instance) []string {
	first, _ := parseLabels(in.Service)
	names := []string{first}
	for _, s := range in.Aliases {
		if rel, _ := parseLabels(s); !slices.Contains(names, rel) {
			names = append(names, rel)
		}
	}
	return names
}

// place finds the networks of each endpoint and groups those with the same ports.
// Endpoints that are bound to a network and those that are not are never answered
// together, so each kind counts its groups from the first target.
func (w *writer) place(e *entry, endpoints []Endpoint) {
	var room [2][4]int
	heads := [2][]int{room[0][:0], room[1][:0]} // by kind, the first endpoint of each group
	mask := uint64(0)
	if e.in.txt != "" {
		mask |= maskTXT
	}
	for i := range endpoints {
		ep := &endpoints[i]
		s := &e.spots()[i]
		if ep.Network != "" {
			s.nets = setOf(netOf(e.source.Value(), ep.Network))
		} else {
			s.nets = setOf(w.networksAt(ep.Addr)...)
		}
		kind := 0
		if s.nets.empty() {
			kind = 1
			mask |= maskAnywhere & s.mask()
		} else {
			for n := range s.nets.all() {
				mask |= n.mask() & s.mask()
			}
		}
		g := slices.IndexFunc(heads[kind], func(h int) bool {
			return slices.Equal(endpoints[h].Ports, ep.Ports)
		})
		if g < 0 {
			g = len(heads[kind])
			heads[kind] = append(heads[kind], i)
		}
		s.group = uint8(g)
	}
	if len(heads[0]) == 0 {
		mask |= mask & maskAnywhere << anywhereToLone
	}
	switch {
	case e.in.State == Up:
		e.mask = mask | maskUp
	case e.failed > 0:
		e.mask = mask | maskFailed
	}
}

// networksAt are those that an address belongs to which is bound to none by name.
func (w *writer) networksAt(a netip.Addr) []netID {
	c, _ := w.subnets.longest(a)
	if len(w.open) == 0 {
		return c.nets
	}
	return slices.DeleteFunc(slices.Clone(c.nets), func(n netID) bool { return w.open[n] })
}

// txtOf is the rdata of a TXT record with one "key=value" string for each pair,
// in the order of the keys.
func txtOf(meta map[string]string) string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(meta)) {
		b.WriteByte(byte(len(k) + 1 + len(meta[k])))
		b.WriteString(k)
		b.WriteByte('=')
		b.WriteString(meta[k])
	}
	return b.String()
}

// maxHost leaves room in a label for "-<digest>-<group>".
const maxHost = maxLabel - len("-zzzzzz-64")

// hostOf is the label that an instance wishes for: its host, or its ID made one.
func hostOf(host, id string) string {
	h := asciiLower(host)
	if h == "" {
		b := []byte(asciiLower(id))
		for i, c := range b {
			if !alnum(c) {
				b[i] = '-'
			}
		}
		h = strings.Trim(string(b), "-")
	}
	switch {
	case h == "" || h == TagLabel:
		return "i-" + digest(id)
	case len(h) > maxHost:
		return h[:maxHost-7] + "-" + digest(h)
	}
	return h
}

// suffixed is the label that an instance takes when the one it wishes for is
// taken. It depends on the instance alone, so that it stays the same when
// instances come back in another order.
func suffixed(host string, k Key, try int) string {
	return host + "-" + digest(k.Source+"\x00"+k.ID+strings.Repeat("\x00", try))
}

// suffixedPrefix begins the targets of all who wish for a host and have a suffix.
func suffixedPrefix(host string) string {
	return string(rune(len(host)+suffixLen)) + host + "-"
}

const suffixLen = len("-zzzzzz")

// digest is six letters and digits made from s.
func digest(s string) string {
	h := fnv.New64a()
	h.Write([]byte(s))
	d := strconv.FormatUint(h.Sum64()%(36*36*36*36*36*36), 36)
	return strings.Repeat("0", 6-len(d)) + d
}

func groupLabel(host string, g uint8) string {
	if g == 0 {
		return host
	}
	return host + "-" + strconv.Itoa(int(g)+1)
}

// srvHead is the rdata of an SRV record before its target (RFC 2782).
func srvHead(b *[16]byte, in *kept, p *Port) {
	binary.BigEndian.PutUint16(b[0:], in.Priority)
	binary.BigEndian.PutUint16(b[2:], in.Weight)
	binary.BigEndian.PutUint16(b[4:], p.Number)
}
