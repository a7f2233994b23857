package web

import (
	"context"
	"errors"
	"math"
	"sync"
	"sync/atomic"
)

// A Request appends the one of a number to b.
type Request func(i int, b []byte) []byte

// Each sends n requests over some connections, each when the one before it on the same
// connection is answered. An answer above 299 is an error, and ends it.
func Each(ctx context.Context, addr string, conns, n int, r Request) error {
	_, err := send(ctx, addr, conns, n, r)
	return errors.Join(err, context.Cause(ctx))
}

// Until does so until ctx is done, and gives how many were answered.
func Until(ctx context.Context, addr string, conns int, r Request) (answered int, err error) {
	return send(ctx, addr, conns, math.MaxInt, r)
}

// send sends up to n requests until ctx is done.
func send(ctx context.Context, addr string, conns, n int, r Request) (answered int, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var next, done atomic.Int64
	failed := make([]error, conns)
	var all sync.WaitGroup
	for i := range conns {
		all.Go(func() {
			defer cancel()
			failed[i] = sendOver(ctx, addr, n, r, &next, &done)
		})
	}
	all.Wait()
	return int(done.Load()), errors.Join(failed...)
}

// sendOver is one connection's part of them.
func sendOver(ctx context.Context, addr string, n int, r Request, next, done *atomic.Int64) error {
	c, err := Dial(addr)
	if err != nil {
		return err
	}
	defer c.Close()
	var b []byte
	for ctx.Err() == nil {
		i := int(next.Add(1)) - 1
		if i >= n {
			return nil
		}
		b = r(i, b[:0])
		if err := c.Put(b); err != nil {
			return err
		}
		done.Add(1)
	}
	return nil
}
