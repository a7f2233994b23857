package zone

import (
	"bytes"
	"math/bits"
	"math/rand/v2"
	"slices"
)

// dice gives the choices of one lookup: the same ones for the same seed.
type dice struct{ rand.PCG }

// below is a number from 0 to n-1, each as likely as the others; n is at least 1.
func (d *dice) below(n int) int {
	hi, _ := bits.Mul64(d.Uint64(), uint64(n))
	return int(hi)
}

// pick gives the place of any member of a list that is not empty, each as likely as
// the others. Runs and chunks differ in size, so that a place without a member is thrown
// again.
func (l *list) pick(d *dice) position {
	if l.one != nil {
		return position{i: d.below(len(l.one.m))}
	}
	runs, wide := l.many.runs, maxRun
	if len(runs) == 1 {
		wide = len(runs[0].chunks)
	}
	for {
		p := position{d.below(len(runs)), d.below(wide), d.below(maxChunk)}
		if chunks := runs[p.run].chunks; p.chunk < len(chunks) && p.i < len(chunks[p.chunk].m) {
			return p
		}
	}
}

// maxThrows bounds how often a member is looked for with which to begin.
const maxThrows = 64

// throw begins at any member.
func (f *filter) throw(q *Question) {
	f.roll.Seed(uint64(q.Seed), 1)
	if f.list.len() > 0 {
		f.from = f.list.pick(&f.roll)
	}
}

// begin chooses a member that can be answered. Beginning at any other would give the
// share of those that cannot to the one behind them, when the answer is cut.
func (f *filter) begin(q *Question, s scope) {
	if f.one != nil || f.list.len() == 0 {
		return
	}
	for range maxThrows {
		if f.answers(q, s, f.list.at(f.from)) {
			return
		}
		f.from = f.list.pick(&f.roll)
	}
}

// answers reports whether a member has a record of the question's type.
func (f *filter) answers(q *Question, s scope, m *member) bool {
	if !f.sees(q, m, s.mask(q)) {
		return false
	}
	for i := range m.e.spots() {
		if s.holds(&q.View, m, i) && f.gives(q.Type, m, i) {
			return true
		}
	}
	return false
}

// rotate turns the answer, so that each record is first equally often among those of
// its SRV priority, and puts the addresses of the first target first, because they are
// the last to be left out.
func (a *Answer) rotate() {
	set := a.set()
	if len(set) > 1 && a.limit == 0 {
		var d dice
		d.Seed(uint64(a.seed), 2)
		turn(set, d.below(len(set)))
	}
	// Clients ought to look at the priority (RFC 2782), but many take the first record.
	if set[0].Type == TypeSRV && !slices.IsSortedFunc(set, byPriority) {
		slices.SortStableFunc(set, byPriority)
	}
	if len(a.Additional) > 1 {
		target := set[0].body
		turn(a.Additional, max(0, slices.IndexFunc(a.Additional, func(r Record) bool { return r.owner == target })))
	}
}

func byPriority(x, y Record) int { return bytes.Compare(x.head[:2], y.head[:2]) }

// turn makes element n the first.
func turn(rs []Record, n int) {
	if n == 0 {
		return
	}
	slices.Reverse(rs[:n])
	slices.Reverse(rs[n:])
	slices.Reverse(rs)
}
