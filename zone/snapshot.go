package zone

import (
	"encoding/binary"
	"iter"
	"strings"

	"github.com/rollcall-dns/rollcall/zone/hamt"
)

// Snapshot is one immutable state of the zone. Everything that it gives is only
// to be read.
type Snapshot struct {
	state
	domains []Name
	local   *localZones
	soa     []string // rdata, one for each domain
	negTTL  uint32
	limit   int // of records in an answer; 0: none
}

// snapshot publishes the writer's state. Later batches have another edit, so they
// copy what they change.
func (w *writer) snapshot() *Snapshot {
	w.settle()
	w.edit, w.changed = new(hamt.Edit), false
	s := &Snapshot{state: w.state, domains: w.domains, local: w.local, negTTL: w.negTTL, limit: w.limit, soa: make([]string, len(w.domains))}
	for i, d := range w.domains {
		s.soa[i] = soaRdata(d, w.serial, w.negTTL)
	}
	return s
}

// The times that the SOA record gives to secondaries, in seconds (RFC 1035
// §3.3.13): they refresh soon and keep for a day what they have.
const (
	soaRefresh = 5
	soaRetry   = 5
	soaExpire  = 86400
)

// selfName is where the name server itself is found, below each domain.
const selfName = "\x02ns\x03dns"

// selfParent is the empty non-terminal above it.
const selfParent = "\x03dns"

func soaRdata(apex Name, serial, minimum uint32) string {
	const mailbox = "\x0ahostmaster"
	var numbers [20]byte
	for i, v := range [...]uint32{serial, soaRefresh, soaRetry, soaExpire, minimum} {
		binary.BigEndian.PutUint32(numbers[4*i:], v)
	}
	var b strings.Builder // made anew with each change: of its size at once
	b.Grow(len(selfName) + len(mailbox) + 2*len(apex) + len(numbers))
	b.WriteString(selfName)
	b.WriteString(string(apex))
	b.WriteString(mailbox)
	b.WriteString(string(apex))
	b.Write(numbers[:])
	return b.String()
}

// SOA is the SOA record of a zone that answered: of a domain, or of a reverse
// zone. Its owner is the apex. Its TTL is its minimum, so that it can stand in
// the authority section of a negative answer as it is (RFC 2308 §5).
func (s *Snapshot) SOA(apex Name) Record {
	r := Record{Type: TypeSOA, TTL: s.negTTL}
	for i, d := range s.domains {
		if d == apex {
			r.body = s.soa[i]
			return r
		}
	}
	r.body = reverseSOA(apex, s.domains[0], s.serial, s.negTTL)
	return r
}

// Serial is the SOA serial: it grows with each change that answers could show.
func (s *Snapshot) Serial() uint32 { return s.serial }

// Domains are the apexes that are served, as they were given.
func (s *Snapshot) Domains() []Name { return s.domains }

// Len counts the instances, also those that are not answered.
func (s *Snapshot) Len() int { return s.all.instances() }

// Instance finds one instance, answered or not.
func (s *Snapshot) Instance(k Key) (*Instance, bool) {
	if e, ok := s.entry(k); ok {
		return e.instance(), true
	}
	return nil, false
}

// Instances is every instance, also those that are not answered, in no order.
func (s *Snapshot) Instances() iter.Seq2[Key, *Instance] {
	return func(yield func(Key, *Instance) bool) {
		for e := range s.entries() {
			if !yield(e.key(), e.instance()) {
				return
			}
		}
	}
}

// Service is every instance of one service, also by an alias and also those that are
// not answered, in the order of their hosts. The name is as Instance.Service has it,
// in any case. It costs no more than what it gives.
func (s *Snapshot) Service(name string) iter.Seq2[Key, *Instance] {
	return func(yield func(Key, *Instance) bool) {
		rel, err := parseLabels(name)
		if err != nil {
			return
		}
		n, ok := s.nodes.Get(rel)
		if !ok || n.svc == nil {
			return
		}
		for m := range n.svc.members.all() {
			if !yield(m.e.key(), m.e.instance()) {
				return
			}
		}
	}
}

// Count is how many instances a source has, also those that are not answered.
func (s *Snapshot) Count(source string) int {
	n := s.counts(source)
	return n.instances()
}

// CountIn is how many of them are in one state.
func (s *Snapshot) CountIn(source string, st State) int {
	return s.counts(source).states[st]
}

// CountStatic is how many static records a source has, also those that are not answered.
func (s *Snapshot) CountStatic(source string) int {
	return s.counts(source).static
}

func (s *state) counts(source string) counts {
	if h, ok := s.sources.Get(source); ok {
		return h.counts
	}
	return counts{}
}
