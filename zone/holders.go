package zone

import (
	"iter"
	"net/netip"
	"slices"

	"github.com/rollcall-dns/rollcall/zone/hamt"
)

// holders finds the canonical members that have an address, for PTR. Most have one
// address and share it with nobody: these are kept without it.
type holders struct {
	lone hamt.Set[netip.Addr, *member]
	each hamt.Map[netip.Addr, *member] // who have several addresses, none of which another has
	many hamt.Map[netip.Addr, list]    // of addresses that several have
}

// HashKey is the address of a member that has one.
func (m *member) HashKey() netip.Addr { return m.e.spots()[0].addr() }

// alone gives the one who has an address, when it is only one.
func (h *holders) alone(ip netip.Addr) (*member, bool) {
	if m, ok := h.lone.Get(ip); ok {
		return m, true
	}
	return h.each.Get(ip)
}

func (h *holders) setAlone(ed *hamt.Edit, ip netip.Addr, m *member) {
	if len(m.e.spots()) == 1 {
		h.lone.Put(ed, m)
	} else {
		h.each.Set(ed, ip, m)
	}
}

func (h *holders) unsetAlone(ed *hamt.Edit, ip netip.Addr) {
	h.lone.Delete(ed, ip)
	h.each.Delete(ed, ip)
}

// add lets a member be found by its addresses.
func (h *holders) add(ed *hamt.Edit, m *member) {
	for ip := range m.e.addrs() {
		l, several := h.many.Get(ip)
		other, ok := h.alone(ip)
		switch {
		case several:
			h.many.Set(ed, ip, l.with(m))
		case ok:
			h.unsetAlone(ed, ip)
			h.many.Set(ed, ip, l.with(other).with(m))
		default:
			h.setAlone(ed, ip, m)
		}
	}
}

// addAll is add for many entries. Those who have one address that nobody had come first,
// so that whoever shares it finds them.
func (h *holders) addAll(ed *hamt.Edit, entries []*entry) {
	lone := make([]*member, 0, len(entries))
	var others []*member
	for _, e := range entries {
		if e.in.places == 1 && !h.shared(e.spot.addr()) {
			lone = append(lone, &e.first)
		} else {
			others = append(others, &e.first)
		}
	}
	for _, m := range append(others, h.lone.Add(ed, lone)...) {
		h.add(ed, m)
	}
}

// shared reports whether an address is, or can be, that of several.
func (h *holders) shared(ip netip.Addr) bool {
	_, each := h.each.Get(ip)
	_, many := h.many.Get(ip)
	return each || many
}

// remove undoes add.
func (h *holders) remove(ed *hamt.Edit, m *member) {
	for ip := range m.e.addrs() {
		l, several := h.many.Get(ip)
		if !several {
			h.unsetAlone(ed, ip)
			continue
		}
		if l = l.without(m.target); l.len() > 1 {
			h.many.Set(ed, ip, l)
			continue
		}
		h.many.Delete(ed, ip)
		h.setAlone(ed, ip, l.at(position{}))
	}
}

// swap puts a member in the place of another with its targets.
func (h *holders) swap(ed *hamt.Edit, old, m *member) {
	if !slices.EqualFunc(old.e.spots(), m.e.spots(), func(a, b spot) bool { return a.addr() == b.addr() }) {
		h.remove(ed, old)
		h.add(ed, m)
		return
	}
	for ip := range m.e.addrs() {
		if l, several := h.many.Get(ip); several {
			h.many.Set(ed, ip, l.with(m))
		} else {
			h.setAlone(ed, ip, m)
		}
	}
}

// addrs are the addresses of an entry, without repetition.
func (e *entry) addrs() iter.Seq[netip.Addr] {
	return func(yield func(netip.Addr) bool) {
		for i := range e.spots() {
			ip := e.spots()[i].addr()
			twice := slices.ContainsFunc(e.spots()[:i], func(o spot) bool { return o.addr() == ip })
			if !twice && !yield(ip) {
				return
			}
		}
	}
}
