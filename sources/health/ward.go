package health

import (
	"iter"

	"github.com/rollcall-dns/rollcall/zone"
)

// ward is what is probed of one source. It begins and ends syncs as the zone does,
// so that what is not in the zone is not probed.
type ward struct {
	targets map[string]*target // by ID
	run     uint64
	syncing bool
	sync    uint64 // counts the syncs that were begun
}

// target finds an instance; it may be called on a nil ward.
func (w *ward) target(id string) *target {
	if w == nil {
		return nil
	}
	return w.targets[id]
}

// begin begins a sync if the change is the first of one.
func (w *ward) begin(c *zone.Change) {
	if w.run != c.Run {
		w.run, w.syncing = c.Run, false
	}
	if c.Kind != zone.Delta && !w.syncing {
		w.syncing = true
		w.sync++
	}
}

// unlisted gives what the sync has not listed, and ends it.
func (w *ward) unlisted() iter.Seq[string] {
	w.syncing = false
	return func(yield func(string) bool) {
		for id, t := range w.targets {
			if t.listed != w.sync && !yield(id) {
				return
			}
		}
	}
}
