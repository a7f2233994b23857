package zone

import (
	"math"
	"unsafe"
)

// The record types that a zone has (RFC 1035 §3.2.2, 2782, 3596).
const (
	TypeA     uint16 = 1
	TypeNS    uint16 = 2
	TypeCNAME uint16 = 5
	TypeSOA   uint16 = 6
	TypePTR   uint16 = 12
	TypeTXT   uint16 = 16
	TypeAAAA  uint16 = 28
	TypeSRV   uint16 = 33
)

// Types are those of all records that a zone has, the commonest first.
var Types = [...]uint16{TypeA, TypeAAAA, TypeSRV, TypeTXT, TypePTR, TypeHTTPS, TypeCNAME, TypeSOA, TypeNS}

// typeANY asks for whatever there is (RFC 1035 §3.2.3): an alias matches it, and
// nothing else that a zone answers with by itself.
const typeANY uint16 = 255

// Code is the outcome of a lookup.
type Code uint8

const (
	// NotZone: the name is below no domain that is served.
	NotZone Code = iota
	// Success: Answer holds at least one record.
	// With NoData and NXDomain it may hold CNAME records: the code is that of the name
	// to which the last of them points (RFC 6604 §2.1).
	Success
	// NoData: the name exists, or names exist below it, but nothing of this
	// type is there now (RFC 2308 §2.2).
	NoData
	// NXDomain: neither the name nor any below it exists (RFC 8020).
	NXDomain
)

// Question is what is asked, and from where.
type Question struct {
	Name []byte // uncompressed wire form ended by the root label, any case
	Type uint16
	View View
	Now  int64  // monotonic nanoseconds, of the clock behind the leases
	Seed uint32 // chooses the order, and what a limited answer has: give a random one each time
	Max  int    // answers are cut after this many records; 0 means 4,096, as many as a message can hold
}

// Answer is the outcome of one Lookup. Its slices are reused by the next Lookup
// into the same Answer, and point into the immutable snapshot.
type Answer struct {
	Code Code
	// Apex of the zone that answers: owner of the SOA record of negative
	// answers, and the end of each record's Owner. "" when Code is NotZone.
	Apex Name
	// Answer is the CNAME records that lead from the question's name to the last
	// one, if any, and then that name's records of the type: one RRset, with one TTL.
	Answer     []Record
	Additional []Record // addresses of SRV targets; SRV and TXT of what PTR points to
	// Cut is set when there are more records than Question.Max allowed.
	Cut bool
	// Self is set when the question is about the name server itself (the target
	// of the apex NS record): its address is the one that was asked, which only
	// the caller knows. Code is then NoData.
	Self bool

	// name holds the question's name in lower case, and key that of a set: here,
	// because what is used as a key of a map must not live on the stack.
	name  [maxName]byte
	key   [1 + maxLabel + 1 + len(TagLabel)]byte
	max   int
	limit int // of the records of a set; 0: none
	seed  uint32
	ranks []rank                 // of the records of the set, if there is a limit
	least uint32                 // the smallest TTL that was added since begin
	chain int                    // CNAME records at the beginning of Answer
	seen  map[recordKey]struct{} // records of a long answer, to tell repetitions
	long  bool                   // seen is that of this answer
	text  []byte                 // names made for this answer
	glue  *Answer                // to what is answered along; made when it is first needed
	sub   Question               // of a glue: one on the stack would be allocated each time
}

// set is the records at the end of the chain.
func (a *Answer) set() []Record { return a.Answer[a.chain:] }

// Record is one resource record. Its parts are kept apart so that a lookup
// copies nothing: use AppendOwner and AppendRdata.
type Record struct {
	Type uint16
	TTL  uint32 // seconds
	size uint8  // of head
	head [16]byte
	// owner is relative to the apex, in wire form without the root label; the apex
	// itself is ownerApex. It is "" for records of the question's name.
	owner string
	body  string
	tail  Name
}

const ownerApex = string(Root)

// AppendOwner appends the uncompressed wire form of the record's owner. It appends
// nothing when that is the question's name: so it is for all of Answer.Answer up to
// the first CNAME.
func (r *Record) AppendOwner(b []byte, apex Name) []byte {
	switch r.owner {
	case "":
		return b
	case ownerApex:
		return append(b, apex...)
	}
	return append(append(b, r.owner...), apex...)
}

