package forward

import (
	"sync"
	"time"

	"github.com/rollcall-dns/rollcall/dnsserver/upstream"
	"github.com/rollcall-dns/rollcall/zone"
)

// serverKey tells servers apart: one that two routes name is known to each by itself,
// for it may well serve one and not the other.
type serverKey struct {
	domain zone.Name // of the route
	addr   upstream.Addr
}

// server is what is known of one server of a route.
type server struct {
	serverKey
	limit int // of questions under way

	mu sync.Mutex // guards the following
	n  UpstreamStats
	// health
	rtt    time.Duration // smoothed; 0: never answered
	misses int           // in a row, without an answer that could be used
	down   bool          // a probe has said so
	told   time.Time     // when the log last said so
	loud   bool          // the log says so
	loop   bool          // leads back to us
	// probing
	probe   time.Time // when the next is due; zero: none
	backOff time.Duration
}

// enough misses in a row make a server doubtful: it is probed, and asked after others.
const enough = 3

// begin notes that the server is asked, unless it is asked too much.
func (s *server) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.n.UnderWay >= s.limit {
		s.n.Busy++
		return false
	}
	s.n.Asked++
	s.n.UnderWay++
	return true
}

// outcome is how a question to a server ended.
type outcome int

const (
	answered outcome = iota
	missed           // without an answer, or with one that is of no use
	pending          // it was not waited for any longer
)

// end notes how it ended after some time. It reports whether the server is back: it
// answers, after it did not; and whether that is news.
func (s *server) end(o outcome, took time.Duration) (back, news bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n.UnderWay--
	switch {
	case o == answered:
		back, news = s.misses >= enough, s.loud
		s.n.Answered++
		s.learn(took)
		s.misses, s.down, s.loud = 0, false, false
		if !s.loop {
			s.probe, s.backOff = time.Time{}, 0
		}
	case o == missed:
		s.n.Failed++
		s.miss()
	case took > 2*s.rtt && took >= overdue:
		s.n.Overdue++
		s.learn(max(took, s.rtt))
		s.miss()
	}
	return back, news
}

// overdue is when waiting for one whose answer was not needed counts against it.
const overdue = 100 * time.Millisecond

// learn smooths the time that answers take: the newest counts a quarter.
func (s *server) learn(took time.Duration) {
	if s.rtt != 0 {
		took = s.rtt + (took-s.rtt)/4
	}
	s.rtt = max(took, 1)
}

func (s *server) miss() {
	if s.misses++; s.misses == enough {
		s.probe = time.Now()
	}
}

// standing is how a server compares with others, the least being the best.
type standing struct {
	loop, doubtful bool
	rtt            time.Duration
}

func (s *server) standing() standing {
	s.mu.Lock()
	defer s.mu.Unlock()
	return standing{s.loop, s.misses >= enough || s.down, s.rtt}
}
