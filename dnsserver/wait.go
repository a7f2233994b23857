package dnsserver

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
)

// ErrWait is what a Handler returns for a query that it could answer only after
// waiting for somebody else, unless Query.MayWait is set. It is asked again with
// MayWait, where it holds nobody up: a connection's later queries are then answered
// before this one (RFC 7766 §6.2.1.1).
var ErrWait = errors.New("the answer must be waited for")

// waiters answer the queries that have to wait, each in a goroutine. There are so
// many at most, and so many of one peer; what comes beyond is SERVFAIL at once, so that
// the asker turns to another server.
type waiters struct {
	places, share int
	wg            sync.WaitGroup
	idle          sync.Pool // of *responder

	mu     sync.Mutex   // guards the following, and orders the writing of taken
	taken  atomic.Int64 // places
	byPeer map[netip.Addr]int
}

// waitingShares says what part of all places one peer may take: one in so many.
const waitingShares = 4

func (s *Server) newWaiters() *waiters {
	n := s.newCounters()
	return &waiters{
		places: s.o.MaxWaiting,
		share:  max(1, s.o.MaxWaiting/waitingShares),
		byPeer: map[netip.Addr]int{},
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
	w.wg.Go(func() {
		defer w.leave(from)
		r := w.idle.Get().(*responder)
		r.q = again
		reply, _ := r.reply(ctx, msg, make([]byte, room, maxUDPSize))
		r.q = Query{}
		w.idle.Put(r)
		send(reply)
	})
	return true
}

// take gives a place to a peer.
func (w *waiters) take(from netip.Addr) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.taken.Load() >= int64(w.places) || w.byPeer[from] >= w.share {
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

// many is how many queries wait when their goroutines, should all be woken at once, would
// hold up others noticeably.
const many = 16

// crowded reports whether many queries wait.
func (w *waiters) crowded() bool { return w.taken.Load() >= many }
