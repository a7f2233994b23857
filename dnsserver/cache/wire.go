package cache

import (
	"bytes"
	"encoding/binary"
	"time"

	"github.com/rollcall-dns/rollcall/dnsserver"
)

// wire is one answer as it is kept, in one piece of memory:
//
//	when it was stored (8 octets, ns) · its life (4, s) · rcode and AD (1)
//	the extended error that came with it (2)
//	how many sets each section has (3 × 2)
//	the key
//	the sets
//
// and each set, of records of one owner and type:
//
//	owner (2) · type (2) · TTL (4) · records (2)
//	the owner's name, where its place is here
//	each record: length (2) · data
//
// An owner is the place of its name in the whole, which may be in another record's data,
// as that of an alias is; 0 is the name that was asked. No name is compressed, and
// nothing in a wire changes once it is stored.
type wire []byte

const (
	atLife   = 8
	atFlags  = 12
	atInfo   = 13
	atCounts = 15
	atKey    = 21

	setLen = 10 // of a set, before its name and records

	rcodeBits = 0x0f
	fromBit   = 0x20 // the extended error is an upstream's
	infoBit   = 0x40 // there is an extended error
	adBit     = 0x80

	maxWire = 1<<16 - 1 // what places can tell
)

func (w wire) stored() time.Duration { return time.Duration(binary.BigEndian.Uint64(w)) }

func (w wire) life() time.Duration {
	return time.Duration(binary.BigEndian.Uint32(w[atLife:])) * time.Second
}

func (w wire) rcode() int { return int(w[atFlags] & rcodeBits) }

func (w wire) authentic() bool { return w[atFlags]&adBit != 0 }

// info is the extended error that came with the answer (RFC 8914), if there was one, and
// its text, which says whose it is.
func (w wire) info() (code uint16, text string, said bool) {
	if w[atFlags]&fromBit != 0 {
		text = dnsserver.FromUpstream
	}
	return binary.BigEndian.Uint16(w[atInfo:]), text, w[atFlags]&infoBit != 0
}

// answers reports whether this is about the question k.
func (w wire) answers(k *key) bool { return bytes.HasPrefix(w[atKey:], k.octets()) }

// name is that of the question.
func (w wire) name() []byte { return w.nameAt(atKey) }

// nameAt gives the name at a place.
func (w wire) nameAt(at int) []byte {
	end := at
	for w[end] != 0 {
		end += 1 + int(w[end])
	}
	return w[at : end+1]
}

func (w wire) qtype() uint16 { return binary.BigEndian.Uint16(w[atKey+len(w.name()):]) }

func (w wire) bits() byte { return w[atKey+len(w.name())+2] }

// set is a view of one set in a wire.
type set struct {
	section section
	owner   []byte // nil: the name that was asked
	typ     uint16
	ttl     uint32
	n       int
	records []byte // and what follows
}

type section int

const (
	answer section = iota
	authority
	additional
	sections
)

// sets reads the sets of a wire, one after another.
type sets struct {
	w       wire
	at      int
	section section
	done    int // of the section
	last    set
}

func (w wire) sets() sets { return sets{w: w, at: atKey + len(w.name()) + 3} }

// next gives the next set, or nil after the last. It stays valid until the next call.
func (s *sets) next() *set {
	for s.done == int(binary.BigEndian.Uint16(s.w[atCounts+2*s.section:])) {
		if s.section, s.done = s.section+1, 0; s.section == sections {
			return nil
		}
	}
	s.done++
	h := s.w[s.at:]
	owner := int(binary.BigEndian.Uint16(h))
	s.last = set{
		section: s.section,
		typ:     binary.BigEndian.Uint16(h[2:]),
		ttl:     binary.BigEndian.Uint32(h[4:]),
		n:       int(binary.BigEndian.Uint16(h[8:])),
	}
	s.at += setLen
	if owner != 0 {
		s.last.owner = s.w.nameAt(owner)
	}
	if owner == s.at {
		s.at += len(s.last.owner)
	}
	s.last.records = s.w[s.at:]
	for range s.last.n {
		s.at += 2 + int(binary.BigEndian.Uint16(s.w[s.at:]))
	}
	return &s.last
}

// record gives the data of the record at a place among the records, and the place of the
// next.
func (s *set) record(at int) (data []byte, next int) {
	next = at + 2 + int(binary.BigEndian.Uint16(s.records[at:]))
	return s.records[at+2 : next : next], next
}
