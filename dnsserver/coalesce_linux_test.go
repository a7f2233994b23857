package dnsserver

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

// A socket rests only while it is at work for more than half of the time, and is emptied
// now and then.
func TestSocketRestsWhileItIsBusy(t *testing.T) {
	const few, batches, work = 4, 200, 50 * time.Microsecond
	for _, tt := range []struct {
		name   string
		size   int // of batches
		idle   time.Duration
		always bool // something is there always
		want   int
	}{
		{"hardly asked", few, time.Second, false, 0},
		{"at work for less than half of the time", few, work + 1000, false, 0},
		{"at work for more", few, work - 1000, false, batches},
		{"never empty", few, work - 1000, true, mostRests},
		{"long batches", batchSize / 2, work - 1000, false, 0},
	} {
		now := int64(0)
		c := coalescer{now: func() int64 { return now }}
		rests := 0
		for i := range 3 * batches {
			now += int64(tt.idle)
			c.begin(!tt.always || i <= 2*batches)
			now += int64(work)
			if c.end(tt.size) && i >= 2*batches { // as it always was
				rests++
			}
		}
		if rests != tt.want {
			t.Errorf("%s: %d batches are followed by %d rests, want %d", tt.name, batches, rests, tt.want)
		}
	}
}

// Whoever has something to do does it first.
func TestRestIsForNobodyElse(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	c := coalescer{now: sinceStart}
	c.end(1)
	var ran atomic.Bool // on the only processor
	go ran.Store(true)
	if c.rest(); !ran.Load() {
		t.Error("the processor rests")
	}
}

// A burst after a long time of quiet is answered without a rest.
func TestSocketThatWasQuietDoesNotRest(t *testing.T) {
	now := int64(0)
	c := coalescer{now: func() int64 { return now }}
	now += int64(time.Hour)
	for range 100 {
		c.begin(false)
		now += int64(50 * time.Microsecond)
		if c.end(1) {
			t.Fatal("it rests")
		}
	}
}

func TestRestTakesTime(t *testing.T) {
	longest := time.Duration(0)
	for range 10 { // a signal of the scheduler ends one
		began := time.Now()
		rest()
		longest = max(longest, time.Since(began))
	}
	if longest < restTime {
		t.Errorf("it took %v at most, want %v", longest, restTime)
	}
}
