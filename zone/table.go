package zone

import (
	"cmp"
	"hash/maphash"
	"iter"
	"net/netip"
	"slices"
	"unique"

	"github.com/rollcall-dns/rollcall/zone/hamt"
)

// netID names a network among those of all sources: comparing two is comparing
// pointers. The zero value is no network.
type netID unique.Handle[netKey]

type netKey struct{ source, name string }

// The bits of a mask say cheaply what an instance that can be answered may have:
// those of all its endpoints are or-ed, so that an exact check follows. Where an
// endpoint is takes a pair of bits, an even one for IPv4 and an odd one for IPv6.
// Networks share the pairs above the first four by their hash.
const (
	maskUp     uint64 = 1 << iota // it is up
	maskFailed                    // its checks have failed, and it can be brought back

	maskTXT uint64 = 1 << 6 // metadata

	maskAnywhere   uint64 = 3 << 2 // an endpoint that is reachable from anywhere
	maskUnbound    uint64 = 3 << 4 // such a one, and none that is bound to a network
	anywhereToLone        = 2      // from the bits of the former to those of the latter
	firstNetPair          = 4

	maskAll uint64 = 1<<64 - 1
	maskIP4 uint64 = 0x5555_5555_5555_5514
	maskIP6 uint64 = 0xaaaa_aaaa_aaaa_aa28
)

// maskFamily is the bits of the endpoints whose address a record of this type is
// made of: all of them for types that are made of something else.
func maskFamily(qtype uint16) uint64 {
	switch qtype {
	case TypeA:
		return maskIP4
	case TypeAAAA:
		return maskIP6
	}
	return maskAll
}

var maskSeed = maphash.MakeSeed()

func (n netID) mask() uint64 {
	return 3 << (2 * (firstNetPair + maphash.Comparable(maskSeed, n)%(32-firstNetPair)))
}

func (n netID) name() string { return unique.Handle[netKey](n).Value().name }

func netOf(source, name string) netID { return netID(unique.Make(netKey{source, name})) }

// netSet is some networks. It takes one word, as every endpoint has one, and
// equal sets are one. The zero value is none.
type netSet unique.Handle[netLink]

type netLink struct {
	net  netID
	rest netSet
}

func setOf(nets ...netID) (s netSet) {
	for _, n := range nets {
		s = netSet(unique.Make(netLink{n, s}))
	}
	return s
}

func (s netSet) empty() bool { return s == netSet{} }

// all is each network of the set.
func (s netSet) all() iter.Seq[netID] {
	return func(yield func(netID) bool) {
		for !s.empty() {
			l := unique.Handle[netLink](s).Value()
			if !yield(l.net) {
				return
			}
			s = l.rest
		}
	}
}

// table finds the longest prefix that holds an address, and the networks that
// its claims name. It is a persistent value: assigning makes a copy.
type table struct {
	m    hamt.Map[netip.Prefix, claims]
	lens []prefixLen // in use, longest first
}

type prefixLen struct {
	bits int
	is4  bool
	n    int // prefixes of this length
}

// claims are what the owners of one prefix say of it, and their union.
type claims struct {
	by   []claim
	nets []netID
	mask uint64
}

type claim struct {
	owner claimKey
	nets  []netID
}

type claimKey struct{ source, id string }

func (t *table) longest(a netip.Addr) (claims, int) {
	for _, l := range t.lens {
		if l.is4 != a.Is4() {
			continue
		}
		p, err := a.Prefix(l.bits)
		if err != nil {
			continue
		}
		if c, ok := t.m.Get(p); ok {
			return c, l.bits
		}
	}
	return claims{}, -1
}

// begins reports whether a prefix begins with the address.
func (t *table) begins(a netip.Addr) bool {
	for _, l := range t.lens {
		p := netip.PrefixFrom(a, l.bits)
		if _, ok := t.m.Get(p); ok {
			return true
		}
	}
	return false
}

// set makes owner's claim on p name nets; with none it is withdrawn.
func (t *table) set(ed *hamt.Edit, p netip.Prefix, owner claimKey, nets []netID) {
	p = p.Masked()
	old, had := t.m.Get(p)
	by := slices.DeleteFunc(slices.Clone(old.by), func(c claim) bool { return c.owner == owner })
	if len(nets) > 0 {
		by = append(by, claim{owner, nets})
	}
	if len(by) == 0 {
		t.m.Delete(ed, p)
		if had {
			t.count(p, -1)
		}
		return
	}
	next := claims{by: by, nets: by[0].nets}
	for _, c := range by[1:] {
		next.nets = slices.Concat(next.nets, c.nets)
	}
	for _, n := range next.nets {
		next.mask |= n.mask()
	}
	t.m.Set(ed, p, next)
	if !had {
		t.count(p, 1)
	}
}

func (t *table) count(p netip.Prefix, by int) {
	t.lens = slices.Clone(t.lens)
	i := slices.IndexFunc(t.lens, func(l prefixLen) bool { return l.bits == p.Bits() && l.is4 == p.Addr().Is4() })
	if i < 0 {
		t.lens = append(t.lens, prefixLen{bits: p.Bits(), is4: p.Addr().Is4(), n: by})
		slices.SortFunc(t.lens, func(a, b prefixLen) int { return cmp.Compare(b.bits, a.bits) })
		return
	}
	if t.lens[i].n += by; t.lens[i].n == 0 {
		t.lens = slices.Delete(t.lens, i, i+1)
	}
}

// View is what an asker can reach. The zero value is that of an asker outside
// every known network.
type View struct {
	nets []netID
	mask uint64
}

// Inside reports whether the asker is on a network that a source knows.
func (v *View) Inside() bool { return len(v.nets) > 0 }

// has reports whether the asker is on one of some networks.
func (v *View) has(s netSet) bool {
	for n := range s.all() {
		if slices.Contains(v.nets, n) {
			return true
		}
	}
	return false
}

// View finds the networks that an asker is on: those of the attachment that
// holds its address, else those of the network with the longest matching prefix.
func (s *Snapshot) View(from netip.Addr) View {
	from = from.Unmap().WithZone("")
	c, bits := s.seats.longest(from)
	if n, nbits := s.subnets.longest(from); nbits > bits {
		c = n
	}
	return View{c.nets, c.mask}
}
