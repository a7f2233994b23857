package zone

import (
	"iter"
	"net/netip"
	"strconv"
)

// Temporary: the signatures, until the zone itself lands.

type writer struct{}

// New gives an empty zone.
func New(o Options) (*Zone, error) { z := &Zone{}; z.cur.Store(&Snapshot{}); return z, nil }

// Apply applies a change and publishes at most one snapshot.
func (z *Zone) Apply(c Change) Result { return Result{} }

// Validate checks everything about an instance that does not depend on others.
// The error joins one *FieldError for each fault.
func (in *Instance) Validate() error { return nil }

// Snapshot is one immutable state of the zone.
type Snapshot struct{}

// View is what a lookup may see.
type View struct{}

// View finds the networks that an asker is on.
func (s *Snapshot) View(from netip.Addr) View { return View{} }

// Lookup answers q into a.
func (s *Snapshot) Lookup(q *Question, a *Answer) {}

// SOA is the SOA record of a domain (its owner is the apex itself).
func (s *Snapshot) SOA(apex Name) Record { return Record{} }

// Serial is the SOA serial.
func (s *Snapshot) Serial() uint32 { return 0 }

// Len counts the instances.
func (s *Snapshot) Len() int { return 0 }

// Instance finds one instance.
func (s *Snapshot) Instance(k Key) (*Instance, bool) { return nil, false }

// Instances is every instance, in no order.
func (s *Snapshot) Instances() iter.Seq2[Key, *Instance] { return func(func(Key, *Instance) bool) {} }

// Names lists the names at which an instance is found, most general first, in the first domain.
func (s *Snapshot) Names(k Key) []Name { return nil }

// Domains are the apexes that are served.
func (s *Snapshot) Domains() []Name { return nil }

func quoted(s string) string { return strconv.Quote(s) }
