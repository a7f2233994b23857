package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/rollcall-dns/rollcall/sources"
	"github.com/rollcall-dns/rollcall/sources/lease"
	"github.com/rollcall-dns/rollcall/sources/static"
)

// maxAge is for how long something may be answered that nobody has looked at since: a
// restart that also fetches an image takes less. What has died meanwhile is answered as
// long as its source does not say so; after a minute or two nobody takes it for a
// restart any more, and the truth comes first.
const maxAge = 2 * time.Minute

// moment is a point of time of one boot, which all processes of the machine agree on.
// The wall clock, which may be set, plays no part.
type moment struct {
	Boot string        // its ID
	Up   time.Duration // since then
}

// after gives the time from another moment to this one; ok is false when that cannot
// be told.
func (m moment) after(o moment) (d time.Duration, ok bool) {
	return m.Up - o.Up, m.Boot != "" && m.Boot == o.Boot && m.Up >= o.Up
}

// estate is the file in which a server that stops leaves what the sources had reported.
type estate struct{ path string }

// estateHead is the first piece of the file.
type estateHead struct {
	Form int    // estateForm
	Seen moment // when the sources were followed last
}

// estateForm changes when older programs cannot read what newer ones write, or the
// other way round.
const estateForm = 1

func estateIn(dir string) *estate { return &estate{filepath.Join(dir, "reported.snapshot")} }

// write leaves the state to the next server, unless it takes longer than within.
func (e *estate) write(seen moment, state iter.Seq[[]byte], within time.Duration) error {
	head, err := json.Marshal(estateHead{estateForm, seen})
	if err != nil {
		return err
	}
	began := time.Now()
	return lease.WriteFile(e.path, func(yield func([]byte) bool) {
		if !yield(head) {
			return
		}
		for p := range state {
			if !yield(p) {
				return
			}
		}
	}, func() bool { return time.Since(began) > within })
}

// read checks the whole file, and tells when the sources were followed last. The error
// wraps fs.ErrNotExist when there is none, and says otherwise why it cannot be used.
func (e *estate) read() (seen moment, age time.Duration, err error) {
	var head estateHead
	first := true
	err = lease.ReadFile(e.path, func(data []byte) (err error) {
		if first {
			first = false
			return json.Unmarshal(data, &head)
		}
		_, err = parsePiece(data)
		return err
	})
	var at moment
	if err == nil {
		at, err = now()
	}
	if err == nil {
		age, err = head.age(at)
	}
	return head.Seen, age, err
}

// age is how old the state is at a moment; the error says why it cannot be used.
func (h *estateHead) age(at moment) (time.Duration, error) {
	age, sameBoot := at.after(h.Seen)
	switch {
	case h.Form != estateForm:
		return 0, errors.New("another version has written it")
	case !sameBoot:
		return 0, errors.New("it is from before the machine was started")
	case age >= maxAge:
		return 0, fmt.Errorf("it is %v old, and may be %v", age.Round(time.Second), maxAge)
	}
	return age, nil
}

// State gives the pieces behind the head, as a *handover.Predecessor does.
func (e *estate) State(ctx context.Context, each func([]byte) error) error {
	first := true
	return lease.ReadFile(e.path, func(data []byte) error {
		if first {
			first = false
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return each(data)
	})
}

// leaveTime is how long a server that stops may take to write the file: it has still
// to stop all else.
const leaveTime = 2 * time.Second

// leave writes down what the sources have reported, for the next server.
func (s *server) leave() {
	if s.cfg.DataDir == "" {
		return
	}
	left := estateIn(s.cfg.DataDir)
	seen, err := now()
	if err == nil {
		err = left.write(seen, s.reported(s.worthLeaving()), leaveTime)
	}
	if err != nil {
		s.log.Warn("the next server does not begin with what this one knows", "file", left.path, "reason", err)
	}
}

// worthLeaving are the sources of which the whole set is known. Static records are read
// from their file anyway.
func (s *server) worthLeaving() []sources.Status {
	return slices.DeleteFunc(s.sources.Status(), func(st sources.Status) bool {
		return st.Name == static.Name || !st.Synced && !st.Stale
	})
}

// remove makes sure that nobody uses the file again.
func (e *estate) remove() error {
	if err := os.Remove(e.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
