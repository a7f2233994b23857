package static

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/rollcall-dns/rollcall/zone"
)

// kinds are the keys of an entry that give records: one for each item of their list.
var kinds = map[string]func(e *entry, n *yaml.Node){
	"a":     func(e *entry, n *yaml.Node) { e.address(n, zone.TypeA) },
	"aaaa":  func(e *entry, n *yaml.Node) { e.address(n, zone.TypeAAAA) },
	"cname": (*entry).cname,
	"srv":   (*entry).srv,
	"txt":   (*entry).txt,
}

const keys = "name, ttl, a, aaaa, cname, srv or txt"

// entry is one item of the list: a name with its records.
type entry struct {
	*parser
	name  string
	owner *named
	at    *yaml.Node // of the name
	ttl   time.Duration
	key   string // under which a record stands
}

// entry reads an item of the list.
func (p *parser) entry(n *yaml.Node) {
	if n = target(n); n.Kind != yaml.MappingNode {
		p.fault(n, "", "", n.Value, "must be an entry such as {name: db, a: 10.0.0.7}")
		return
	}
	e := &entry{parser: p, at: n}
	given := e.given(n)
	e.readName(given["name"])
	e.readTTL(given["ttl"])
	records := false
	for key, value := range pairs(n) {
		read := kinds[key.Value]
		if read == nil {
			continue
		}
		records = true
		for _, item := range items(value) {
			e.key = key.Value
			read(e, item)
		}
	}
	if !records {
		e.fault(n, e.name, "", "", "must have at least one of a, aaaa, cname, srv and txt")
	}
}

// given are the values of an entry by their keys, which it checks.
func (e *entry) given(n *yaml.Node) map[string]*yaml.Node {
	given := map[string]*yaml.Node{}
	for key, value := range pairs(n) {
		if given["name"] == nil && key.Value == "name" && value.Kind == yaml.ScalarNode {
			e.name = value.Value
		}
		given[key.Value] = value
	}
	seen := map[string]bool{}
	for key := range pairs(n) {
		switch k := key.Value; {
		case k != "name" && k != "ttl" && kinds[k] == nil:
			e.fault(key, e.name, "", k, "is not a key of an entry: those are "+keys)
		case seen[k]:
			e.fault(key, e.name, "", k, "must not be given twice")
		}
		seen[key.Value] = true
	}
	return given
}

func (e *entry) readName(n *yaml.Node) {
	if n == nil {
		e.fault(e.at, "", "", "", "must have a name")
		return
	}
	e.at = n
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" || n.Value == "" {
		e.fault(n, "", "name", n.Value, `must be a name relative to the domain, such as db or "*.apps"`)
		return
	}
	canonical := e.name
	if name, err := zone.ParseName(e.name); err == nil {
		canonical = strings.TrimSuffix(name.String(), ".")
	}
	if e.owner = e.names[canonical]; e.owner == nil {
		e.owner = &named{name: canonical, ids: map[string]int{}}
		e.names[canonical] = e.owner
	}
}

func (e *entry) readTTL(n *yaml.Node) {
	if n == nil {
		return
	}
	d, err := time.ParseDuration(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil || d < time.Second {
		e.fault(n, e.name, "ttl", n.Value, "must be a duration of at least 1s, such as 30s or 5m")
		return
	}
	e.ttl = d
}

func (e *entry) address(n *yaml.Node, typ uint16) {
	ip, err := netip.ParseAddr(n.Value)
	switch {
	case n.Kind == yaml.ScalarNode && err == nil && typ == zone.TypeA && ip.Is4():
	case n.Kind == yaml.ScalarNode && err == nil && typ == zone.TypeAAAA && ip.Is6() && !ip.Is4In6() && ip.Zone() == "":
	case typ == zone.TypeA:
		e.fault(n, e.name, e.key, n.Value, "must be an IPv4 address")
		return
	default:
		e.fault(n, e.name, e.key, n.Value, "must be an IPv6 address without a zone")
		return
	}
	e.add(n, zone.Static{Type: typ, Data: ip.AsSlice()}, ip.String())
}

func (e *entry) cname(n *yaml.Node) {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		e.fault(n, e.name, e.key, n.Value, targetRule)
		return
	}
	e.add(n, zone.Static{Type: zone.TypeCNAME, Target: n.Value}, n.Value)
}

const targetRule = "must be a name, relative to the domain or with a final dot"

