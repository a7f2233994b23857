package zone

import (
	"slices"
	"strconv"
	"time"
)

// Fallback says when an instance is answered although its checks have failed: only
// while no instance of the service is up, and only what was up before. Each instance
// says it for itself. One whose source does not say that it is up is never brought
// back, nor one whose lease has ended.
type Fallback uint8

// The zero value is FallbackNone.
const (
	FallbackNone Fallback = iota // never
	FallbackLast                 // if its checks failed at most a minute before the last of its service
	FallbackAll                  // always
)

var fallbackNames = [...]string{FallbackNone: "none", FallbackLast: "last", FallbackAll: "all"}

// String gives the fallback as APIs write it: "last".
func (f Fallback) String() string { return fallbackNames[f] }

// FallbackRule says in an error what ParseFallback takes.
const FallbackRule = "must be none, last or all"

// ParseFallback reads "none", "last" or "all".
func ParseFallback(s string) (Fallback, bool) {
	i := slices.Index(fallbackNames[:], s)
	return Fallback(max(i, 0)), i >= 0
}

func (f *faults) fallback(v Fallback) {
	if int(v) >= len(fallbackNames) {
		f.add("Fallback", strconv.Itoa(int(v)), FallbackRule)
	}
}

const (
	// lastWindow is how long before the last one those have failed that count as the
	// last as well: what has one cause is found by checks at different times.
	lastWindow = 60 // seconds

	// fallbackTTL is the most that an instance which is brought back is answered with,
	// in seconds: clients shall ask again soon whether one is up.
	fallbackTTL = 1
)

// failedAt is the second in which the checks of an instance have failed, at least 1, or
// 0 when it is not one to be brought back.
func (w *writer) failedAt(key Key, in *Instance) uint32 {
	j := w.judged[key]
	if in.Fallback == FallbackNone || j == nil || j.said.state != Up || j.found.state != Down || j.failed <= 0 {
		return 0
	}
	return uint32(max(1, j.failed/int64(time.Second)))
}

// standing is what a service knows of the state of its members.
type standing struct {
	last  uint32 // when the last of those has failed that can be brought back; 0: there is none
	lasts int32  // how many have failed then
	up    int32
}

// enters and leaves count a member in and out; it is in the members when it enters,
// and not any more when it leaves.
func (s *service) enters(e *entry) {
	switch {
	case e.mask&maskUp != 0:
		s.up++
	case e.failed > 0:
		s.fails(e.failed)
	}
}

func (s *service) fails(at uint32) {
	if at > s.last {
		s.last, s.lasts = at, 0
	}
	if at == s.last {
		s.lasts++
	}
}

func (s *service) leaves(e *entry) {
	switch {
	case e.mask&maskUp != 0:
		s.up--
	case e.failed > 0 && e.failed == s.last:
		if s.lasts--; s.lasts == 0 {
			s.findLast()
		}
	}
}

func (s *service) findLast() {
	s.last, s.lasts = 0, 0
	for m := range s.members.all() {
		if m.e.failed > 0 {
			s.fails(m.e.failed)
		}
	}
}

// choice says which members of a service are answered: those that are up, or if there
// are none those that are brought back.
type choice struct {
	state uint64 // maskUp, maskFailed or both
	since uint32 // FallbackLast brings back who has failed since then
}

// choose is the one comparison that a service with instances that are up costs.
func (s *service) choose() choice {
	if s.up > 0 {
		return choice{state: maskUp}
	}
	return choice{maskFailed, max(s.last, lastWindow) - lastWindow}
}

// either takes members of any service whose choice is known, or is asked for later.
var either = choice{state: maskUp | maskFailed}

// has reports whether an entry is one of those; its state is looked at by its mask.
func (c choice) has(e *entry) bool { return e.failed >= c.since || e.in.Fallback == FallbackAll }

// answers reports whether a member is answered under its service, while its lease
// has not ended.
func (s *Snapshot) answers(m *member) bool {
	if m.e.mask&maskFailed == 0 {
		return m.e.mask&maskUp != 0
	}
	n, _ := s.nodes.Get(m.service())
	c := n.svc.choose()
	return c.state == maskFailed && c.has(m.e)
}

// Fallback lists the services that answer an instance although its checks have
// failed, as Instance.Service has them.
func (s *Snapshot) Fallback(k Key) (services []string) {
	e, ok := s.entry(k)
	if !ok || e.failed == 0 {
		return nil
	}
	for m := range e.members() {
		if s.answers(m) {
			services = append(services, relString(m.service()))
		}
	}
	return services
}
