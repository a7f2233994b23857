package cache

import (
	"encoding/binary"
	"time"

	"github.com/miekg/dns"

	"github.com/rollcall-dns/rollcall/dnsserver"
)

// staleTTL is what records have at most in an answer that has ended (RFC 8767 §4).
const staleTTL = 30

// staleness is the extended error of an answer that has ended (RFC 8914 §4.4, §4.20).
func (f *found) staleness() uint16 {
	if f.wire.rcode() == dns.RcodeNameError {
		return dns.ExtendedErrorCodeStaleNXDOMAINAnswer
	}
	return dns.ExtendedErrorCodeStaleAnswer
}

// ttl is what is left of a TTL, rounded down.
func (f *found) ttl(stored uint32) uint32 {
	if f.left <= 0 {
		return min(stored, staleTTL)
	}
	age := (f.now - f.wire.stored() + time.Second - 1) / time.Second
	return stored - uint32(age)
}

// write adds the sections of an entry to a reply. The addresses of an answer begin at
// one that turn chooses.
func (f *found) write(r *dnsserver.Reply, turn uint32) {
	for sets := f.wire.sets(); ; {
		s := sets.next()
		if s == nil {
			return
		}
		rec := dnsserver.Record{Owner: s.owner, Type: s.typ, TTL: f.ttl(s.ttl)}
		switch s.section {
		case answer:
			at := s.first(turn)
			for range s.n {
				rec.Data, at = s.record(at)
				r.Answer(&rec)
				at = s.around(at)
			}
		case authority:
			for i, at := 0, 0; i < s.n; i++ {
				rec.Data, at = s.record(at)
				r.Authority(&rec)
			}
		case additional:
			s.offer(r, rec)
		}
	}
}

// first is the place of the record that an answer begins with.
func (s *set) first(turn uint32) int {
	if s.n < 2 || s.typ != dns.TypeA && s.typ != dns.TypeAAAA {
		return 0
	}
	return int(turn%uint32(s.n)) * s.stride()
}

// around gives the place after the last record that is that of the first.
func (s *set) around(at int) int {
	if at == s.n*s.stride() {
		return 0
	}
	return at
}

// stride is how far records lie apart in a set in which all have the same length.
func (s *set) stride() int { return 2 + int(binary.BigEndian.Uint16(s.records)) }

// offer adds the set to the additional section.
func (s *set) offer(r *dnsserver.Reply, rec dnsserver.Record) {
	var room [8]dnsserver.Record // more are rare
	recs := room[:0]
	for i, at := 0, 0; i < s.n; i++ {
		rec.Data, at = s.record(at)
		recs = append(recs, rec)
	}
	r.Additional(recs...)
}
