package zone

import (
	"unsafe"

	"github.com/rollcall-dns/rollcall/zone/hamt"
)

// Ahead reads what the lookups of several names will read, before them. A lookup goes from
// pointer to pointer, and waits at each until it is there from memory. Here all names take
// one of these steps before any takes the next, so that their waits overlap. It
// decides nothing: what it does not find, or not in the newest snapshot, costs time alone.
// It is used by one goroutine at a time; the zero value is ready.
type Ahead struct {
	text []byte // the names, canonical
	// seen is made of all that was read: else the compiler might leave the reading out.
	seen uint64
}

const (
	// MaxAhead is how many names are read ahead together: about as many as the processor
	// waits for at once, and as have room in its first cache with all that was read.
	MaxAhead = 16
	// seats is how many members are read for each name, on average.
	seats = 4
)

// sight is how far the reading for one name has come.
type sight struct {
	rel   string
	path  hamt.Path[string, *node]
	node  *node
	svc   *service
	chunk *chunk
}

// Ahead reads ahead for names in wire form, MaxAhead at most.
func (s *Snapshot) Ahead(a *Ahead, names [][]byte) {
	var room [MaxAhead]sight
	all := room[:min(len(names), MaxAhead)]
	if a.text == nil {
		a.text = make([]byte, 0, MaxAhead*maxName) // never moves: names point into it
	}
	a.text = a.text[:0]
	for i := range all {
		all[i].rel = s.service(a, names[i])
	}
	if s.nodesAhead(all) > 0 {
		s.nodesAhead(all) // the names of instances are right below those of services
	}
	a.services(all)
}

// service gives the name of a service or an instance that is asked for, without what stands
// before it of a port; "" when there is nothing to read ahead for it.
func (s *Snapshot) service(a *Ahead, wire []byte) string {
	at := len(a.text)
	text, ok := Canonical(a.text, wire)
	if !ok {
		return ""
	}
	a.text = text
	name := Name(unsafe.String(&text[at], len(text)-at)) // valid until the next Ahead
	for _, d := range s.domains {
		if rel, ok := below(name, d); ok {
			for rel != "" && rel[1] == '_' {
				rel = cut(rel)
			}
			return rel
		}
	}
	return ""
}

// nodesAhead finds the nodes of those that have a name left, and takes it away; left is how
// many have none.
func (s *Snapshot) nodesAhead(all []sight) (left int) {
	for i := range all {
		if v := &all[i]; v.rel != "" {
			v.path = s.nodes.Path(v.rel)
		}
	}
	for on := true; on; {
		on = false
		for i := range all {
			on = all[i].path.Step() || on
		}
	}
	for i := range all {
		if v := &all[i]; v.rel != "" {
			if n, ok := v.path.End(v.rel); ok {
				v.node, v.rel = n, ""
			} else if v.rel = cut(v.rel); v.rel != "" {
				left++
			}
		}
	}
	return left
}

// services reads on from the nodes.
func (a *Ahead) services(all []sight) {
	for i := range all {
		if v := &all[i]; v.node != nil {
			v.svc = v.node.svc
		}
	}
	for i := range all {
		if v := &all[i]; v.svc != nil {
			a.seen += uint64(v.svc.up) // lies beside members
			v.chunk = v.svc.members.one
		}
	}
	a.chunks(all)
}

// chunks reads on from the lists, if they are short: what a long one has in an answer is
// drawn by chance.
func (a *Ahead) chunks(all []sight) {
	var lists [MaxAhead][]*member
	for i := range all {
		if c := all[i].chunk; c != nil {
			lists[i] = c.m
		}
	}
	var room [MaxAhead * seats]*member
	n := 0
	for _, l := range lists {
		n += copy(room[n:], l)
	}
	a.members(room[:n])
}

// members reads of each what any answer takes of it.
func (a *Ahead) members(ms []*member) {
	var targets [MaxAhead * seats]string
	var entries [MaxAhead * seats]*entry
	for i, m := range ms {
		entries[i], targets[i] = m.e, m.target
	}
	for i, e := range entries[:len(ms)] {
		a.seen += e.mask + uint64(targets[i][0])
		if e.in.Lease != nil {
			a.seen += uint64(e.in.Lease.Deadline())
		}
		for i := range e.spots()[:min(1, len(e.spots()))] {
			a.seen += uint64(e.spots()[i].group) + uint64(e.spots()[i].ports) + uint64(e.spots()[i].ip[15])
		}
	}
}
