package selfreg

import (
	"fmt"
	"net/netip"

	"github.com/rollcall-dns/rollcall/sources/lease"
)

// load opens DataDir, if there is one, and takes up the registrations that are in
// it, or those of the process before.
func (s *Source) load() error {
	if s.opt.DataDir == "" {
		records := make(map[string][]byte, len(s.opt.Records))
		for _, r := range s.opt.Records {
			records[r.ID] = r.Data
		}
		s.take(records)
		return nil
	}
	j, records, err := lease.OpenJournal(s.opt.DataDir, s.log)
	if err != nil {
		return err
	}
	s.take(records)
	s.journal = j
	s.log.Info("registrations read", "directory", s.opt.DataDir, "instances", s.leases.Len())
	return nil
}

// take takes up registrations as they were kept. They are looked at when they are
// reported, but for those of older versions. Leases begin when all are read: that may
// take longer than one lasts.
func (s *Source) take(records map[string][]byte) {
	for id, data := range records {
		if len(data) > 0 && data[0] == fieldLease {
			continue
		}
		var f faults
		r := s.recorded(id, parseOldRecord(data, &f), &f)
		if len(f) > 0 {
			s.leaveOut(id, f)
			delete(records, id)
			continue
		}
		records[id] = []byte(encode(&r))
	}
	for id, data := range records {
		kept := record(data)
		s.leases.Grant(id, netip.Addr{}, kept.period())
		s.leases.Keep(id, string(kept))
	}
}

func (s *Source) leaveOut(id string, f faults) {
	s.log.Error("stored registration is not valid, and left out", "instance", id, "field", f[0].Field, "rule", f[0].Reason)
}

// kept is the record of a registration; "" when there is none.
func (s *Source) kept(id string) record {
	data, _ := s.leases.Kept(id)
	return record(data)
}

// read gives a registration that is in force, with its lease.
func (s *Source) read(id string) (registration, faults) {
	data, l := s.leases.Kept(id)
	return s.registered(lease.Granted{ID: id, Kept: data, Lease: l}, new(room))
}

func (s *Source) registered(l lease.Granted, m *room) (registration, faults) {
	m.faults = nil
	r := s.recorded(l.ID, parseRecord(record(l.Kept), m), &m.faults)
	r.in.Lease = l.Lease
	return r, m.faults
}

// recorded makes an instance of what a record says.
func (s *Source) recorded(key string, b body, f *faults) registration {
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
	if err := s.journal.Write(records, s.leases.Records); err != nil {
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
