package cache

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"

	"github.com/rollcall-dns/rollcall/dnsserver"
	"github.com/rollcall-dns/rollcall/zone"
)

// How long answers are kept at most, in seconds, whatever their records say (RFC 8767
// §4, RFC 2308 §5).
const (
	maxTTL      = 24 * 60 * 60
	maxNegative = 60 * 60
)

// encode gives the answer m to the question k as it is kept, and cuts the TTLs of m to
// those; or it reports that m is not to be kept.
func encode(k *key, m *dns.Msg, now time.Duration) (wire, bool) {
	limit := limitOf(k, m)
	if limit == 0 {
		return nil, false
	}
	cut(m, limit)
	e := encoders.Get().(*encoder)
	defer encoders.Put(e)
	if !e.encode(k, m, now, limit) {
		return nil, false
	}
	return append(wire(nil), e.w...), true
}

// cut gives records the TTLs that they are kept with: one for a set (RFC 2181 §5.2), zero
// for what is above 2^31-1 (§8), and none above the limit.
func cut(m *dns.Msg, limit uint32) {
	for _, rrs := range [...][]dns.RR{m.Answer, m.Ns, m.Extra} {
		for n := 0; len(rrs) > 0; rrs = rrs[n:] {
			first, ttl := rrs[0].Header(), limit
			for n = 0; n < len(rrs) && isOf(first, rrs[n].Header()); n++ {
				ttl = min(ttl, ttlOf(rrs[n]))
			}
			if first.Rrtype == dns.TypeOPT {
				continue // it has none
			}
			for _, rr := range rrs[:n] {
				rr.Header().Ttl = ttl
			}
		}
	}
}

// isOf reports whether a record is of the set of another.
func isOf(set, h *dns.RR_Header) bool {
	return h.Rrtype == set.Rrtype && strings.EqualFold(h.Name, set.Name)
}

func ttlOf(rr dns.RR) uint32 {
	if ttl := rr.Header().Ttl; ttl <= 1<<31-1 {
		return ttl
	}
	return 0
}

// limitOf is the longest TTL that records of m may have in an entry; 0 says that m is
// not kept: it is cut, or about something else, or denies without saying for how long
// (RFC 2308 §5).
func limitOf(k *key, m *dns.Msg) uint32 {
	if m.Truncated || !asks(m, k) {
		return 0
	}
	if m.Rcode == dns.RcodeSuccess && slices.ContainsFunc(m.Answer, func(rr dns.RR) bool {
		return k.qtype() == dns.TypeANY || rr.Header().Rrtype == k.qtype()
	}) {
		return maxTTL
	}
	for _, rr := range m.Ns {
		if soa, ok := rr.(*dns.SOA); ok {
			return min(soa.Minttl, maxNegative)
		}
	}
	return 0
}

// asks reports whether k is the question of m.
func asks(m *dns.Msg, k *key) bool {
	if len(m.Question) != 1 || m.Question[0].Qtype != k.qtype() || m.Question[0].Qclass != dns.ClassINET {
		return false
	}
	var room [maxName]byte
	end, err := dns.PackDomainName(m.Question[0].Name, room[:], 0, nil, false)
	return err == nil && sameName(room[:end], k.name())
}

// sameName reports whether a name is that of a key, but for its case (RFC 4343 §3).
func sameName(name, canonical []byte) bool {
	var room [maxName]byte
	b, ok := zone.Canonical(room[:0], name)
	return ok && bytes.Equal(b, canonical)
}

var encoders = sync.Pool{New: func() any { return new(encoder) }}

// encoder makes one wire, in memory that is used again.
type encoder struct {
	w     wire
	names []int  // places of names in w that owners may refer to
	rr    []byte // the record at hand

	open int // the place of the set that is being filled; 0: none
	life uint32
}

