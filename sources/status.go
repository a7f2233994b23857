package sources

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/rollcall-dns/rollcall/zone"
)

// maxRejected bounds what is kept of the objects that were refused, for each
// source.
const maxRejected = 1000

// relog is how long a source has to fail before a new reason is logged.
const relog = time.Minute

// Status says how one source is doing.
type Status struct {
	Name   string
	Synced bool // it has reported its complete set at least once
	Ready  bool // readiness does not wait for it
	Stale  bool // what the zone holds of it was reported to another process
	Runs   uint64
	// Success is when a change of it was last applied, with a monotonic reading;
	// zero means never. A source with nothing to report may be silent and well.
	Success time.Time
	// Err is why the source fails; nil when it does not. It is kept until the
	// source has reported its complete set again.
	Err       error
	Instances int
	Static    int // static records
	// Rejected are the objects that are not in the zone, or not as they should
	// be, by ID: what the zone refused, aliases that it does not answer because
	// other data is at their name, and what a Rejecter tells. At most 1,000 of the
	// first two are kept; More says that there were others.
	Rejected []zone.Rejection
	More     bool
	// Notice is what a Noticer says of itself just now; "" is nothing.
	Notice string
}

// A Noticer is a source that is at times in a state of which operators should know,
// although nothing has failed.
type Noticer interface {
	// Notice is safe for concurrent use, and gives "" when there is nothing to say.
	Notice() string
}

// A Rejecter is a source that knows of objects that never became instances.
type Rejecter interface {
	// Rejections is safe for concurrent use, and gives a list of the caller's own.
	Rejections() []zone.Rejection
}

// health is what is known of a source while it runs.
type health struct {
	runs    uint64
	synced  bool
	success time.Time
	err     error
	logged  time.Time // when err, or one before it, was last logged

	rejected map[string]refusal
	more     bool
	syncing  bool
	sync     uint64 // counts the syncs that were begun
	listed   int    // instances and static records put in the sync under way
}

// refusal is a rejection, and the sync in which it was seen last.
type refusal struct {
	err  error
	sync uint64
}

func (r *runner) status(in *zone.Snapshot) Status {
	r.mu.Lock()
	s := Status{
		Name: r.name, Synced: r.synced, Ready: r.settled.Load(), Runs: r.runs,
		Success: r.success, Err: r.err, More: r.more, Stale: r.Stale && !r.synced,
		Instances: in.Count(r.name),
	}
	for id, f := range r.rejected {
		s.Rejected = append(s.Rejected, zone.Rejection{ID: id, Err: f.err})
	}
	r.mu.Unlock()
	s.countStatic(in)
	if n, ok := r.Source.(Noticer); ok {
		s.Notice = n.Notice()
	}
	if own, ok := r.Source.(Rejecter); ok {
		s.Rejected = append(s.Rejected, own.Rejections()...)
	}
	slices.SortStableFunc(s.Rejected, func(a, b zone.Rejection) int { return cmp.Compare(a.ID, b.ID) })
	return s
}

// countStatic adds what the zone holds of static records, and those of them that it
// does not answer.
func (s *Status) countStatic(in *zone.Snapshot) {
	if s.Static = in.CountStatic(s.Name); s.Static == 0 {
		return
	}
	for k, err := range in.Shadowed() {
		if k.Source != s.Name {
			continue
		}
		if len(s.Rejected) >= maxRejected {
			s.More = true
			break
		}
		s.Rejected = append(s.Rejected, zone.Rejection{ID: k.ID, Err: err})
	}
}

// begin notes that a Run begins.
func (r *runner) begin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.runs++
	r.syncing = false
}

// sent notes a change that was applied.
func (r *runner) sent(c *zone.Change, res *zone.Result) {
	news, objects, rejected := r.noteSent(c, res)
	if news != "" {
		r.log.Info(news, "objects", objects, "rejected", rejected)
	}
}

func (r *runner) noteSent(c *zone.Change, res *zone.Result) (news string, objects, rejected int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.success = time.Now()
	if c.Kind != zone.Delta && !r.syncing {
		r.syncing, r.listed = true, 0
		r.sync++
	}
	r.note(c, res)
	r.listed += len(c.Put) + len(c.Static) - len(res.Rejected)
	if c.Kind == zone.SyncEnd {
		news = r.endSync()
	}
	return news, r.listed, len(r.rejected)
}

// note keeps what was rejected, and forgets what is not any more.
func (r *runner) note(c *zone.Change, res *zone.Result) {
	if len(r.rejected) > 0 {
		for i := range c.Put {
			delete(r.rejected, c.Put[i].ID)
		}
		for i := range c.Static {
			delete(r.rejected, c.Static[i].ID)
		}
	}
	for _, rej := range res.Rejected {
		if r.rejected == nil {
			r.rejected = map[string]refusal{}
		}
		if _, known := r.rejected[rej.ID]; !known && len(r.rejected) >= maxRejected {
			r.more = true
			continue
		}
		r.rejected[rej.ID] = refusal{rej.Err, r.sync}
	}
	for _, id := range c.Drop {
		delete(r.rejected, id)
	}
}

// endSync forgets the rejections of objects that are gone, and gives what is news.
func (r *runner) endSync() (news string) {
	r.syncing = false
	for id, f := range r.rejected {
		if f.sync != r.sync {
			delete(r.rejected, id)
		}
	}
	r.more = r.more && len(r.rejected) >= maxRejected
	switch {
	case r.err != nil:
		news = "source recovered"
	case !r.synced:
		news = "source synced"
	}
	r.synced, r.err = true, nil
	return news
}

// failed notes why a Run has ended. A source that goes on failing is not logged
// again, unless for another reason, and then at most once a minute.
func (r *runner) failed(err error, retry time.Duration) {
	r.log.Log(context.Background(), r.noteFailed(err), "source failing; what it reported stays", "error", err, "retry", retry.Round(time.Millisecond))
}

func (r *runner) noteFailed(err error) (level slog.Level) {
	r.mu.Lock()
	defer r.mu.Unlock()
	news := r.err == nil
	other := !news && r.err.Error() != err.Error() && time.Since(r.logged) >= relog
	r.err = err
	level = slog.LevelDebug
	if news || other {
		r.logged = time.Now()
		level = slog.LevelWarn
		if r.Grace < 0 {
			level = slog.LevelInfo // nobody counts on it
		}
	}
	return level
}
