package selfreg

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rollcall-dns/rollcall/sources"
	"github.com/rollcall-dns/rollcall/sources/lease"
	"github.com/rollcall-dns/rollcall/zone"
)

// Name is that of the source, in zone keys and listings.
const Name = "selfreg"

// maxPage is how many instances a change holds at most, so that others need not
// wait long for their turn in the zone.
const maxPage = 1000

// Options configure a Source.
type Options struct {
	Zone *zone.Zone // that is read: what the sink leads to
	// Now is the monotonic clock, in nanoseconds, that is also given to lookups.
	Now func() int64
	// Advertise are the addresses of this host, at most one of each family. Who
	// registers from loopback without an address gets that of its family, or else
	// the other.
	Advertise []netip.Addr
	// DataDir is where registrations outlive the process; "" means nowhere. No
	// other process may use it at the same time.
	DataDir string
	// Records are the registrations of the process that this one replaces, as its
	// Records gave them. Those in DataDir are the same, and are used instead.
	Records []lease.Record
	// Logger is told which leases have ended, and what is wrong with DataDir. Nil
	// means slog.Default.
	Logger *slog.Logger
}

// Source is the services that registered themselves: a sources.Source. Make it
// with New. One Run at a time; Handler's requests come meanwhile.
type Source struct {
	opt    Options
	log    *slog.Logger
	leases *lease.Table // of all registrations, with their records; owned by Run, renewed by anyone
	writes chan *write
	walks  chan struct{} // holds one element for each listing under way

	running sync.Mutex // held by Run, and guards the fields below
	journal *lease.Journal
	guarded bool // leases are held
	closed  bool
}

// registration is what a service wants to be known as. Once it is published only its
// record is kept: the zone holds the rest.
type registration struct {
	in     zone.Instance
	period time.Duration
	// sender is where a service without addresses asked from. It is kept instead of
	// what it led to: the address of this host may be another after a restart.
	sender netip.Addr
}

// New gives a source with the registrations found in DataDir, each with a whole
// period of its lease to come. Errors are those of DataDir, and say what to do.
func New(o Options) (*Source, error) {
	s := &Source{
		opt: o, log: o.Logger, leases: lease.NewTable(o.Now), writes: make(chan *write),
		walks: make(chan struct{}, maxWalks),
	}
	if s.log == nil {
		s.log = slog.Default()
	}
	if err := s.load(); err != nil {
		return nil, err
	}
	return s, nil
}

// Name is "selfreg".
func (s *Source) Name() string { return Name }

// Run reports all registrations, and then what changes, until ctx is done. While
// it does not run, writes wait, and leases can be renewed but are not removed.
func (s *Source) Run(ctx context.Context, sink sources.Sink) error {
	if !s.running.TryLock() {
		return errors.New("self-registration runs already")
	}
	defer s.running.Unlock()
	if s.closed {
		return errors.New("self-registration is closed")
	}
	if err := s.report(ctx, sink); err != nil {
		return err
	}
	wake := time.NewTimer(0)
	defer wake.Stop()
	for {
		if at, ok := s.leases.Next(); ok {
			wake.Reset(max(time.Duration(at-s.opt.Now()), time.Millisecond)) // the clock may stand still
		} else {
			wake.Stop()
		}
		var err error
		select {
		case <-ctx.Done():
			return nil
		case w := <-s.writes:
			err = s.commit(ctx, sink, s.gather(w))
		case <-wake.C:
			err = s.expire(ctx, sink)
		case done := <-s.journal.Compacted():
			s.journal.Finish(done)
		}
		if err != nil {
			return err
		}
	}
}

// Close closes DataDir, after which there is no Run. It waits for a Run under way.
func (s *Source) Close() error {
	s.running.Lock()
	defer s.running.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	return s.journal.Close()
}

