package main

import (
	"runtime/debug"
	"testing"
)

func TestGarbageCollectionIsSetUnlessTheOperatorSetsIt(t *testing.T) {
	before := debug.SetGCPercent(100)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	for _, tt := range []struct {
		gogc string
		want int
	}{{"", gcPercent}, {"200", 100}, {"off", 100}} {
		t.Setenv("GOGC", tt.gogc)
		debug.SetGCPercent(100)
		keepTo(gcPercent)
		if got := debug.SetGCPercent(100); got != tt.want {
			t.Errorf("GOGC=%q: %d percent, want %d", tt.gogc, got, tt.want)
		}
	}
}

func TestCacheIsAccountedWithWhatTheCollectorLeaves(t *testing.T) {
	before := debug.SetGCPercent(100)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	for _, tt := range []struct {
		gogc string
		set  int // what the runtime makes of it
		want int
	}{
		{"", 100, gcPercent + beside}, // while it starts
		{"50", 50, 80}, {"200", 200, 230}, {"0", 0, 30},
		{"x", 100, 130},
		{"off", -1, gcPercent + beside}, {"-5", -1, gcPercent + beside},
	} {
		t.Setenv("GOGC", tt.gogc)
		debug.SetGCPercent(tt.set)
		if got := growth(); got != tt.want {
			t.Errorf("GOGC=%q: %d percent, want %d", tt.gogc, got, tt.want)
		}
	}
}

func TestMemoryIsGivenBackAfterManyInstances(t *testing.T) {
	for _, tt := range []struct {
		before, now int
		want        bool
	}{{0, 3, false}, {0, 200_000, true}, {200_000, 200_900, false}, {200_000, 150_000, true}, {200_000, 0, true}} {
		if got := manyOf(tt.before, tt.now); got != tt.want {
			t.Errorf("%d, then %d: %v, want %v", tt.before, tt.now, got, tt.want)
		}
	}
}
