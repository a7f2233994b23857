package main

import (
	"context"
	"fmt"
	"iter"
	"os"
	"slices"
	"time"

	"github.com/rollcall-dns/rollcall/handover"
	"github.com/rollcall-dns/rollcall/sources"
	"github.com/rollcall-dns/rollcall/zone"
)

// successionTime is how long the two processes may take: the new one reads up to a
// million registrations before it answers, and the old one answers meanwhile.
const successionTime = 2 * time.Minute

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
		if err != nil { // it has no file descriptor left, perhaps
			s.log.Warn("no other server can replace this one now: trying again", "error", err)
			s.rest(ctx)
			continue
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

// rest waits a second, or for the end of ctx.
func (s *server) rest(ctx context.Context) {
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
	}
}

// prepare passes the sockets and what the sources have reported.
func (s *server) prepare(ctx context.Context, next *handover.Successor) error {
	ctx, cancel := context.WithTimeout(ctx, successionTime) // one that hangs shall not keep others away
	defer cancel()
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
	return next.Send(ctx, files, s.reported(s.sources.Status()))
}

// reported is the state of sources. Self-registration hands over its
// registrations themselves, so that of it only what is checked is here, with what the
// checks have found.
func (s *server) reported(of []sources.Status) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for _, st := range of {
			for _, c := range s.zone.Reported(st.Name, maxPiece) {
				if st.Name == s.selfreg.Name() {
					c.Put = slices.DeleteFunc(c.Put, func(in zone.Instance) bool { return len(in.Checks) == 0 })
				}
				if !yield(encodePiece(piece{Change: &c, Seen: s.from.lastSeen(&st)})) {
					return
				}
			}
		}
	}
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
