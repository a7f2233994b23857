package selfreg

import (
	"fmt"
	"iter"
	"maps"
	"net/netip"
	"time"

	"github.com/rollcall-dns/rollcall/sources/lease"
	"github.com/rollcall-dns/rollcall/zone"
)

// load opens DataDir, if there is one, and takes up the registrations that are in
// it, or those of the process before.
func (s *Source) load() error {
	if s.opt.DataDir == "" {
		l := loading{Source: s}
		for _, r := range s.opt.Records {
			l.take(r.ID, r.Data)
		}
		l.grant()
		return nil
	}
	j, records, err := lease.OpenJournal(s.opt.DataDir, s.log)
	if err != nil {
		return err
	}
	l := loading{Source: s}
	for id, data := range records {
		l.take(id, data)
	}
	l.grant()
	s.journal = j
	s.log.Info("registrations read", "directory", s.opt.DataDir, "instances", len(s.regs))
	return nil
}

// loading is a Source that reads what was kept.
type loading struct {
	*Source
	periods []time.Duration // of the leases, in the order of loaded
}

// take takes up a registration as it was kept.
func (l *loading) take(id string, data []byte) {
	r, f := l.decode(id, data)
	if len(f) > 0 {
		l.log.Error("stored registration is not valid, and left out", "instance", id, "field", f[0].Field, "rule", f[0].Reason)
		return
	}
	if last := len(l.loaded) - 1; last < 0 || len(l.loaded[last]) == maxPage {
		l.loaded = append(l.loaded, make([]zone.Instance, 0, maxPage))
	}
	page := &l.loaded[len(l.loaded)-1]
	*page = append(*page, r.in)
	l.periods = append(l.periods, r.period)
	l.regs[r.in.ID] = record(data)
}

// grant begins the leases, when all are read: it takes a second to read 100,000.
func (l *loading) grant() {
	n := 0
	for _, page := range l.loaded {
		for i := range page {
			page[i].Lease, _ = l.leases.Grant(page[i].ID, netip.Addr{}, l.periods[n])
			n++
		}
	}
}

// read gives the registration of a record that is in force, with its lease.
func (s *Source) read(id string, kept record) *registration {
	r, f := s.decode(id, []byte(kept))
	if len(f) > 0 {
		panic("selfreg: a record cannot be read: " + f[0].Reason) // it was, when it was taken
	}
	r.in.Lease = s.leases.Lease(id)
	return r
}

func (s *Source) decode(key string, data []byte) (*registration, faults) {
	var f faults
	b := parseRecord(data, &f)
	service, id := splitID(key)
	return s.registrationOf(service, id, b, &f), f
}

// persist writes steps to disk. They are there when it returns nil.
func (s *Source) persist(steps []step) error {
	if s.journal == nil {
		return nil
	}
	records := make([]lease.Record, len(steps))
	for i := range steps {
		records[i] = steps[i].record()
	}
	if err := s.journal.Write(records, s.live); err != nil {
		return fmt.Errorf("keep %d registrations: %w", len(steps), err)
	}
	return nil
}

// journalGone writes down what is gone, without waiting for the disk: at worst it
// is back for one lease after the machine has failed.
func (s *Source) journalGone(ids []string) {
	if s.journal == nil {
		return
	}
	records := make([]lease.Record, len(ids))
	for i, id := range ids {
		records[i].ID = id
	}
	s.journal.Note(records)
}

// live gives all that is kept, as it is now.
func (s *Source) live() iter.Seq[lease.Record] {
	regs := maps.Clone(s.regs)
	return func(yield func(lease.Record) bool) {
		for id, r := range regs {
			if !yield(lease.Record{ID: id, Data: []byte(r)}) {
				return
			}
		}
	}
}
