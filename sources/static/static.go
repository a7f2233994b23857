package static

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/rollcall-dns/rollcall/sources"
	"github.com/rollcall-dns/rollcall/zone"
)

// Name is the source's, as in zone.Key.
const Name = "static"

// Retry is the time between two Runs that suits the source: how soon a file that
// was mended is seen.
const Retry = poll

const (
	poll   = time.Second            // between two looks at the file
	settle = 100 * time.Millisecond // for which a changed file must stay as it is
)

// Options configure a Source.
type Options struct {
	Path string // of the file
	// Logger is told of each version of the file that was taken. Nil means
	// slog.Default.
	Logger *slog.Logger
}

// Source reports the records of one file. Make it with New.
type Source struct {
	path   string
	log    *slog.Logger
	poll   time.Duration
	settle time.Duration
}

var _ sources.Source = (*Source)(nil)

// New makes a source, or gives an error when the file cannot be read or has faults:
// then there is no good version to keep.
func New(o Options) (*Source, error) {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	data, _, err := read(o.Path)
	if err != nil {
		return nil, err
	}
	if _, err := Parse(o.Path, data); err != nil {
		return nil, err
	}
	return &Source{path: o.Path, log: o.Logger, poll: poll, settle: settle}, nil
}

// Name implements sources.Source.
func (s *Source) Name() string { return Name }

// Run implements sources.Source. Each version of the file is a complete set. It
// returns when the file cannot be read or has faults: what was reported stays.
func (s *Source) Run(ctx context.Context, sink sources.Sink) error {
	var seen version
	for {
		data, v, err := s.next(ctx, seen)
		if err != nil {
			return err
		}
		if v.sum != seen.sum {
			if err := s.report(ctx, sink, data); err != nil {
				return err
			}
		}
		seen = v
	}
}

func (s *Source) report(ctx context.Context, sink sources.Sink, data []byte) error {
	records, err := Parse(s.path, data)
	if err != nil {
		return err
	}
	res, err := sink.Send(ctx, zone.Change{Kind: zone.SyncEnd, Static: records})
	if err != nil {
		return fmt.Errorf("report %d static records: %w", len(records), err)
	}
	s.log.Info("static records read", "file", s.path, "records", len(records), "rejected", len(res.Rejected))
	return nil
}
