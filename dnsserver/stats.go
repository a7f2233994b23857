package dnsserver

import (
	"encoding/binary"
	"sync/atomic"
)

// Stats is what a server has done since it began to listen.
type Stats struct {
	UDP, TCP   uint64 // messages read
	TLS, HTTPS uint64 // messages read over DNS over TLS and DNS over HTTPS

	Dropped   uint64     // of these not answered: no queries, or too many that were turned down
	Rcodes    [16]uint64 // replies by the rcode in their header, where BADVERS is 0
	Truncated uint64     // replies with TC
	Limited   uint64     // replies that were not sent, or cut short, because of Options.ResponseRate
	Busy      uint64     // queries turned down because too many were waiting
	Panics    uint64     // in handlers; each was answered with SERVFAIL
	Errors    uint64     // failed reads, writes and accepts

	Connections uint64 // open TCP connections, whatever is spoken on them
	Refused     uint64 // TCP connections closed at once, because of a limit
	Evicted     uint64 // idle TCP connections closed to make room for others
	Handshakes  uint64 // of TLS that were complete
	NoHandshake uint64 // TLS connections that ended before that
	BadRequests uint64 // HTTP requests without a message in them
}

// counters are those of one goroutine or a few, so that sockets do not share
// a cache line.
type counters struct {
	queries           [transports]atomic.Uint64
	dropped           atomic.Uint64
	rcodes            [bitsRcode + 1]atomic.Uint64
	truncated, panics atomic.Uint64
	limited, busy     atomic.Uint64
	errors            atomic.Uint64
	refused, evicted  atomic.Uint64
	handshakes        atomic.Uint64
	noHandshake       atomic.Uint64
	badRequests       atomic.Uint64
	_                 [64]byte
}

func (n *counters) replied(msg []byte) {
	head := binary.BigEndian.Uint16(msg[2:])
	n.rcodes[head&bitsRcode].Add(1)
	if head&bitTC != 0 {
		n.truncated.Add(1)
	}
}

func (n *counters) addTo(s *Stats) {
	s.UDP += n.queries[UDP].Load()
	s.TCP += n.queries[TCP].Load()
	s.TLS += n.queries[TLS].Load()
	s.HTTPS += n.queries[HTTPS].Load()
	s.Dropped += n.dropped.Load()
	for i := range n.rcodes {
		s.Rcodes[i] += n.rcodes[i].Load()
	}
	s.Truncated += n.truncated.Load()
	s.Limited += n.limited.Load()
	s.Busy += n.busy.Load()
	s.Panics += n.panics.Load()
	s.Errors += n.errors.Load()
	s.Refused += n.refused.Load()
	s.Evicted += n.evicted.Load()
	s.Handshakes += n.handshakes.Load()
	s.NoHandshake += n.noHandshake.Load()
	s.BadRequests += n.badRequests.Load()
}
