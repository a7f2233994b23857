package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/rollcall-dns/rollcall/handover"
	"github.com/rollcall-dns/rollcall/sockets"
	"github.com/rollcall-dns/rollcall/sources"
	"github.com/rollcall-dns/rollcall/sources/lease"
	"github.com/rollcall-dns/rollcall/zone"
)

// successionTime is how long the two processes may take: the new one reads up to a
// million registrations before it answers, and the old one answers meanwhile.
const successionTime = 2 * time.Minute

// piece is one piece of the state that is handed over. One of the fields is set.
type piece struct {
	Change *zone.Change  `json:"change,omitempty"` // before the old process lets go: what the sources have reported
	Record *lease.Record `json:"record,omitempty"` // after that: a registration
}

// maxPiece is how many instances a piece has at most.
const maxPiece = 500

// heritage is what a server gets from whoever was there before. Its zero value, and
// nil fields, are nothing.
type heritage struct {
	sockets *sockets.Set
	from    *handover.Predecessor
	records []lease.Record
}

// inherit takes over the sockets of systemd, and those of a running server when the
// settings say so.
func inherit(ctx context.Context, cfg *Config, log *slog.Logger) (*heritage, error) {
	h := new(heritage)
	var err error
	if h.sockets, err = sockets.FromSystemd(); err != nil {
		return nil, fmt.Errorf("take over the sockets of systemd: %w", err)
	}
	if !cfg.Replace {
		return h, nil
	}
	ctx, cancel := context.WithTimeout(ctx, successionTime)
	defer cancel()
	h.from, err = handover.Connect(ctx, cfg.control())
	if errors.Is(err, handover.ErrNone) {
		log.Info("there is no server to replace: starting as the first", "control", cfg.control())
		return h, nil
	}
	if err == nil {
		h.sockets, err = sockets.Of(h.from.Files())
	}
	return h, err
}

// takeOver makes the zone behind sink know what the sources had reported to the old process, and then
// makes that let go of all that only one may have.
func (h *heritage) takeOver(ctx context.Context, sink sources.Sink) error {
	if h.from == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, successionTime)
	defer cancel()
	err := h.from.State(ctx, func(data []byte) error {
		p, err := parsePiece(data)
		if err == nil && p.Change != nil {
			_, err = sink.Send(ctx, *p.Change)
		}
		return err
	})
	if err != nil {
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

func parsePiece(data []byte) (p piece, err error) {
	if err = json.Unmarshal(data, &p); err != nil {
		err = fmt.Errorf("the state of the old server cannot be read: %w", err)
	}
	return p, err
}

// known is a source whose last state is in the zone already: readiness does not wait
// for it, and what is answered is stale until it has synced.
func (h *heritage) known(e sources.Entry) sources.Entry {
	if h.from != nil {
		e.Grace = sources.NoGrace
	}
	return e
}

func (h *heritage) close() {
	h.sockets.Close()
	if h.from != nil {
		h.from.Close()
	}
}

// serveDNS answers questions. Sockets that another process answers from as well are
// not read before this one knows as much.
func (s *server) serveDNS(ctx context.Context) error {
	if s.from.from == nil {
		return s.dns.Serve(ctx)
	}
	select {
	case <-s.sources.WhenReady():
	case <-ctx.Done():
	}
	if err := s.from.from.Done(); err != nil {
		s.log.Warn("the server that this one replaces may have stopped early", "error", err)
	}
	s.from.close()
	return s.dns.Serve(ctx)
}

// awaitSuccessor hands over to a server that comes to replace this one. It is told to
// stop when HTTP and the sources have stopped: either because the program ends, or
// because it has called stop itself.
func (s *server) awaitSuccessor(ctx context.Context, stop func()) error {
	if s.offer == nil {
		<-ctx.Done()
		return nil
	}
	defer s.offer.Close()
	for {
		next, err := s.offer.Accept(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		s.log.Info("another server comes to replace this one")
		if err := s.prepare(ctx, next); err != nil {
			next.Close()
			s.log.Warn("the other server does not replace this one", "reason", err)
			continue
		}
		s.offer.Close()
		stop()
		<-ctx.Done()
		return s.finish(next)
	}
}

// prepare passes the sockets and what the sources have reported.
func (s *server) prepare(ctx context.Context, next *handover.Successor) error {
	files, err := s.dns.Files()
	if err == nil {
		var f *os.File
		if f, err = s.http.file(); err == nil {
			files = append(files, f)
		}
	}
	defer func() {
		for _, f := range files {
			f.Close()
		}
	}()
	if err != nil {
		return err
	}
	return next.Send(ctx, files, s.reported())
}

// reported is the state of all sources. Self-registration hands over its
// registrations themselves, so that of it only what is checked is here, with what the
// checks have found.
func (s *server) reported() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for _, st := range s.sources.Status() {
			for _, c := range s.zone.Reported(st.Name, maxPiece) {
				if st.Name == s.selfreg.Name() {
					c.Put = slices.DeleteFunc(c.Put, func(in zone.Instance) bool { return len(in.Checks) == 0 })
				}
				if !yield(encodePiece(piece{Change: &c})) {
					return
				}
			}
		}
	}
}

func encodePiece(p piece) []byte {
	data, err := json.Marshal(p)
	if err != nil {
		panic("a piece of the state cannot be written: " + err.Error()) // there is nothing in it that can fail
	}
	return data
}

// finish passes the registrations, and waits until the successor answers.
func (s *server) finish(next *handover.Successor) error {
	defer next.Close()
	ctx, cancel := context.WithTimeout(context.Background(), successionTime)
	defer cancel()
	err := next.Finish(ctx, func(yield func([]byte) bool) {
		for _, r := range s.selfreg.Records() {
			if !yield(encodePiece(piece{Record: &r})) {
				return
			}
		}
	})
	if err != nil {
		return fmt.Errorf("the server that took over has failed: %w", err)
	}
	s.log.Info("replaced")
	return nil
}
