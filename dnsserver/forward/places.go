package forward

import (
	"net/netip"
	"sync"
)

// places are those for questions under way: so many, and so many of them for one
// client network.
type places struct {
	all, each int

	mu    sync.Mutex // guards the following
	taken int
	byNet map[netip.Prefix]int
}

func newPlaces(n int) *places {
	return &places{all: n, each: max(1, n/4), byNet: make(map[netip.Prefix]int)}
}

// network is what shares places.
func network(a netip.Addr) netip.Prefix {
	bits := 56
	if a = a.Unmap().WithZone(""); a.Is4() {
		bits = 24
	}
	p, _ := a.Prefix(bits) // of no address none
	return p
}

func (p *places) take(from netip.Addr) bool {
	n := network(from)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.taken >= p.all || p.byNet[n] >= p.each {
		return false
	}
	p.taken++
	p.byNet[n]++
	return true
}

func (p *places) leave(from netip.Addr) {
	n := network(from)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken--
	if p.byNet[n]--; p.byNet[n] == 0 {
		delete(p.byNet, n)
	}
}
