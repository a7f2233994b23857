package zone

import (
	"maps"
	"slices"
)

// Reported gives all that is here of one source, as changes which make another zone
// know the same of it: each has at most so many instances and static records as
// page says. Apply what comes of them before the source's own first sync, and that
// removes what is no more. Leases are those of this zone.
func (z *Zone) Reported(source string, page int) []Change {
	z.mu.Lock()
	defer z.mu.Unlock()
	o := z.w.owned[source]
	if o == nil {
		return nil
	}
	first := Change{Source: source, Networks: slices.Clone(o.networks)}
	for _, id := range slices.Sorted(maps.Keys(o.attached)) {
		first.Attach = append(first.Attach, o.attached[id])
	}
	changes := []Change{first}
	for _, id := range slices.Sorted(z.w.ids(source)) {
		c := &changes[len(changes)-1]
		if len(c.Put)+len(c.Static) >= page {
			changes = append(changes, Change{Source: source})
			c = &changes[len(changes)-1]
		}
		key := Key{source, id}
		if e, ok := z.w.entry(key); ok {
			c.Put = append(c.Put, *e.instance())
			if j := z.w.judged[key]; j != nil {
				in := &c.Put[len(c.Put)-1]
				in.State, in.Reason = j.said.state, j.said.reason
				c.Verdicts = append(c.Verdicts, Verdict{key, in.Revision, j.found.state, j.found.reason, j.failed})
			}
		} else if f, ok := z.w.static(key); ok {
			c.Static = append(c.Static, f.in)
		}
	}
	return changes
}
