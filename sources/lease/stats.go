package lease

import "time"

// Stats is what a table holds, and what has become of all leases that it ever had:
// Live is Granted less Expired and Removed.
type Stats struct {
	Live    int
	Granted uint64 // new leases, also those read from a journal
	Renewed uint64 // times that one was made to last its period from then on
	Expired uint64 // leases that ended because nobody renewed them
	Removed uint64 // leases that were released before their end

	Held      int       // leases that have ended and are held by the guard
	HeldSince time.Time // when the first of them was; zero while there is none
	Holds     uint64    // times that the guard has begun to hold leases
}

// Stats is safe for concurrent use.
func (t *Table) Stats() Stats {
	st := Stats{
		Live: t.Len(), Granted: t.granted.Load(), Expired: t.expired.Load(), Removed: t.removed.Load(),
		Held: t.Held(), Holds: t.guard.times.Load(),
	}
	for i := range t.shards {
		st.Renewed += t.shards[i].renewed.Load()
	}
	if st.Held > 0 {
		st.HeldSince = time.Unix(0, t.guard.began.Load())
	}
	return st
}
