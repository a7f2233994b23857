package health

import (
	"errors"
	"testing"
	"time"

	"github.com/rollcall-dns/rollcall/zone"
)

func TestFailureWhileWeWereBlindIsExcused(t *testing.T) {
	began := time.Now()
	at := func(d time.Duration) time.Time { return began.Add(d) }
	var p pulse
	p.woke(at(0))
	p.rests(at(0), 100*time.Millisecond)
	p.woke(at(200 * time.Millisecond)) // a little late
	if p.excuses(at(0)) {
		t.Error("100 ms late: excused, want it to count")
	}
	p.rests(at(200*time.Millisecond), 100*time.Millisecond)
	p.woke(at(3 * time.Second)) // suspended
	if !p.excuses(at(time.Second)) || !p.excuses(at(0)) {
		t.Error("2.7 s late: a failure that began before counts, want it excused")
	}
	if p.excuses(at(3*time.Second + 1)) {
		t.Error("what began afterwards is excused, want it to count")
	}
}

func TestExcusesAreBounded(t *testing.T) {
	r := &run{Gate: New(Options{Logger: quiet}), untold: map[*target]struct{}{}}
	in := checked("a", path("/", func(c *zone.Check) { c.Initial, c.Fall = zone.Up, 1 }))
	tgt := newTarget("test", &in)
	p := tgt.probes[0]
	for n := 1; n <= maxExcused+1; n++ {
		now := time.Now()
		r.pulse.saw = now.Add(time.Hour) // always late
		r.busy++
		r.note(now, &result{probe: p, began: now, err: errors.New("no answer")})
		r.agenda.remove(p)
		want := zone.Up
		if n > maxExcused {
			want = zone.Down
		}
		if got := tgt.finding().state; got != want {
			t.Errorf("after %d failures: %v, want %v", n, got, want)
		}
	}
	r.busy++
	r.note(time.Now(), &result{probe: p, began: time.Now()})
	if got := tgt.finding().state; got != zone.Up {
		t.Errorf("a pass while we are late: %v, want up: it is the truth", got)
	}
}