// Records gives all registrations, for the process that replaces this one. It waits
// for a Run under way; after Close they are those that the other begins with.
func (s *Source) Records() []lease.Record {
	s.running.Lock()
	defer s.running.Unlock()
	return slices.Collect(s.leases.Records())
}

// Leases tells how the leases of all registrations are doing.
func (s *Source) Leases() lease.Stats { return s.leases.Stats() }

// report sends the complete set.
func (s *Source) report(ctx context.Context, sink sources.Sink) error {
	var refused []zone.Rejection
	for page := range ahead(s.pages()) {
		res, err := sink.Send(ctx, zone.Change{Kind: zone.SyncPart, More: true, Put: page})
		if err != nil {
			return err
		}
		refused = append(refused, res.Rejected...)
	}
	if _, err := sink.Send(ctx, zone.Change{Kind: zone.SyncEnd}); err != nil {
		return err
	}
	return s.forget(ctx, sink, refused)
}

// pages gives what is registered, and leaves out what cannot be. A page is read when its
// turn comes, and is not kept: an instance takes several times what its record does.
// They come in the order of IDs, for the zone and for its services.
func (s *Source) pages() iter.Seq[[]zone.Instance] {
	return func(yield func([]zone.Instance) bool) {
		all := s.leases.All()
		slices.SortFunc(all, func(a, b lease.Granted) int { return strings.Compare(a.ID, b.ID) })
		var page, last []zone.Instance // used while the other is read
		var m room
		for part := range slices.Chunk(all, maxPage) {
			if page, last = s.page(last[:0], part, &m), page; !yield(page) {
				return
			}
		}
	}
}

// page reads registrations into a page.
func (s *Source) page(page []zone.Instance, part []lease.Granted, m *room) []zone.Instance {
	for _, l := range part {
		r, f := s.registered(l, m)
		if len(f) > 0 {
			s.leaveOut(l.ID, f)
			s.leases.Release(l.ID)
			continue
		}
		page = append(page, r.in)
	}
	return page
}

// forget removes registrations that the zone refused: whoever renews the lease of
// one is told that it is unknown, registers again, and learns why it is refused.
func (s *Source) forget(ctx context.Context, sink sources.Sink, refused []zone.Rejection) error {
	if len(refused) == 0 {
		return nil
	}
	var c zone.Change
	for _, r := range refused {
		s.log.Warn("registration refused by the zone", "instance", r.ID, "reason", r.Err)
		s.leases.Release(r.ID)
		c.Drop = append(c.Drop, r.ID)
	}
	s.journalGone(c.Drop)
	_, err := sink.Send(ctx, c)
	return err
}

// Notice says when leases are held, because nobody is heard any more.
func (s *Source) Notice() string {
	if n := s.leases.Held(); n > 0 {
		return fmt.Sprintf("no service is heard, as if this server were cut off from all: %d leases that have ended are held, for two periods at most", n)
	}
	return ""
}

// noteGuard logs when leases begin to be held, and when none is any more.
func (s *Source) noteGuard() {
	switch held := s.leases.Held(); {
	case held > 0 && !s.guarded:
		s.log.Warn("no service is heard, as if this server were cut off from all: leases that end are held, and answered with TTL 0")
	case held == 0 && s.guarded:
		s.log.Info("no lease is held any more")
	}
	s.guarded = s.leases.Held() > 0
}

// expire removes registrations whose lease has ended.
func (s *Source) expire(ctx context.Context, sink sources.Sink) error {
	ids := s.leases.Expire(maxPage)
	s.noteGuard()
	if len(ids) == 0 {
		return nil
	}
	for i, id := range ids {
		if i < 10 {
			s.log.Info("lease ended", "instance", id)
		}
	}
	if more := len(ids) - 10; more > 0 {
		s.log.Info("more leases ended", "instances", more)
	}
	s.journalGone(ids)
	if _, err := sink.Send(ctx, zone.Change{Drop: ids}); err != nil {
		return fmt.Errorf("remove %d registrations: %w", len(ids), err)
	}
	return nil
}
