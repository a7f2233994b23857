package sourcetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rollcall-dns/rollcall/zone"
)

// watch is the sink of one Run, which looks for what a source must not do.
type watch struct {
	rec      *Recorder
	sending  atomic.Bool
	returned atomic.Bool
	synced   atomic.Bool
	// before is called in each Send, with its number from 1. An error is the
	// Send's, which then does nothing.
	before func(ctx context.Context, n int, c *zone.Change) error

	mu     sync.Mutex // guards the fields below
	n      int
	faults []error
	sent   []sent
}

// sent is an instance or a static record as it was when it was sent.
type sent struct {
	now  func() string
	text string
}

func newWatch(rec *Recorder) *watch { return &watch{rec: rec} }

// Send takes a change, and its time: whoever sends twice at once is seen.
func (w *watch) Send(ctx context.Context, c zone.Change) (zone.Result, error) {
	if !w.sending.CompareAndSwap(false, true) {
		w.fault("it has two Sends under way")
		return zone.Result{}, errors.New("sourcetest: another Send is under way")
	}
	defer w.sending.Store(false)
	if w.returned.Load() {
		w.fault("it sends after its Run has returned")
		return zone.Result{}, errors.New("sourcetest: the Run has returned")
	}
	time.Sleep(100 * time.Microsecond)
	n := w.look(&c)
	if w.before != nil {
		if err := w.before(ctx, n, &c); err != nil {
			return zone.Result{}, err
		}
	}
	res, err := w.rec.Send(ctx, c)
	if err == nil && c.Kind == zone.SyncEnd {
		w.synced.Store(true)
	}
	return res, err
}

// look notes a change, and gives its number.
func (w *watch) look(c *zone.Change) int {
	if c.Source != "" || c.Run != 0 {
		w.fault("it stamps a change with source %q and run %d, which is the supervisor's to do", c.Source, c.Run)
	}
	if c.Kind == zone.Delta && !w.synced.Load() {
		w.fault("it sends a change before it has ended the complete set")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, in := range c.Put {
		in.Lease = nil // its deadline may move
		w.note(func() string { return fmt.Sprintf("%+v", in) })
	}
	for _, st := range c.Static {
		w.note(func() string { return fmt.Sprintf("%+v", st) })
	}
	w.n++
	return w.n
}

func (w *watch) note(text func() string) { w.sent = append(w.sent, sent{text, text()}) }

func (w *watch) fault(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.faults) < 5 {
		w.faults = append(w.faults, fmt.Errorf(format, args...))
	}
}

// verdict joins the faults that were seen.
func (w *watch) verdict() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.sent {
		if now := s.now(); now != s.text {
			w.faults = append(w.faults, fmt.Errorf("it has changed what it sent: %s became %s", s.text, now))
			break
		}
	}
	return errors.Join(w.faults...)
}

// Goroutines inherit the labels of the one that starts them. So those of a Run
// can be told from all others, wherever they were started.

const labelKey = "sourcetest"

var labels atomic.Int64

func newLabel() string { return "run-" + strconv.FormatInt(labels.Add(1), 10) }

func labelled(ctx context.Context, label string, f func(context.Context)) {
	pprof.Do(ctx, pprof.Labels(labelKey, label), f)
}

// leftBehind gives the stack of a goroutine that still has the label after some
// time, or "".
func leftBehind(label string) string {
	want := fmt.Sprintf("%q:%q", labelKey, label)
	for began := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		var all bytes.Buffer
		pprof.Lookup("goroutine").WriteTo(&all, 1)
		found := ""
		for stack := range strings.SplitSeq(all.String(), "\n\n") {
			if strings.Contains(stack, want) {
				found = stack
				break
			}
		}
		if found == "" || time.Since(began) > limit/2 {
			return found
		}
	}
}
