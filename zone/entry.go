package zone

import (
	"iter"
	"net/netip"
	"slices"
	"time"
	"unique"
	"unsafe"
)

// entry is an instance made ready for answering. It never changes once it is
// published. What a lookup reads of each member stands first, and what few instances have
// is kept apart.
type entry struct {
	mask   uint64 // 0 unless up, or failed: nothing of it is answered
	tags   uint64 // bits of its tags by their hash
	ttl    uint32
	failed uint32 // the second in which its checks have failed, if it can be brought back; else 0
	spot   *spot  // the first of spots
	first  member // under the name of its service
	in     kept
	source unique.Handle[string]
}

// kept is an Instance as it is kept, less what spots and the targets say.
type kept struct {
	Lease    *Lease
	Priority uint16
	Weight   uint16
	State    State
	Fallback Fallback
	hosted   bool  // it has a Host: the first label of its target, unless that is in more
	places   uint8 // how many spots there are
	ID       string
	Revision uint64
	*more    // noMore when there is nothing in it
}

// more is what few instances have.
type more struct {
	Aliases []string
	Tags    []string
	Meta    map[string]string
	TTL     time.Duration
	Reason  string
	Checks  []Check
	txt     string    // rdata of TXT (RFC 1035 §3.3.14); "" is no record
	members []*member // under its aliases
	service string    // Instance.Service, unless that is how its name is written anyway
	host    string    // Instance.Host, unless it is as in the target, or empty
}

// spot is an Endpoint as it is kept, with what answering needs to know of it beside.
type spot struct {
	nets  netSet // the networks it is on; none is reachable from anywhere
	first *Port  // of as many as ports says
	ip    [16]byte
	ports uint16
	group uint8 // which target it belongs to
	is4   bool  // ip is that of IPv4, in IPv6
	named bool  // it is bound to its network by name
}

func (s *spot) portList() []Port { return unsafe.Slice(s.first, s.ports) }

func (s *spot) addr() netip.Addr {
	ip := netip.AddrFrom16(s.ip)
	if s.is4 {
		return ip.Unmap()
	}
	return ip
}

// spots are the endpoints of an entry.
func (e *entry) spots() []spot { return unsafe.Slice(e.spot, e.in.places) }

// mask is the bits of its family.
func (s *spot) mask() uint64 {
	if s.is4 {
		return maskIP4
	}
	return maskIP6
}

func (s *spot) network() string {
	if s.named {
		for n := range s.nets.all() {
			return n.name()
		}
	}
	return ""
}

func (s spot) is(ep Endpoint) bool {
	return s.addr() == ep.Addr && s.network() == ep.Network && slices.Equal(s.portList(), ep.Ports)
}

// member is an entry under one of its service names. Its targets are relative
// names in wire form: "<host>.<service>", "<host>-2.<service>", ….
type member struct {
	e      *entry
	target string
	beside *[]string // targets of its other groups; nil: there is one
}

// to is the target of a group.
func (m *member) to(group uint8) string {
	if group == 0 {
		return m.target
	}
	return (*m.beside)[group-1]
}

// targets are those of all groups.
func (m *member) targets() []string {
	if m.beside == nil {
		return []string{m.target}
	}
	return append([]string{m.target}, *m.beside...)
}

// setTargets gives it the names of a host's groups under a service.
func (m *member) setTargets(host, service string, groups uint8) {
	m.target = label(host) + service
	if groups == 1 {
		return
	}
	m.beside = new([]string)
	for g := uint8(1); g < groups; g++ {
		*m.beside = append(*m.beside, label(groupLabel(host, g))+service)
	}
}

// groups is how many targets each member needs.
func (e *entry) groups() uint8 {
	n := uint8(1)
	for i := range e.spots() {
		n = max(n, e.spots()[i].group+1)
	}
	return n
}

// service is the name of the service, relative and in wire form.
func (m *member) service() string { return cut(m.target) }

// solo is an entry with its endpoint, if it has one: what is read together is allocated
// together.
type solo struct {
	entry
	spots [1]spot
}

// newEntry gives an entry for an instance that lacks all that is derived.
func (w *writer) newEntry(source string, in *Instance) *entry {
	var e *entry
	if n := len(in.Endpoints); n == 1 {
		s := new(solo)
		e, s.spot = &s.entry, &s.spots[0]
	} else {
		e = &entry{spot: unsafe.SliceData(make([]spot, n))}
	}
	e.first.e, e.source = e, unique.Make(source)
	e.in = kept{
		Lease: in.Lease, Priority: in.Priority, Weight: in.Weight, State: in.State, Fallback: in.Fallback, places: uint8(len(in.Endpoints)),
		ID: in.ID, Revision: in.Revision, more: moreOf(in),
	}
	for i := range in.Endpoints {
		e.spots()[i] = w.newSpot(&in.Endpoints[i])
	}
	return e
}

