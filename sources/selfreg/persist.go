package selfreg

import (
	"fmt"
	"iter"
	"maps"
	"net/netip"

	"github.com/rollcall-dns/rollcall/sources/lease"
)

// load opens DataDir, if there is one, and takes up the registrations that are in
// it, or those of the process before.
func (s *Source) load() error {
	if s.opt.DataDir == "" {
		for _, r := range s.opt.Records {
			s.take(r.ID, r.Data)
		}
		s.grantAll()
		return nil
	}
	j, records, err := lease.OpenJournal(s.opt.DataDir, s.log)
	if err != nil {
		return err
	}
	for id, data := range records {
		s.take(id, data)
	}
	s.grantAll()
	s.journal = j
	s.log.Info("registrations read", "directory", s.opt.DataDir, "instances", len(s.regs))
	return nil
}

// take takes up a registration as it was kept.
func (s *Source) take(id string, data []byte) {
	r, f := s.decode(id, data)
	if len(f) > 0 {
		s.log.Error("stored registration is not valid, and left out", "instance", id, "field", f[0].Field, "rule", f[0].Reason)
		return
	}
	s.regs[id] = r
}

// grantAll begins the leases, when all are read: it takes a second to read 100,000.
func (s *Source) grantAll() {
	for id, r := range s.regs {
		r.in.Lease, _ = s.leases.Grant(id, netip.Addr{}, r.period)
	}
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
