package dnsserver

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// ErrWait is what a Handler returns for a query that it could answer only after
// waiting for somebody else, unless Query.MayWait is set. It is asked again with
// MayWait, where it holds nobody up: a connection's later queries are then answered
// before this one (RFC 7766 §6.2.1.1).
var ErrWait = errors.New("the answer must be waited for")

// waiters answer the queries that have to wait, each in a goroutine. There are so
// many at most; what comes beyond is SERVFAIL at once, so that the asker turns to
// another server.
type waiters struct {
	places chan struct{}
	wg     sync.WaitGroup
	idle   sync.Pool // of *responder
}

func (s *Server) newWaiters() *waiters {
	n := s.newCounters()
	return &waiters{
		places: make(chan struct{}, s.o.MaxWaiting),
		idle: sync.Pool{New: func() any {
			r := s.newResponder(n, nil)
			return &r
		}},
	}
}

// start answers msg, which is a query from where q came, and gives the reply to send:
// behind so many octets of room. It reports false when no place is free.
func (w *waiters) start(ctx context.Context, q *Query, msg []byte, room int, send func(reply []byte)) bool {
	select {
	case w.places <- struct{}{}:
	default:
		return false
	}
	msg, again := slices.Clone(msg), Query{From: q.From, Local: q.Local, Transport: q.Transport, MayWait: true}
	w.wg.Go(func() {
		defer func() { <-w.places }()
		r := w.idle.Get().(*responder)
		r.q = again
		reply, _ := r.reply(ctx, msg, make([]byte, room, maxUDPSize))
		r.q = Query{}
		w.idle.Put(r)
		send(reply)
	})
	return true
}
