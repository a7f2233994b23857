package dnsserver

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// ErrWait is what a Handler returns for a query that it could answer only after
// waiting for somebody else, unless Query.MayWait is set. It is asked again with
// MayWait, where it holds nobody up: a connection's later queries are then answered
// before this one (RFC 7766 §6.2.1.1).
var ErrWait = errors.New("the answer must be waited for")

// waiters answer the queries that have to wait, each in a goroutine. There are so
// many at most, and so many of one peer; what comes beyond is SERVFAIL at once, so that
// the asker turns to another server.
//
// While goroutines wait for a processor there are fewer: those that ask others then cost
// more than there is, and more of them answer no more, but keep what is answered from
// memory waiting as well. An upstream that is slow takes no processor, and has them all.
type waiters struct {
	wg     sync.WaitGroup
	idle   sync.Pool // of *responder
	loops  func() []*udpLoop
	looked atomic.Int64 // when the sockets were looked at, in nanoseconds since start

	mu     sync.Mutex   // guards the following, and orders the writing of taken
	taken  atomic.Int64 // places
	byPeer map[netip.Addr]int
	pace   pace
}

// waitingShares says what part of all places one peer may take: one in so many.
const waitingShares = 4

func (s *Server) newWaiters() *waiters {
	n := s.newCounters()
	return &waiters{
		loops:  func() []*udpLoop { return s.loops },
		byPeer: map[netip.Addr]int{},
		pace:   pace{most: s.o.MaxWaiting, open: s.o.MaxWaiting},
		idle: sync.Pool{New: func() any {
			r := s.newResponder(n, nil)
			return &r
		}},
	}
}

// start answers msg, which is a query from where q came, and gives the reply to send:
// behind so many octets of room. It reports false when no place is free.
func (w *waiters) start(ctx context.Context, q *Query, msg []byte, room int, send func(reply []byte)) bool {
	from := peer(q.From.Addr())
	if !w.take(from) {
		return false
	}
	msg, again := slices.Clone(msg), Query{From: q.From, Local: q.Local, Transport: q.Transport, MayWait: true}
	began := sinceStart()
	w.wg.Go(func() {
		defer w.leave(from)
		w.runs(began, sinceStart())
		w.glance(ctx)
		r := w.idle.Get().(*responder)
		r.q = again
		reply, _ := r.reply(ctx, msg, make([]byte, room, maxUDPSize))
		r.q = Query{}
		w.idle.Put(r)
		send(reply)
		w.glance(ctx)
	})
	return true
}

// take gives a place to a peer.
func (w *waiters) take(from netip.Addr) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	places := w.pace.open
	if n := w.taken.Load(); n >= int64(places) || w.byPeer[from] >= max(1, places/waitingShares) {
		w.pace.bound = true
		w.pace.sample(0, sinceStart()) // also when nobody starts, as all wait for a slow server
		return false
	}
	w.taken.Add(1)
	w.byPeer[from]++
	return true
}

func (w *waiters) leave(from netip.Addr) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.taken.Add(-1)
	if w.byPeer[from]--; w.byPeer[from] == 0 {
		delete(w.byPeer, from)
	}
}

// runs notes that the goroutine of a query runs now, which was started at began.
func (w *waiters) runs(began, now int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pace.sample(now-began, now)
}

// pace is how many places are open, in steps of paceStep.
type pace struct {
	most, open int
	since      int64 // when the step began, in nanoseconds since start
	worst      int64 // how long a goroutine of this step waited for a processor
	bound      bool  // there was no place for somebody in this step
}

const (
	paceStep    = int64(10 * time.Millisecond)
	paceLate    = int64(5 * time.Millisecond) // a wait that closes places
	paceSoon    = int64(2 * time.Millisecond) // waits that open them again are all shorter
	fewestOpen  = 8 * many
	paceClosing = 4 // of so many one is closed in a step
	paceOpening = 8 // for so many one is opened
)

// sample tells how long a goroutine waited for a processor.
func (p *pace) sample(waited, now int64) {
	p.worst = max(p.worst, waited)
	if now-p.since < paceStep {
		return
	}
	switch {
	case p.worst > paceLate:
		p.open = max(p.open-p.open/paceClosing, min(fewestOpen, p.most))
	case p.worst < paceSoon && p.bound:
		p.open = min(p.open+p.open/paceOpening+1, p.most)
	}
	p.since, p.worst, p.bound = now, 0, false
}

// many is how many queries wait when their goroutines, should all be woken at once, would
// hold up others noticeably.
const many = 16

// crowded reports whether many queries wait.
func (w *waiters) crowded() bool { return w.taken.Load() >= many }

// glances is the time from one look at the UDP sockets to the next while many queries wait.
const glances = int64(100 * time.Microsecond)

// glance has what can be answered from memory answered between the steps of many that
// wait: Go's scheduler looks for datagrams only when it has nothing else to run, and every
// 10 ms.
func (w *waiters) glance(ctx context.Context) {
	if !w.crowded() {
		return
	}
	now, looked := sinceStart(), w.looked.Load()
	if now-looked < glances || !w.looked.CompareAndSwap(looked, now) {
		return
	}
	for _, u := range w.loops() {
		u.glance(ctx)
	}
}
