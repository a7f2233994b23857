package zone

import (
	"iter"
	"slices"
	"time"
	"unique"
)

// entry is an instance made ready for answering. It never changes once it is
// published. What a lookup reads of each member stands first, on one line of the
// processor's cache, and what few instances have is kept apart.
type entry struct {
	mask   uint64 // 0 unless up, or failed: nothing of it is answered
	tags   uint64 // bits of its tags by their hash
	ttl    uint32
	failed uint32 // the second in which its checks have failed, if it can be brought back; else 0
	in     kept
	source unique.Handle[string]
	spots  []spot // one for each of in.Endpoints
	first  member // under the name of its service
}

// kept is an Instance as it is kept.
type kept struct {
	Lease     *Lease
	Endpoints []Endpoint
	Priority  uint16
	Weight    uint16
	State     State
	Fallback  Fallback
	ID        string
	Service   string
	Host      string
	Revision  uint64
	*more     // noMore when there is nothing in it
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
}

// spot is what answering needs to know of an endpoint beside itself.
type spot struct {
	nets  netSet // the networks it is on; none is reachable from anywhere
	group uint8  // which target it belongs to
}

// member is an entry under one of its service names. Its targets are relative
// names in wire form: "<host>.<service>", "<host>-2.<service>", ….
type member struct {
	e       *entry
	targets []string
}

// groups is how many targets each member needs.
func (e *entry) groups() uint8 {
	n := uint8(1)
	for i := range e.spots {
		n = max(n, e.spots[i].group+1)
	}
	return n
}

// service is the name of the service, relative and in wire form.
func (m *member) service() string { return cut(m.targets[0]) }

// solo is an entry with all that one with one endpoint and one target has: what is
// read together is allocated together.
type solo struct {
	entry
	targets   [1]string
	spots     [1]spot
	endpoints [1]Endpoint
}

// newEntry gives an entry for an instance that lacks all that is derived.
func (w *writer) newEntry(source string, in *Instance) *entry {
	e := new(entry)
	endpoints := in.Endpoints
	if len(endpoints) == 1 {
		s := new(solo)
		s.endpoints[0] = endpoints[0]
		s.endpoints[0].Ports = w.ports.shared(endpoints[0].Ports)
		e, endpoints = &s.entry, s.endpoints[:]
		e.spots, e.first.targets = s.spots[:], s.targets[:]
	} else {
		e.spots = make([]spot, len(endpoints))
	}
	e.first.e, e.source = e, unique.Make(source)
	e.in = kept{
		Lease: in.Lease, Endpoints: endpoints, Priority: in.Priority, Weight: in.Weight, State: in.State, Fallback: in.Fallback,
		ID: in.ID, Service: in.Service, Host: in.Host, Revision: in.Revision, more: moreOf(in),
	}
	return e
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

// instance is what the entry was made of.
func (e *entry) instance() *Instance {
	k := &e.in
	return &Instance{
		ID: k.ID, Service: k.Service, Aliases: k.Aliases, Host: k.Host, Endpoints: k.Endpoints, Priority: k.Priority, Weight: k.Weight,
		Tags: k.Tags, Meta: k.Meta, TTL: k.TTL, State: k.State, Fallback: k.Fallback, Reason: k.Reason, Lease: k.Lease, Checks: k.Checks, Revision: k.Revision,
	}
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
