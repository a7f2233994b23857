package health

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
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

func TestProbeThatCannotBeMadeSaysNothing(t *testing.T) {
	addr := serve(t, replies("HTTP/1.1 200 OK\r\n\r\n"))
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	defer syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 3, Max: limit.Max}); err != nil {
		t.Fatal(err)
	}
	var w worker
	_, err := w.probe(t.Context(), httpCheck(), spots(addr), 0)
	if _, ok := err.(*blindError); !ok || !strings.Contains(err.Error(), "too many open files") {
		t.Errorf("without a file descriptor: %v (%T), want that it cannot be made", err, err)
	}
	r := &run{Gate: New(Options{Logger: quiet}), untold: map[*target]struct{}{}}
	in := checked("a", path("/", func(c *zone.Check) { c.Initial, c.Fall = zone.Up, 1 }))
	tgt := newTarget("test", &in)
	for range 20 {
		r.stats.UnderWay++
		r.note(time.Now(), &result{probe: tgt.probes[0], began: time.Now(), err: err})
		r.agenda.remove(tgt.probes[0])
	}
	if got := tgt.finding().state; got != zone.Up {
		t.Errorf("after 20 of these: %v, want up", got)
	}
}

func TestWhoseFaultItIs(t *testing.T) {
	v4, v6 := netip.MustParseAddrPort("10.0.0.1:80"), netip.MustParseAddrPort("[fd00::1]:80")
	tests := []struct {
		addr netip.AddrPort
		err  error
		ours bool
	}{
		{v4, syscall.EMFILE, true},
		{v4, syscall.ENOBUFS, true},
		{v4, syscall.EADDRNOTAVAIL, true},
		{v6, syscall.EADDRNOTAVAIL, false},
		{v4, syscall.ECONNREFUSED, false},
		{v4, syscall.EHOSTUNREACH, false},
		{v4, context.DeadlineExceeded, false},
	}
	for _, tt := range tests {
		u := &unreachable{&zone.Spot{Addr: tt.addr}, &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", tt.err)}}
		if u.ours() != tt.ours {
			t.Errorf("%v at %v: ours %v, want %v", tt.err, tt.addr, u.ours(), tt.ours)
		}
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
		r.stats.UnderWay++
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
	r.stats.UnderWay++
	r.note(time.Now(), &result{probe: p, began: time.Now()})
	if got := tgt.finding().state; got != zone.Up {
		t.Errorf("a pass while we are late: %v, want up: it is the truth", got)
	}
}
