package selfreg

import (
	"net/netip"
	"slices"

	"github.com/rollcall-dns/rollcall/zone"
)

// room is where records are read, one after the other. The zone keeps little of what an
// instance is made of: piece by piece it would be garbage among what lives long, and
// leave holes there. The zero value is ready to use.
type room struct {
	faults    faults
	addresses []netip.Addr    // of the record that is read
	ports     []zone.Port     // likewise
	before    []zone.Port     // of the record before
	endpoints []zone.Endpoint // that nobody has yet
	made      int             // of these at once
}

// maxEndpoints is how many endpoints are made at once when there are many records.
const maxEndpoints = 512

// endpointsFor gives room for n endpoints, which is the caller's.
func (m *room) endpointsFor(n int) []zone.Endpoint {
	if cap(m.endpoints) < n {
		m.endpoints = make([]zone.Endpoint, 0, max(n, min(2*m.made, maxEndpoints)))
		m.made = cap(m.endpoints)
	}
	given := m.endpoints[:0:n]
	m.endpoints = m.endpoints[n:n]
	return given
}

// portsOf gives the ports that were read, or those of the record before, when they are
// equal: most often they are.
func (m *room) portsOf() []zone.Port {
	if !slices.Equal(m.before, m.ports) {
		m.before = slices.Clone(m.ports)
	}
	return m.before
}
