package docker

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/rollcall-dns/rollcall/zone"
)

// The most that a zone takes of one instance; TestLimitsAreThoseOfTheZone holds
// them against it.
const (
	maxEndpoints = 64
	maxPorts     = 1024 // of all endpoints together
)

// port is one port of a container with what labels say of it.
type port struct {
	portKey
	name string
	alpn zone.ALPN
	tags []string // nil: those of the container
}

// split makes the instances of a container from one that has all but endpoints:
// the ports with tags of their own are instances of their own.
func (b *builder) split(base zone.Instance) ([]zone.Instance, error) {
	var common []port
	var instances []zone.Instance
	ports := b.ports()
	check, checks := b.checks(ports)
	base.Fallback = b.fallback(check != nil || len(checks) > 0)
	for _, p := range ports {
		if p.tags == nil {
			common = append(common, p)
			continue
		}
		in := base
		in.ID = fmt.Sprintf("%s:%d/%s", base.ID, p.number, p.proto)
		in.Tags = p.tags
		in.Host = b.portHost(base.Host, p.portKey)
		in.Endpoints = b.endpoints([]port{p})
		b.checksOf(&in, []port{p}, check, checks)
		instances = append(instances, in)
	}
	if len(common) > 0 || len(ports) == 0 {
		base.Endpoints = b.endpoints(common)
		b.checksOf(&base, common, check, checks)
		instances = append(instances, base)
	}
	reachable := slices.DeleteFunc(slices.Clone(instances), func(in zone.Instance) bool { return len(in.Endpoints) == 0 })
	if len(reachable) == 0 {
		return nil, b.unreachable()
	}
	if n := len(instances) - len(reachable); n > 0 {
		b.fault(fmt.Errorf("%d of its %d instances are left out: %w", n, len(instances), b.unreachable()))
	}
	instances = reachable
	for i := range instances {
		if err := instances[i].Validate(); err != nil {
			return nil, err
		}
	}
	return instances, nil
}

func (b *builder) portHost(host string, k portKey) string {
	if host == "" {
		return ""
	}
	host += "-" + strconv.Itoa(int(k.number))
	if k.proto != zone.TCP {
		host += "-" + k.proto.String()
	}
	return validHost(host)
}

// ports are those exposed, published or declared, in order, but for ignored ones.
func (b *builder) ports() (ports []port) {
	for _, k := range b.set.withDeclared(b.c.exposed) {
		n := strconv.Itoa(int(k.number))
		yes, err := b.set.ignored(b.set.find("", n+"_ignore"), "port."+n+"/"+k.proto.String()+".ignore", "port."+n+".ignore")
		if err != nil {
			b.fault(err)
		}
		if !yes {
			ports = append(ports, port{portKey: k, name: b.portName(k), alpn: b.portALPN(k), tags: b.tags(b.set.port(k, "tags"))})
		}
	}
	return ports
}

func (b *builder) portName(k portKey) string {
	v := b.set.port(k, "name")
	if !v.given() {
		return ""
	}
	name := strings.ToLower(strings.TrimPrefix(v.text, "_"))
	probe := zone.Endpoint{Addr: netip.IPv6Loopback(), Ports: []zone.Port{{Name: name, Number: 1}}}
	if broken := rule(zone.Instance{Endpoints: []zone.Endpoint{probe}}); broken != "" {
		b.fault(v.fault(broken))
		return ""
	}
	return name
}

func (b *builder) portALPN(k portKey) zone.ALPN {
	v := b.set.port(k, "alpn")
	if !v.given() {
		return zone.ALPN{}
	}
	var ids []string
	for id := range strings.SplitSeq(v.text, ",") {
		ids = append(ids, strings.TrimSpace(id))
	}
	a, ok := zone.ParseALPN(ids)
	if !ok {
		b.fault(v.fault(zone.ALPNRule))
	}
	return a
}

// endpoints says where some ports of the container are reached, and from where,
// within the limits of the zone.
func (b *builder) endpoints(ports []port) []zone.Endpoint {
	eps := append(b.inside(ports), b.outside(ports)...)
	if len(eps) > maxEndpoints {
		b.fault(fmt.Errorf("it has %d addresses: only %d are used", len(eps), maxEndpoints))
		eps = eps[:maxEndpoints]
	}
	total := 0
	for _, e := range eps {
		total += len(e.Ports)
	}
	if total <= maxPorts {
		return eps
	}
	keep := min(len(ports)*maxPorts/total, len(ports)-1)
	b.fault(fmt.Errorf("it has %d ports: only the lowest %d are used", len(ports), keep))
	return b.endpoints(ports[:keep])
}

// inside are the endpoints on the container's own networks, and for one on the
// host's network those of the host.
func (b *builder) inside(ports []port) (eps []zone.Endpoint) {
	list := make([]zone.Port, len(ports))
	for i, p := range ports {
		list[i] = zone.Port{Name: p.name, Number: p.number, Proto: p.proto, ALPN: p.alpn}
	}
	if b.home().mode == "host" {
		for _, a := range b.sc.advertise {
			eps = append(eps, zone.Endpoint{Addr: a, Ports: list})
		}
		return eps
	}
	for _, s := range b.home().seats {
		if !b.chosen(s) {
			continue
		}
		for _, a := range s.addrs {
			eps = append(eps, zone.Endpoint{Network: b.sc.nameOf(s), Addr: a, Ports: list})
		}
	}
	return eps
}

// outside are the endpoints on the host at which ports are published.
func (b *builder) outside(ports []port) (eps []zone.Endpoint) {
	for _, p := range ports {
		for _, at := range b.home().published[p.portKey] {
			for _, a := range b.hostAddrs(at.addr) {
				i := slices.IndexFunc(eps, func(e zone.Endpoint) bool { return e.Addr == a })
				if i < 0 {
					i = len(eps)
					eps = append(eps, zone.Endpoint{Addr: a})
				}
				zp := zone.Port{Name: p.name, Number: at.port, Known: p.number, Proto: p.proto, ALPN: p.alpn}
				if !slices.Contains(eps[i].Ports, zp) {
					eps[i].Ports = append(eps[i].Ports, zp)
				}
			}
		}
	}
	slices.SortFunc(eps, func(x, y zone.Endpoint) int { return x.Addr.Compare(y.Addr) })
	return eps
}

// hostAddrs are the addresses at which others reach what is published on one of
// the host's: none for the loopback. The host itself reaches the container.
func (b *builder) hostAddrs(on netip.Addr) []netip.Addr {
	switch {
	case on.IsLoopback():
		return nil
	case on.IsValid() && !on.IsUnspecified():
		return []netip.Addr{on}
	}
	var addrs []netip.Addr
	for _, a := range b.sc.advertise {
		if !on.IsValid() || a.Is4() == on.Is4() {
			addrs = append(addrs, a)
		}
	}
	return addrs
}
