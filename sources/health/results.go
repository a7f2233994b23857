package health

import (
	"github.com/rollcall-dns/rollcall/sources"
	"github.com/rollcall-dns/rollcall/zone"
)

// Results gives what came last of each check of an instance, in the order of its
// checks; nil when there is none. It takes a lock for a moment and does no probing.
func (g *Gate) Results(k zone.Key) []sources.CheckResult {
	g.mu.Lock()
	defer g.mu.Unlock()
	t := g.wards[k.Source].target(k.ID)
	if t == nil {
		return nil
	}
	list := make([]sources.CheckResult, len(t.probes))
	for i, p := range t.probes {
		list[i] = sources.CheckResult{At: p.began, Took: p.took, Reason: p.reason, InARow: p.streak}
	}
	return list
}
