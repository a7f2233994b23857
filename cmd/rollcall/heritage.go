package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"time"

	"github.com/rollcall-dns/rollcall/handover"
	"github.com/rollcall-dns/rollcall/sockets"
	"github.com/rollcall-dns/rollcall/sources"
	"github.com/rollcall-dns/rollcall/sources/lease"
	"github.com/rollcall-dns/rollcall/sources/selfreg"
	"github.com/rollcall-dns/rollcall/zone"
)

// piece is one piece of the state that is handed over. Change or Record is set.
type piece struct {
	Change *zone.Change  `json:"change,omitempty"` // before the old process lets go: what the sources have reported
	Seen   *moment       `json:"seen,omitempty"`   // when the source of Change was followed last; nil: until now
	Record *lease.Record `json:"record,omitempty"` // after that: a registration
}

// maxPiece is how many instances a piece has at most.
const maxPiece = 500

func encodePiece(p piece) []byte {
	data, err := json.Marshal(p)
	if err != nil {
		panic("a piece of the state cannot be written: " + err.Error()) // there is nothing in it that can fail
	}
	return data
}

func parsePiece(data []byte) (p piece, err error) {
	if err = json.Unmarshal(data, &p); err != nil {
		err = fmt.Errorf("the state of the old server cannot be read: %w", err)
	}
	return p, err
}

// heritage is what a server gets from whoever was there before: from one that runs,
// over its socket, or from one that was stopped, in a file. Its zero value, and nil
// fields, are nothing.
type heritage struct {
	sockets *sockets.Set
	from    *handover.Predecessor
	left    *estate
	seen    moment            // when the sources in left were followed last
	known   map[string]moment // the same of each source that was taken over; zero: until now
	records []lease.Record
}

// inherit takes over the sockets of systemd, and those of a running server when the
// settings say so. Where none runs it looks for what one has left.
func inherit(ctx context.Context, cfg *Config, log *slog.Logger) (*heritage, error) {
	h := new(heritage)
	var err error
	if h.sockets, err = sockets.FromSystemd(); err != nil {
		return nil, fmt.Errorf("take over the sockets of systemd: %w", err)
	}
	if cfg.Replace {
		err = h.connect(ctx, cfg, log)
	}
	if err == nil && h.from == nil && cfg.DataDir != "" {
		h.find(estateIn(cfg.DataDir), log)
	}
	return h, err
}

func (h *heritage) connect(ctx context.Context, cfg *Config, log *slog.Logger) (err error) {
	ctx, cancel := context.WithTimeout(ctx, successionTime)
	defer cancel()
	h.from, err = handover.Connect(ctx, cfg.control())
	if errors.Is(err, handover.ErrNone) {
		log.Info("there is no server to replace: starting as the first", "control", cfg.control())
		return nil
	}
	if err == nil {
		h.sockets, err = sockets.Of(h.from.Files())
	}
	return err
}

// find takes a file if it can be used.
func (h *heritage) find(left *estate, log *slog.Logger) {
	seen, age, err := left.read()
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		log.Warn("what the last server knew is not used", "file", left.path, "reason", err)
	default:
		h.left, h.seen = left, seen
		log.Info("starting with what the last server knew: it is answered until the sources have reported", "age", age.Round(time.Millisecond), "at_most", maxAge)
	}
}

// takeOver makes the zone know what the sources had reported to the old process, but
// for those that this one does not follow. Then it makes that process let go of all
// that only one may have.
func (s *server) takeOver(ctx context.Context, follow []string) error {
	ctx, cancel := context.WithTimeout(ctx, successionTime)
	defer cancel()
	h := s.from
	h.known = map[string]moment{}
	adopt := func(data []byte) error {
		p, err := parsePiece(data)
		if err == nil && p.Change != nil && slices.Contains(follow, p.Change.Source) {
			h.known[p.Change.Source] = h.limit(&p, s.clock.Now())
			_, err = s.checks.Send(ctx, *p.Change)
		}
		return err
	}
	if h.left != nil {
		if err := h.left.State(ctx, adopt); err != nil {
			s.log.Warn("what the last server knew is not used, or not all of it", "file", h.left.path, "reason", err)
		}
		return ctx.Err()
	}
	if h.from == nil {
		return nil
	}
	if err := h.from.State(ctx, adopt); err != nil {
		return err
	}
	return h.from.Take(ctx, func(data []byte) error {
		p, err := parsePiece(data)
		if err == nil && p.Record != nil {
			h.records = append(h.records, *p.Record)
		}
		return err
	})
}

// limit gives instances a lease until what is known of them is too old, and tells when
// their source was followed last. What is handed over from a source that the old
// process follows has no limit, as if this one had followed it.
func (h *heritage) limit(p *piece, clock int64) (seen moment) {
	if seen = h.seen; p.Seen != nil {
		seen = *p.Seen
	}
	var until *zone.Lease
	if seen != (moment{}) {
		at, _ := now()
		age, ok := at.after(seen)
		if !ok {
			age = maxAge
		}
		until = zone.NewLease(clock + int64(maxAge-age))
	}
	for i := range p.Change.Put {
		if p.Change.Source != selfreg.Name { // its own leases come with its records
			p.Change.Put[i].Lease = until
		}
	}
	return seen
}

// stale marks a source whose last state is in the zone already: readiness does not
// wait for it, and what is answered is stale until it has synced.
func (h *heritage) stale(e sources.Entry) sources.Entry {
	if _, ok := h.known[e.Source.Name()]; ok {
		e.Stale, e.Grace = true, sources.NoGrace
	}
	return e
}

// lastSeen is when a source was followed last; nil: until now, or as long as this
// process need not tell.
func (h *heritage) lastSeen(st *sources.Status) *moment {
	if seen := h.known[st.Name]; st.Stale && seen != (moment{}) {
		return &seen
	}
	return nil
}

func (h *heritage) close() {
	h.sockets.Close()
	if h.from != nil {
		h.from.Close()
	}
}
