package forward

import (
	"cmp"
	"slices"
	"sync/atomic"
	"time"

	"github.com/rollcall-dns/rollcall/dnsserver/upstream"
	"github.com/rollcall-dns/rollcall/zone"
)

// Stats is what a forwarder has done.
type Stats struct {
	Questions  uint64 // asked of others
	Coalesced  uint64 // that waited for the answer to an equal one
	Remembered uint64 // answered with a failure of a moment ago
	Answered   uint64 // of Questions
	Failed     uint64 // of Questions, those without an answer
	Busy       uint64 // of Questions, those that were turned down because too many were under way
	Blocked    uint64 // of Answered, those of which private addresses were removed

	Upstreams []UpstreamStats // by domain and address
}

// UpstreamStats is what is known of one server of one route.
type UpstreamStats struct {
	Domain zone.Name // of the route; the root for upstreams
	Addr   upstream.Addr

	Up   bool          // it answers, as far as is known
	Loop bool          // it leads back to us, and is not asked
	RTT  time.Duration // that answers take, smoothed; zero before the first

	Asked    uint64
	Answered uint64
	Failed   uint64 // without an answer, or with one that was of no use
	Overdue  uint64 // slow ones, where another's answer came first
	Busy     uint64 // times that it was not asked because too many questions were under way
	UnderWay int
}

type counters struct {
	questions, coalesced, remembered, answered, failed, busy, blocked atomic.Uint64
}

// Stats tells what was done so far.
func (f *Forwarder) Stats() Stats {
	st := Stats{
		Questions: f.n.questions.Load(), Coalesced: f.n.coalesced.Load(), Remembered: f.n.remembered.Load(),
		Answered: f.n.answered.Load(), Failed: f.n.failed.Load(), Busy: f.n.busy.Load(), Blocked: f.n.blocked.Load(),
	}
	for s := range f.table.Load().servers() {
		st.Upstreams = append(st.Upstreams, s.stats())
	}
	slices.SortFunc(st.Upstreams, func(a, b UpstreamStats) int {
		return cmp.Or(cmp.Compare(a.Domain, b.Domain), cmp.Compare(a.Addr.String(), b.Addr.String()))
	})
	return st
}

func (s *server) stats() UpstreamStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.n
	st.Domain, st.Addr = s.domain, s.addr
	st.Up, st.Loop, st.RTT = s.misses < enough && !s.down && !s.loop, s.loop, s.rtt
	return st
}
