package upstream

import (
	"sync/atomic"
	"time"
)

// Stats is what was seen of one server.
type Stats struct {
	Queries    uint64 // asked of Exchange
	Timeouts   uint64 // attempts without an answer in time
	Mismatches uint64 // messages that were no reply to what was asked: forged, or of a broken server
	Malformed  uint64 // replies that could not be read
	TCP, TLS   uint64 // queries sent over these
	Dials      uint64 // connections opened for them
	// RTT is the time that answers take, the newest counting an eighth. Zero before the
	// first. Time-outs and new connections are not in it.
	RTT time.Duration
}

type counters struct {
	queries, timeouts, mismatches, malformed atomic.Uint64
	tcp, tls, dials                          atomic.Uint64
	rtt                                      atomic.Int64
}

func (n *counters) stats() Stats {
	return Stats{
		Queries: n.queries.Load(), Timeouts: n.timeouts.Load(),
		Mismatches: n.mismatches.Load(), Malformed: n.malformed.Load(),
		TCP: n.tcp.Load(), TLS: n.tls.Load(), Dials: n.dials.Load(),
		RTT: time.Duration(n.rtt.Load()),
	}
}

// took notes how long an answer took. Of two at the same time one may be lost.
func (n *counters) took(d time.Duration) {
	if old := n.rtt.Load(); old != 0 {
		d = time.Duration(old) + (d-time.Duration(old))/8
	}
	n.rtt.Store(int64(max(d, 1)))
}