// SameOwner reports whether two records of one answer have the same owner.
func (r *Record) SameOwner(o *Record) bool { return r.owner == o.owner }

// AppendRdata appends the uncompressed rdata in wire form.
func (r *Record) AppendRdata(b []byte) []byte {
	b = append(b, r.head[:r.size]...)
	b = append(b, r.body...)
	return append(b, r.tail...)
}

// RdataLen is the number of octets that AppendRdata appends.
func (r *Record) RdataLen() int { return int(r.size) + len(r.body) + len(r.tail) }

type recordKey struct {
	head [16]byte
	body string
}

func (r *Record) key() recordKey { return recordKey{r.head, r.body} }

// same is whether two records of one type have one key.
func (r *Record) same(o *Record) bool { return r.head == o.head && r.body == o.body }

// Records that repeat are found by comparing while there are few, and else by a map.
const fewRecords = 16

// add appends a record to the answer, unless it is there (RFC 2181 §5). It
// reports false when there is no room for more.
func (a *Answer) add(r Record) bool { return a.addFor(&r, nil, 0) }

// addFor is add for an SRV record that points to a group of m, and for whoever adds many:
// a record that is copied right after it was made is waited for.
func (a *Answer) addFor(r *Record, m *member, group uint8) bool {
	a.least = min(a.least, r.TTL) // also of a repetition: else the set's TTL would depend on where it begins
	if a.limit > 0 {
		a.keep(*r, m, group)
		return true
	}
	set := a.set()
	n := len(set)
	if n < fewRecords {
		for i := range set {
			if set[i].same(r) {
				return true
			}
		}
	} else if a.repeats(r) {
		return true
	}
	if len(a.Answer) >= a.max {
		a.Cut = true
		return false
	}
	a.Answer = append(a.Answer, *r)
	return true
}

func (a *Answer) repeats(r *Record) bool {
	if !a.long {
		if a.seen == nil {
			a.seen = make(map[recordKey]struct{}, 4*fewRecords)
		}
		clear(a.seen)
		a.long = true
		set := a.set()
		for i := range set {
			a.seen[set[i].key()] = struct{}{}
		}
	}
	n := len(a.seen)
	a.seen[r.key()] = struct{}{}
	return len(a.seen) == n
}

// addAdditional appends an address, unless its target has it already: an instance
// can have one address on two networks. Those of a target come one after another.
func (a *Answer) addAdditional(r *Record) {
	for i := len(a.Additional) - 1; i >= 0 && a.Additional[i].owner == r.owner; i-- {
		if a.Additional[i].same(r) {
			return
		}
	}
	a.Additional = append(a.Additional, *r)
}

// made keeps a name that is made for this answer; it lives as long as the answer.
func (a *Answer) made(appendTo func([]byte) []byte) string {
	at := len(a.text)
	if a.text = appendTo(a.text); len(a.text) == at {
		return ""
	}
	return unsafe.String(&a.text[at], len(a.text)-at)
}

func (a *Answer) reset(q *Question) {
	a.Code, a.Apex, a.Cut, a.Self = NotZone, "", false, false
	a.Answer, a.Additional = a.Answer[:0], a.Additional[:0]
	a.text = a.text[:0]
	a.begin()
	a.limit, a.seed = 0, q.Seed
	a.max = q.Max
	if a.max <= 0 {
		a.max = maxRecords
	}
}

// maxRecords is more than a message of 64 KiB holds of the smallest record.
const maxRecords = 4096

// begin begins a set, behind the records that are there.
func (a *Answer) begin() {
	a.chain, a.ranks, a.long, a.least = len(a.Answer), a.ranks[:0], false, math.MaxUint32
}

// finish gives the records that were added their order and one TTL, the smallest
// (RFC 2181 §5.2). Without any the code stays.
func (a *Answer) finish() {
	set := a.set()
	if len(set) == 0 {
		return
	}
	a.Code = Success
	if len(set) > a.max {
		set, a.Answer, a.Cut = set[:a.max], a.Answer[:a.chain+a.max], true
	}
	for i := range set {
		set[i].TTL = a.least
	}
	a.rotate()
}
