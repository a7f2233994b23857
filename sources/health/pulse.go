package health

import "time"

// A run that wakes up so much later than it meant to was blind meanwhile: the
// process was suspended, or had no processor.
const maxLate = 250 * time.Millisecond

// maxExcused bounds the failures in a row of one check that do not count because
// of that: on a machine that is always late, checks count after all.
const maxExcused = 3

// pulse knows when the run was blind.
type pulse struct {
	meant time.Time // when it means to wake at the latest
	saw   time.Time // when it was last blind no more
}

func (p *pulse) rests(now time.Time, rest time.Duration) { p.meant = now.Add(rest) }

func (p *pulse) woke(now time.Time) {
	if !p.meant.IsZero() && now.Sub(p.meant) > maxLate {
		p.saw = now
	}
}

// excuses reports whether a failure of what began then may be our own.
func (p *pulse) excuses(began time.Time) bool { return began.Before(p.saw) }
