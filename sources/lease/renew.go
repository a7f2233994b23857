package lease

import (
	"hash/maphash"
	"net/netip"
)

// Renew makes a lease last its period from now on. It never shortens one: of two
// renewals at once the later counts, in whatever order they come through. It
// reports false when there is no such lease, or it has ended: it is then not
// renewed, whoever holds it has to ask for another. From is the address that asks. The
// ID is in octets, as most heartbeats have it; it is not kept.
func (t *Table) Renew(id []byte, from netip.Addr) bool {
	h := heartbeat{from: from, hash: t.hashOf(from), at: t.now()}
	s, hash := t.place(id)
	return t.renew(id, sight{s, hash, nil}, &h)
}

// group is how many leases are sought together: about as many as the processor waits for
// at once.
const group = 16

// RenewAll renews leases, each as Renew does, and notes of each whether it was. There is
// room for as many as there are IDs.
//
// To find a lease among a million is to wait for memory some four times, each time for
// what says where to go on. Here several take each of these steps before any takes the
// next, so that they wait together.
func (t *Table) RenewAll(ids [][]byte, from netip.Addr, renewed []bool) {
	h := heartbeat{from: from, hash: t.hashOf(from)}
	for len(ids) > 0 {
		var room [group]sight
		all := room[:min(len(ids), group)]
		t.seek(ids, all)
		h.at = t.now()
		for i := range all {
			renewed[i] = t.renew(ids[i], all[i], &h)
		}
		ids, renewed = ids[len(all):], renewed[len(all):]
	}
}

// heartbeat is who was heard, and when.
type heartbeat struct {
	from netip.Addr
	hash uint32 // of from
	at   int64
}

// sight is how far the search for a lease has come.
type sight struct {
	shard *shard
	hash  uint32
	entry *entry // which was that of the ID a moment ago; nil: not known
}

// seek looks for entries. It takes no lock while it waits for memory: that would make it
// wait for each alone. What it does not find is left to renew.
func (t *Table) seek(ids [][]byte, all []sight) {
	for i := range all {
		all[i].shard, all[i].hash = t.place(ids[i])
	}
	for i := range all {
		all[i].entry = all[i].shard.index.guess(all[i].hash)
	}
	for i := range all {
		if e := all[i].entry; e != nil {
			e.lease.Deadline() // all else is in the same line
		}
	}
	var found [group]string
	for i := range all {
		if e := all[i].entry; e != nil {
			all[i].shard.mu.Lock()
			found[i] = e.id()
			all[i].shard.mu.Unlock()
		}
	}
	for i := range all {
		if found[i] != string(ids[i]) { // no copy
			all[i].entry = nil
		}
	}
}

// renew renews a lease, sought before or not.
func (t *Table) renew(id []byte, v sight, h *heartbeat) bool {
	s := v.shard
	s.mu.Lock()
	defer s.mu.Unlock()
	e := v.entry
	if e == nil || e.gone {
		e = s.index.find(v.hash, id)
	}
	if e == nil {
		return false
	}
	s.hear(h.from, h.at)
	deadline := e.lease.Deadline()
	if deadline <= h.at {
		return false
	}
	t.release(e)
	e.from = h.hash
	e.lease.Extend(max(deadline, h.at+int64(e.period)))
	s.renewed.Add(1)
	return true
}

// hear notes that somebody was heard.
func (s *shard) hear(from netip.Addr, now int64) {
	if from.IsValid() {
		s.heard.Store(now)
	}
}

// hashOf is the hash of an address; 0 for none.
func (t *Table) hashOf(from netip.Addr) uint32 {
	if !from.IsValid() {
		return 0
	}
	return uint32(maphash.Comparable(t.seed, from)) | 1
}
