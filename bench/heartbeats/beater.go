package main

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/rollcall-dns/rollcall/bench/internal/ask"
	"github.com/rollcall-dns/rollcall/bench/internal/fleet"
	"github.com/rollcall-dns/rollcall/bench/internal/web"
)

const (
	period    = 10 * time.Second // of the heartbeats of a lease
	batchSize = 1000
)

// beater sends the heartbeats of a fleet in batches, and knows what came of them.
type beater struct {
	s       *measured
	f       *fleet.Fleet
	next    int // whose turn it is
	beats   int
	unknown int           // answered with 404
	worst   time.Duration // until a request was answered
}

// steadily sends heartbeats for a while, so that each instance has one in a period.
func (b *beater) steadily(ctx context.Context, d time.Duration) error {
	c, err := web.Dial(b.s.addr)
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	rate := max(1, int(time.Duration(b.f.Len()/batchSize)*time.Second/period))
	ask.Pace(ctx, rate, func(int) {
		if err == nil {
			err = b.batch(c, b.f.Len())
		}
	})
	return err
}

// all sends one heartbeat of each of the first n, at once.
func (b *beater) all(n int) error {
	c, err := web.Dial(b.s.addr)
	if err != nil {
		return err
	}
	defer c.Close()
	for b.next = 0; ; {
		if err := b.batch(c, n); err != nil || b.next == 0 {
			return err
		}
	}
}

// batch sends the next batch, of the first among instances.
func (b *beater) batch(c *web.Conn, among int) error {
	n := min(batchSize, among-b.next)
	request := b.f.AppendBeats(nil, b.next, n)
	began := time.Now()
	status, body, err := c.Do(request)
	if err != nil {
		return err
	}
	if status != 200 {
		return fmt.Errorf("PUT /v1/heartbeats: %d: %s", status, body)
	}
	b.worst = max(b.worst, time.Since(began))
	b.unknown += n - bytes.Count(body, []byte(`"status":204`))
	b.next, b.beats = (b.next+n)%among, b.beats+n
	return nil
}
