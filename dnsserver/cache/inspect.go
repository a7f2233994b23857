package cache

import (
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/rollcall-dns/rollcall/zone"
)

// Stats is how full a cache is, and what it did since it was made.
type Stats struct {
	Answers int // that are kept, those among them that have ended
	Bytes   int // that they take
	Limit   int // of Bytes

	Hits    uint64 // questions answered from memory
	Misses  uint64 // questions that were asked of others
	Stale   uint64 // questions answered with what has ended
	Renewed uint64 // answers asked for again before their end
	Evicted uint64 // answers that gave way to others
}

// Stats gives the numbers of about now.
func (c *Cache) Stats() Stats {
	st := Stats{Misses: c.misses.Load(), Stale: c.stale.Load(), Renewed: c.renewed.Load()}
	for i := range c.shards {
		s := &c.shards[i]
		st.Limit += s.max
		st.Hits += s.hits.Load()
		s.mu.Lock()
		st.Answers += s.lru.Len()
		st.Bytes += s.bytes
		st.Evicted += s.evicted
		s.mu.Unlock()
	}
	return st
}

// Entry is one answer, for people to read.
type Entry struct {
	Name, Type string        // of the question, in lower case
	DO, CD     bool          // with DNSSEC records; unchecked
	Rcode      string        // NOERROR or NXDOMAIN
	Left       time.Duration // to its end; negative: since
	Records    []string      // in the form of zone files, of all sections
}

// Entries gives what is kept for a name, and for all below it if those are wanted, but no
// more than so many: in no order.
func (c *Cache) Entries(name zone.Name, below bool, most int) (entries []Entry) {
	for i := range c.shards {
		for _, e := range c.shards[i].at(name, below) {
			if len(entries) == most {
				return entries
			}
			entries = append(entries, c.show(e))
		}
	}
	return entries
}

// Flush forgets what is kept for a name, and for all below it if those are wanted, and
// gives how many answers that were.
func (c *Cache) Flush(name zone.Name, below bool) (removed int) {
	for i := range c.shards {
		removed += c.shards[i].flush(name, below)
	}
	return removed
}

// at gives the entries for names.
func (s *shard) at(name zone.Name, below bool) []entry {
	s.mu.Lock()
	entries := s.lru.Values()
	s.mu.Unlock()
	return slices.DeleteFunc(entries, func(e entry) bool { return !e.wire.about(name, below) })
}

func (s *shard) flush(name zone.Name, below bool) (removed int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, hash := range s.lru.Keys() {
		if e, _ := s.lru.Peek(hash); e.wire.about(name, below) {
			s.lru.Remove(hash)
			removed++
		}
	}
	return removed
}

// about reports whether the question is for a name, or one below it.
func (w wire) about(name zone.Name, below bool) bool {
	asked := zone.Name(w.name())
	return asked == name || below && asked.Within(name)
}

func (c *Cache) show(e entry) Entry {
	f := found{entry: e, now: c.now()}
	f.left = f.wire.stored() + f.wire.life() - f.now
	w := f.wire
	out := Entry{
		Name: zone.Name(w.name()).String(), Type: dns.Type(w.qtype()).String(),
		DO: w.bits()&keyDO != 0, CD: w.bits()&keyCD != 0,
		Rcode: dns.RcodeToString[w.rcode()], Left: f.left,
	}
	for sets := w.sets(); ; {
		s := sets.next()
		if s == nil {
			return out
		}
		out.Records = append(out.Records, s.text(out.Name, f.ttl(s.ttl))...)
	}
}

// text gives the records of a set in the form of zone files.
func (s *set) text(asked string, ttl uint32) (lines []string) {
	h := dns.RR_Header{Name: asked, Rrtype: s.typ, Class: dns.ClassINET, Ttl: ttl}
	if s.owner != nil {
		h.Name, _, _ = dns.UnpackDomainName(s.owner, 0) // it was packed here
	}
	for i, at := 0, 0; i < s.n; i++ {
		var data []byte
		data, at = s.record(at)
		h.Rdlength = uint16(len(data))
		if rr, _, err := dns.UnpackRRWithHeader(h, data, 0); err == nil {
			lines = append(lines, strings.ReplaceAll(rr.String(), "\t", " "))
		}
	}
	return lines
}
