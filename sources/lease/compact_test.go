package lease

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// A table is read for the new log while its owner goes on to change it: nothing is lost,
// and nothing that is gone comes back.
func TestCompactionReadsATableThatChanges(t *testing.T) {
	k := openKept(t, t.TempDir())
	tab := NewTable(func() int64 { return 0 })
	r := rand.New(rand.NewPCG(1, 2))
	for compactions, step := 0, 0; compactions < 3; step++ {
		records := someOf(r, step)
		if err := k.Write(records, tab.Records); err != nil {
			t.Fatal(err)
		}
		k.took(records)
		for _, rec := range records {
			if tab.Release(rec.ID); rec.Data != nil {
				tab.Grant(rec.ID, nobody, time.Hour)
				tab.Keep(rec.ID, string(rec.Data))
			}
		}
		select {
		case c := <-k.Compacted():
			compactions++
			k.Finish(c)
		default:
		}
	}
	if k.gen != 3 {
		t.Errorf("%d compactions, want 3", k.gen)
	}
	k.reopen()
}

// someOf gives records of some of 20,000 IDs: half of them of one that is gone.
func someOf(r *rand.Rand, step int) []Record {
	some := map[string]Record{}
	for range 200 {
		id := fmt.Sprint(r.IntN(20_000))
		if some[id] = gone(id); r.IntN(2) == 0 {
			some[id] = put(id, fmt.Sprint(step))
		}
	}
	return slices.Collect(maps.Values(some))
}
