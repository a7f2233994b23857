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
	s.regs = make(map[string]record, len(records))
	for id, data := range records {
		s.take(id, data)
	}
	s.grantAll()
	s.journal = j
	s.log.Info("registrations read", "directory", s.opt.DataDir, "instances", len(s.regs))
	return nil
}

// take takes up a registration as it was kept. But for those of older versions it is
// looked at when it is reported.
func (s *Source) take(id string, data []byte) {
	if len(data) > 0 && data[0] == fieldLease {
		s.regs[id] = record(data)
		return
	}
	var f faults
	r := s.recorded(id, parseOldRecord(data, &f), &f)
	if len(f) > 0 {
		s.leaveOut(id, f)
		return
	}
	s.regs[r.in.ID] = encode(r)
}

func (s *Source) leaveOut(id string, f faults) {
	s.log.Error("stored registration is not valid, and left out", "instance", id, "field", f[0].Field, "rule", f[0].Reason)
}

// grantAll begins the leases, when all are read: that may take longer than one lasts.
func (s *Source) grantAll() {
	for id, r := range s.regs {
		s.leases.Grant(id, netip.Addr{}, r.period())
	}
}

// read gives the registration of a record that is in force, with its lease.
func (s *Source) read(id string, kept record) (*registration, faults) {
	var f faults
	r := s.recorded(id, parseRecord(kept, &f), &f)
	r.in.Lease = s.leases.Lease(id)
	return r, f
}

// mustRead is read of what was published.
func (s *Source) mustRead(id string, kept record) *registration {
	r, f := s.read(id, kept)
	if len(f) > 0 {
		panic("selfreg: a record cannot be read: " + f[0].Reason)
	}
	return r
}

// recorded makes an instance of what a record says.
func (s *Source) recorded(key string, b body, f *faults) *registration {
	_, id := splitID(key)
	return s.registrationOf(key, id, b, f)
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
