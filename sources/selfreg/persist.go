package selfreg

import (
	"fmt"
	"iter"
	"maps"

	"github.com/rollcall-dns/rollcall/sources/lease"
)

// load opens DataDir and takes up the registrations that are in it.
func (s *Source) load() error {
	j, records, err := lease.OpenJournal(s.opt.DataDir, s.log)
	if err != nil {
		return err
	}
	for id, data := range records {
		r, f := s.decode(id, data)
		if len(f) > 0 {
			s.log.Error("registration in the data directory is not valid, and left out", "instance", id, "field", f[0].Field, "rule", f[0].Reason)
			continue
		}
		s.regs[id] = r
	}
	for id, r := range s.regs { // only now: it takes a second to read 100,000
		r.in.Lease, _ = s.leases.Grant(id, r.period)
	}
	s.journal = j
	s.log.Info("registrations read", "directory", s.opt.DataDir, "instances", len(s.regs))
	return nil
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
	regs := maps.Clone(s.regs) // what it holds never changes
	return func(yield func(lease.Record) bool) {
		for id, r := range regs {
			if !yield(lease.Record{ID: id, Data: encode(r)}) {
				return
			}
		}
	}
}