func (e *encoder) encode(k *key, m *dns.Msg, now time.Duration, limit uint32) bool {
	flags := byte(m.Rcode)
	if m.AuthenticatedData {
		flags |= adBit
	}
	var info uint16
	if e := dnsserver.ExplanationOf(m); e != nil {
		info = e.InfoCode
		flags |= infoBit
		if e.ExtraText == dnsserver.FromUpstream {
			flags |= fromBit
		}
	}
	e.life, e.names = limit, e.names[:0]
	e.w = binary.BigEndian.AppendUint64(e.w[:0], uint64(now))
	e.w = append(e.w, 0, 0, 0, 0, flags, byte(info>>8), byte(info), 0, 0, 0, 0, 0, 0)
	e.w = append(e.w, k.octets()...)
	for s, rrs := range [sections][]dns.RR{m.Answer, m.Ns, m.Extra} {
		e.open = 0
		for _, rr := range rrs {
			if rr.Header().Rrtype == dns.TypeOPT {
				continue // belongs to one hop (RFC 6891 §6.2.1), but for what was taken from it
			}
			if !e.add(section(s), rr) {
				return false
			}
		}
	}
	binary.BigEndian.PutUint32(e.w[atLife:], e.life)
	return e.life > 0
}

// add adds a record: to the set that is open, if it is one of it.
func (e *encoder) add(s section, rr dns.RR) bool {
	if rr.Header().Class != dns.ClassINET || !e.pack(rr) {
		return false
	}
	n := len(wire(e.rr).nameAt(0))
	owner, typ, data := e.rr[:n], binary.BigEndian.Uint16(e.rr[n:]), e.rr[n+10:]
	if len(data) == 0 {
		return false // the library takes that for any type, as UPDATE needs it (RFC 2136 §2.4)
	}
	ttl := rr.Header().Ttl
	e.life = min(e.life, ttl)

	place := e.place(owner)
	if e.open == 0 || binary.BigEndian.Uint16(e.w[e.open:]) != place || binary.BigEndian.Uint16(e.w[e.open+2:]) != typ {
		e.begin(owner, place, typ, ttl)
		binary.BigEndian.PutUint16(e.w[atCounts+2*s:], binary.BigEndian.Uint16(e.w[atCounts+2*s:])+1)
	}
	h := e.w[e.open:]
	binary.BigEndian.PutUint16(h[8:], binary.BigEndian.Uint16(h[8:])+1)
	e.w = binary.BigEndian.AppendUint16(e.w, uint16(len(data)))
	if typ == dns.TypeCNAME {
		e.names = append(e.names, len(e.w))
	}
	e.w = append(e.w, data...)
	return len(e.w) <= maxWire
}

const (
	nowhere = 1<<16 - 1 // the place of a name that is not in the wire yet
	recent  = 8         // names are looked for among so many
)

// place finds a name in the wire: that of the question, or one of those that came last.
func (e *encoder) place(name []byte) uint16 {
	if sameName(name, e.w.name()) {
		return 0
	}
	for _, at := range e.names[max(0, len(e.names)-recent):] {
		if bytes.Equal(e.w.nameAt(at), name) {
			return uint16(at)
		}
	}
	return nowhere
}

// begin opens a set.
func (e *encoder) begin(owner []byte, place, typ uint16, ttl uint32) {
	e.open = len(e.w)
	isNew := place == nowhere
	if isNew {
		place = uint16(e.open + setLen)
		e.names = append(e.names, e.open+setLen)
	}
	e.w = binary.BigEndian.AppendUint16(e.w, place)
	e.w = binary.BigEndian.AppendUint16(e.w, typ)
	e.w = binary.BigEndian.AppendUint32(e.w, ttl)
	e.w = append(e.w, 0, 0)
	if isNew {
		e.w = append(e.w, owner...)
	}
}

// pack makes e.rr the uncompressed wire form of a record.
func (e *encoder) pack(rr dns.RR) bool {
	e.rr = slices.Grow(e.rr[:0], dns.Len(rr))
	end, err := dns.PackRR(rr, e.rr[:cap(e.rr)], 0, nil, false)
	e.rr = e.rr[:max(end, 0)]
	return err == nil
}
