package main

import (
	"context"
	"math"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// gcPercent is how much the heap grows, in percent of what lives, before garbage is
// collected, unless GOGC says otherwise. Nearly all of the heap is the zone, answers
// allocate nothing, and what grows between two collections stays in memory as holes
// (docs/decisions/0018-memory.md).
const gcPercent = 25

// startPercent is the same while a server reads its registrations from disk. Little of what
// it makes then is garbage: to look for that more often would take longer, and find none
// (docs/decisions/0025-a-start-with-a-million-registrations.md).
const startPercent = 200

// keepTo has the heap grow by so many percent.
func keepTo(percent int) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
	}
}

// beside is by how much more the process grows, in percent of what lives: pages that are
// used in part, and what the collector itself needs. With a million cached names it was 15,
// and 29 when each had given way to another.
const beside = 30

// growth is by how many percent the process outgrows what lives.
func growth() int {
	if os.Getenv("GOGC") == "" {
		return gcPercent + beside
	}
	set := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	metrics.Read(set)
	if percent := set[0].Value.Uint64(); percent < math.MaxInt32 {
		return int(percent) + beside
	}
	return gcPercent + beside // it is off: then GOMEMLIMIT says how much
}

// quiet is how long the number of instances stays the same after they were loaded.
const quiet = 5 * time.Second

// giveBack keeps the heap small once the server is ready, until ctx is done. Each time
// that many instances have come or gone and no more do, it gives memory back to the
// system: the runtime alone keeps a tenth more than it ever needed.
func (s *server) giveBack(ctx context.Context) {
	t := time.NewTicker(quiet)
	defer t.Stop()
	select {
	case <-s.sources.WhenReady(): // while it starts, time is dearer than memory
		keepTo(gcPercent)
	case <-ctx.Done():
	}
	freed, last := 0, 0
	for {
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
		now := s.zone.Snapshot().Len()
		if now == last && manyOf(freed, now) {
			debug.FreeOSMemory()
			freed = now
		}
		last = now
	}
}

// manyOf reports whether two numbers of instances differ by much of the memory.
func manyOf(before, now int) bool {
	return math.Abs(float64(now-before)) > 1000+0.1*float64(before)
}
