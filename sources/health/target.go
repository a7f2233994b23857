package health

import (
	"slices"
	"time"

	"github.com/rollcall-dns/rollcall/zone"
)

// target is an instance in one revision.
type target struct {
	key       zone.Key
	revision  uint64
	endpoints []zone.Endpoint
	probes    []*probe // one for each check
	listed    uint64   // the sync that listed it last
	gone      bool
	failed    int64   // when it has failed, if it had passed; it counts while it is down
	told      finding // what the zone was told last
}

// finding is a state, and why it is that.
type finding struct {
	state  zone.State
	reason string
	failed int64 // as in zone.Verdict
}

// probe is one check of a target, and what came of it.
type probe struct {
	zone.Check
	target *target
	spots  []zone.Spot
	found  finding

	due    time.Time
	at     int  // in its queue; -1: in none, as while it is under way
	best   int  // the spot that has passed last
	proven bool // it has passed rise times in a row
	passed bool
	streak int  // results in a row that are like the last
	hung   bool // the last one has used up its time
	began  time.Time
	took   time.Duration
	reason string // why the last one failed

	excused int // failures in a row that did not count
}

func newTarget(source string, in *zone.Instance) *target {
	t := &target{key: zone.Key{Source: source, ID: in.ID}, revision: in.Revision, endpoints: in.Endpoints}
	for _, c := range in.Checks {
		p := &probe{Check: c, target: t, spots: in.Spots(&c), at: -1, found: finding{state: c.Initial}}
		if c.Initial != zone.Up {
			p.found.reason = unchecked
		}
		t.probes = append(t.probes, p)
	}
	t.told = t.finding()
	return t
}

// adopt begins with what another process has found.
func (t *target) adopt(f finding) {
	t.failed = f.failed
	for _, p := range t.probes {
		p.found = finding{state: f.state, reason: f.reason}
		p.proven = f.state == zone.Up || f.failed > 0
	}
	t.told = f
}

// unchecked is the reason of what is starting.
const unchecked = "its check has not passed yet"

// checks reports whether what is checked of an instance is what the target checks.
func (t *target) checks(in *zone.Instance) bool {
	return slices.EqualFunc(t.probes, in.Checks, func(p *probe, c zone.Check) bool { return p.Check == c }) &&
		slices.EqualFunc(t.endpoints, in.Endpoints, func(a, b zone.Endpoint) bool {
			return a.Network == b.Network && a.Addr == b.Addr && slices.Equal(a.Ports, b.Ports)
		})
}

// finding is that of the check that is worst off: down, then starting.
func (t *target) finding() finding {
	worst := t.probes[0].found
	for _, p := range t.probes[1:] {
		if rank(p.found.state) > rank(worst.state) {
			worst = p.found
		}
	}
	if worst.state == zone.Down {
		worst.failed = t.failed
	}
	return worst
}

// note takes in a result of one of the probes at a time, as in zone.Verdict.
func (t *target) note(p *probe, at int64, err error) {
	was := t.finding().state
	p.note(err)
	if was == zone.Down || p.found.state != zone.Down {
		return
	}
	t.failed = 0
	if !slices.ContainsFunc(t.probes, func(p *probe) bool { return !p.proven }) {
		t.failed = at
	}
}

func rank(s zone.State) int {
	switch s {
	case zone.Up:
		return 0
	case zone.Starting:
		return 1
	}
	return 2
}

// note takes in a result.
func (p *probe) note(err error) {
	passed := err == nil
	if passed != p.passed {
		p.passed, p.streak = passed, 0
	}
	p.streak++
	p.excused, p.reason = 0, ""
	if err != nil {
		p.reason = err.Error()
	}
	switch {
	case passed && p.streak >= int(p.Rise):
		p.found, p.proven = finding{state: zone.Up}, true
	case passed:
	case p.streak >= int(p.Fall):
		p.found = finding{state: zone.Down, reason: err.Error()}
	case p.found.state == zone.Starting:
		p.found.reason = unchecked + ": " + err.Error()
	}
}
