package dnsserver

import (
	"encoding/binary"
	"hash/maphash"
	"net/netip"

	"github.com/rollcall-dns/rollcall/zone"
)

// rates limits how often a network gets the same reply over UDP, so that a server which
// the Internet reaches is of little use against somebody whose address is forged. Real
// askers lose nothing: every second reply beyond the limit tells them to come over TCP,
// or brings a cookie. It is safe for concurrent use; nil limits nothing.
type rates struct {
	alike *budget // of replies that are the same
	all   *budget // of all replies to a network: names of which each has an answer are no way around
}

// allRates is how many different replies a network gets for each that may be the same.
const allRates = 10

// rateBuckets are shared by networks whose keys fall together: few, of so many.
const rateBuckets = 1 << 16

func newRates(perSecond int, now func() int64) *rates {
	if perSecond == 0 {
		return nil
	}
	all := allRates * perSecond
	return &rates{newBudget(perSecond, perSecond, rateBuckets, now), newBudget(all, all, rateBuckets, now)}
}

// alike is what counts as the same reply to the same asker: answers by name and type,
// denials and errors all together.
type alike struct {
	network netip.Prefix
	rcode   uint16
	typ     uint16
	name    uint64
}

// exceeded takes one reply to q from the budget, and reports whether there was none
// left.
func (r *rates) exceeded(q *Query, reply []byte, self *identity) bool {
	from := q.From.Addr()
	if r == nil || q.Transport != UDP || local(from) {
		return false
	}
	k := alike{network: network(from), rcode: binary.BigEndian.Uint16(reply[2:]) & bitsRcode}
	if binary.BigEndian.Uint16(reply[6:]) > 0 {
		var room [maxName]byte
		name, _ := zone.Canonical(room[:0], q.Name)
		k.typ, k.name = q.Type, maphash.Bytes(budgetSeed, name)
	}
	spent := r.alike.spend(maphash.Comparable(budgetSeed, k)) && r.all.spend(maphash.Comparable(budgetSeed, k.network))
	return !spent && !self.trusts(q)
}

// shared is the address space within a provider's network (RFC 6598).
var shared = netip.MustParsePrefix("100.64.0.0/10")

// local reports whether an address is one of the site's own, which looks after them.
func local(a netip.Addr) bool {
	return a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || shared.Contains(a)
}

// network is what is limited as one: a host forges any address of its own.
func network(a netip.Addr) netip.Prefix {
	bits := 56
	if a.Is4() {
		bits = 24
	}
	p, _ := a.WithZone("").Prefix(bits)
	return p
}

// slip appends what is sent instead of every second reply that is one too many: no
// longer than the query, but for a cookie.
func (r *responder) slip(out []byte) []byte {
	if r.slips++; r.slips%2 == 0 {
		return out
	}
	r.q.EDNS.nsid = false
	if r.q.EDNS.cookie != nil {
		return r.c.fail(&r.q, errCookie, out)
	}
	cut := r.c.begin(&r.q, out)
	cut.Truncated = true
	return cut.finish()
}