func (w *writer) newSpot(ep *Endpoint) spot {
	ports := w.ports.shared(ep.Ports)
	return spot{
		ip: ep.Addr.As16(), is4: ep.Addr.Is4(), named: ep.Network != "",
		first: unsafe.SliceData(ports), ports: uint16(len(ports)),
	}
}

// portLists are lists of ports that entries were made with lately. Many instances have
// equal ones, and then share one.
type portLists [256][]Port

// shared gives a list that is equal to ports.
func (l *portLists) shared(ports []Port) []Port {
	if len(ports) == 0 {
		return nil
	}
	at := &l[uint8(ports[0].Number)+uint8(len(ports))]
	if !slices.Equal(*at, ports) {
		*at = ports
	}
	return *at
}

// noMore is what an entry has that has no more. Nobody changes it.
var noMore more

func moreOf(in *Instance) *more {
	if len(in.Aliases) == 0 && len(in.Tags) == 0 && len(in.Meta) == 0 && in.TTL == 0 && in.Reason == "" && len(in.Checks) == 0 {
		return &noMore
	}
	return &more{Aliases: in.Aliases, Tags: in.Tags, Meta: in.Meta, TTL: in.TTL, Reason: in.Reason, Checks: in.Checks, txt: txtOf(in.Meta)}
}

func (e *entry) key() Key { return Key{e.source.Value(), e.in.ID} }

// keepNames keeps the names that an instance was given, now that it has targets.
func (e *entry) keepNames(in *Instance) {
	e.in.hosted = in.Host != ""
	if e.in.hosted && in.Host != first(e.first.target) {
		e.ownMore().host = in.Host
	}
	if !isDotted(in.Service, e.first.service()) {
		e.ownMore().service = in.Service
	}
}

// ownMore is for changing, while the entry is not published.
func (e *entry) ownMore() *more {
	if e.in.more == &noMore {
		e.in.more = new(more)
	}
	return e.in.more
}

// host is Instance.Host.
func (e *entry) host() string {
	if !e.in.hosted || e.in.host != "" {
		return e.in.host
	}
	return first(e.first.target)
}

// service is Instance.Service.
func (e *entry) service() string {
	if e.in.service != "" {
		return e.in.service
	}
	return relString(e.first.service())
}

func (e *entry) isOf(service string) bool {
	if e.in.service != "" {
		return service == e.in.service
	}
	return isDotted(service, e.first.service())
}

// instance is what the entry was made of.
func (e *entry) instance() *Instance {
	k := &e.in
	in := &Instance{
		ID: k.ID, Service: e.service(), Aliases: k.Aliases, Host: e.host(), Priority: k.Priority, Weight: k.Weight,
		Tags: k.Tags, Meta: k.Meta, TTL: k.TTL, State: k.State, Fallback: k.Fallback, Reason: k.Reason, Lease: k.Lease, Checks: k.Checks, Revision: k.Revision,
	}
	for i := range e.spots() {
		s := &e.spots()[i]
		in.Endpoints = append(in.Endpoints, Endpoint{Network: s.network(), Addr: s.addr(), Ports: s.portList()})
	}
	return in
}

// equals reports whether in is equal to what the entry was made of.
func (e *entry) equals(in *Instance) bool {
	if !e.isOf(in.Service) || e.host() != in.Host || !slices.EqualFunc(e.spots(), in.Endpoints, spot.is) {
		return false
	}
	k := &e.in
	rest := Instance{
		ID: k.ID, Service: in.Service, Aliases: k.Aliases, Host: in.Host, Endpoints: in.Endpoints, Priority: k.Priority, Weight: k.Weight,
		Tags: k.Tags, Meta: k.Meta, TTL: k.TTL, State: k.State, Fallback: k.Fallback, Reason: k.Reason, Lease: k.Lease, Checks: k.Checks, Revision: k.Revision,
	}
	return rest.Equal(in)
}

// member gives the entry under service name number i; it makes the next one.
func (e *entry) member(i int) *member {
	switch {
	case i == 0:
		return &e.first
	case i > len(e.in.more.members):
		e.in.more.members = append(e.in.more.members, &member{e: e})
	}
	return e.in.more.members[i-1]
}

// members are the entry under each of its service names, without repetition.
func (e *entry) members() iter.Seq[*member] {
	return func(yield func(*member) bool) {
		if !yield(&e.first) {
			return
		}
		for _, m := range e.in.more.members {
			if !yield(m) {
				return
			}
		}
	}
}
