package health

import "time"

// late is how much after it was due a probe has to begin to count as late.
const late = time.Second

// Stats is what a gate has to do, and what it has done.
type Stats struct {
	Checked  int    // instances with checks
	UnderWay int    // probes
	Passed   uint64 // probes
	Failed   uint64
	// Ignored are probes that say nothing of their instance: they could not be made,
	// failed while this machine was busy or suspended, or the instance was gone.
	Ignored uint64
	Late    uint64 // probes that began more than a second after they were due
}

func (s *Stats) count(err error) {
	if err == nil {
		s.Passed++
	} else {
		s.Failed++
	}
}

// Stats is safe for concurrent use.
func (g *Gate) Stats() Stats {
	g.mu.Lock()
	defer g.mu.Unlock()
	st := g.stats
	for _, w := range g.wards {
		st.Checked += len(w.targets)
	}
	return st
}