func (e *entry) srv(n *yaml.Node) {
	if n.Kind != yaml.MappingNode {
		e.fault(n, e.name, e.key, n.Value, "must be such as {priority: 10, weight: 5, port: 5432, target: db}")
		return
	}
	numbers := map[string]uint16{}
	var to *yaml.Node
	for key, value := range pairs(n) {
		k := key.Value
		switch _, twice := numbers[k]; {
		case twice || k == "target" && to != nil:
			e.fault(key, e.name, e.key, k, "must not be given twice")
		case k == "target":
			to = value
		case k == "priority" || k == "weight" || k == "port":
			v, err := strconv.ParseUint(value.Value, 10, 16)
			if numbers[k] = uint16(v); err != nil || value.Kind != yaml.ScalarNode {
				e.fault(value, e.name, "srv."+k, value.Value, "must be a number from 0 to 65535")
			}
		default:
			e.fault(key, e.name, e.key, k, "is not a key of srv: those are priority, weight, port and target")
		}
	}
	_, hasPort := numbers["port"]
	if !hasPort || to == nil || to.Kind != yaml.ScalarNode || to.Tag == "!!null" {
		e.fault(n, e.name, e.key, "", "must have a port and a target")
		return
	}
	var data []byte
	text := ""
	for _, k := range []string{"priority", "weight", "port"} {
		data = binary.BigEndian.AppendUint16(data, numbers[k])
		text += strconv.Itoa(int(numbers[k])) + " "
	}
	e.add(to, zone.Static{Type: zone.TypeSRV, Data: data, Target: to.Value}, text+to.Value)
}

// maxString is what a character-string holds (RFC 1035 §3.3). Longer text takes
// several, which clients put together again (RFC 7208 §3.3).
const maxString = 255

func (e *entry) txt(n *yaml.Node) {
	var data []byte
	var text []string
	for _, s := range items(n) {
		if s.Kind != yaml.ScalarNode || s.Tag == "!!null" {
			e.fault(s, e.name, e.key, s.Value, "must be text, or a list of texts for one record of several strings")
			return
		}
		for rest, first := s.Value, true; first || rest != ""; first = false {
			k := min(len(rest), maxString)
			data = append(append(data, byte(k)), rest[:k]...)
			text = append(text, strconv.Quote(rest[:k]))
			rest = rest[k:]
		}
	}
	e.add(n, zone.Static{Type: zone.TypeTXT, Data: data}, strings.Join(text, " "))
}

// add takes a record that was read at n, unless it breaks a rule of the zone's.
func (e *entry) add(n *yaml.Node, st zone.Static, text string) {
	if e.owner == nil {
		return // without a name, which is told
	}
	st.Owner, st.TTL = e.name, e.ttl
	st.ID = idOf(e.owner.name + " " + strings.ToUpper(e.key) + " " + text)
	if err := st.Validate(); err != nil {
		e.refused(n, err)
		return
	}
	if line, twice := e.owner.ids[st.ID]; twice {
		e.fault(n, e.name, e.key, n.Value, fmt.Sprintf("must not be given twice: it is in line %d too", line))
		return
	}
	e.owner.ids[st.ID] = n.Line
	at := place{n, e.name}
	if st.Type == zone.TypeCNAME {
		e.owner.aliases = append(e.owner.aliases, at)
	} else if e.owner.other == 0 {
		e.owner.other = n.Line
	}
	e.records = append(e.records, st)
}

// refused tells what the zone has against a record.
func (e *entry) refused(n *yaml.Node, err error) {
	list := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		list = joined.Unwrap()
	}
	for _, err := range list {
		f := new(zone.FieldError)
		switch errors.As(err, &f); f.Field {
		case "Owner":
			e.fault(e.at, e.name, "name", f.Value, f.Reason)
		case "TTL":
			e.fault(n, e.name, "ttl", f.Value, f.Reason)
		case "":
			e.fault(n, e.name, e.key, n.Value, err.Error())
		default:
			e.fault(n, e.name, e.key, f.Value, f.Reason)
		}
	}
}

// idOf makes an ID of what a record says, so that it is the same wherever it
// stands in the file. One that is too long ends in a digest.
func idOf(text string) string {
	const most = 255
	if len(text) <= most {
		return text
	}
	sum := sha256.Sum256([]byte(text))
	return fmt.Sprintf("%s…%x", text[:200], sum[:16])
}
