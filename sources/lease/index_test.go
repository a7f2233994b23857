package lease

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
)

// The index against a map, with few hashes, so that many entries have the same, and all
// are far from home.
func TestIndexIsAMap(t *testing.T) {
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 0))
		hashes := 1 + r.Uint32N(60)
		hashOf := func(id string) uint32 {
			var n uint32
			fmt.Sscan(id, &n)
			return 1 + (n%hashes)*(^uint32(0)/hashes)
		}
		var x index
		model := map[string]*entry{}
		for step := range 4000 {
			id := fmt.Sprint(r.IntN(200))
			e := x.find(hashOf(id), []byte(id))
			if e != model[id] {
				t.Fatalf("seed %d step %d: %s is %v, want %v", seed, step, id, e, model[id])
			}
			switch {
			case e == nil:
				e = newEntry(id)
				x.add(hashOf(id), e)
				model[id] = e
			case r.IntN(3) > 0:
				x.remove(hashOf(id), e)
				delete(model, id)
			}
			if x.n != len(model) {
				t.Fatalf("seed %d step %d: %d entries, want %d", seed, step, x.n, len(model))
			}
		}
		n := 0
		for e := range x.all() {
			if n++; model[e.id()] != e {
				t.Errorf("seed %d: %s is there, and should not be", seed, e.id())
			}
		}
		if n != len(model) {
			t.Errorf("seed %d: all gives %d entries, want %d", seed, n, len(model))
		}
	}
}

// Who guesses waits for nobody, and finds what stays.
func TestGuessWhileTheIndexChanges(t *testing.T) {
	var x index
	stays := newEntry("stays")
	x.add(1<<31, stays)
	stop, guessed := make(chan struct{}), atomic.Int64{}
	var guessing sync.WaitGroup
	guessing.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if x.guess(1<<31) == stays {
				guessed.Add(1)
			}
		}
	})
	for n := 0; n < 300 || guessed.Load() == 0 && n < 1_000_000; n++ { // it may have to wait for a processor
		var come [50]*entry
		for i := range come {
			come[i] = new(entry)
			x.add(1<<31+uint32(i%7), come[i])
		}
		for i, e := range come {
			x.remove(1<<31+uint32(i%7), e)
		}
	}
	close(stop)
	guessing.Wait()
	if x.guess(1<<31) != stays || guessed.Load() == 0 {
		t.Errorf("guessed right %d times, and in the end %v", guessed.Load(), x.guess(1<<31) == stays)
	}
}
