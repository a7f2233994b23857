package zone

// The record types that instances have (RFC 1035 §3.2.2, 2782, 3596).
const (
	TypeA    uint16 = 1
	TypeNS   uint16 = 2
	TypeSOA  uint16 = 6
	TypePTR  uint16 = 12
	TypeTXT  uint16 = 16
	TypeAAAA uint16 = 28
	TypeSRV  uint16 = 33
)

// Code is the outcome of a lookup.
type Code uint8

const (
	// NotZone: the name is below no domain that is served.
	NotZone Code = iota
	// Success: Answer holds at least one record.
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
	Seed uint32 // rotates the answer: give a random one each time
	Max  int    // answers are cut after this many records; 0 means 4,096, more than any message holds
}

// Answer is the outcome of one Lookup. Its slices are reused by the next Lookup
// into the same Answer, and point into the immutable snapshot.
type Answer struct {
	Code Code
	// Apex of the zone that answers: owner of the SOA record of negative
	// answers, and the end of each record's Owner. "" when Code is NotZone.
	Apex       Name
	Answer     []Record // all of one RRset, with one TTL; the owner is the question's name
	Additional []Record // addresses of SRV targets
	// Cut is set when there are more records than Question.Max allowed.
	Cut bool
	// Self is set when the question is about the name server itself (the target
	// of the apex NS record): its address is the one that was asked, which only
	// the caller knows. Code is then NoData.
	Self bool
}

// Record is one resource record. Its parts are kept apart so that a lookup
// copies nothing: use AppendOwner and AppendRdata.
type Record struct {
	Type uint16
	TTL  uint32 // seconds
	size uint8  // of head
	head [20]byte
	// owner is relative to the apex, in wire form without the root label.
	// It is "" for records in Answer.Answer, which are owned by the question's name.
	owner string
	body  string
	tail  Name
}

// AppendOwner appends the uncompressed wire form of the record's owner. It
// appends nothing for a record of Answer.Answer: its owner is the question's name.
func (r *Record) AppendOwner(b []byte, apex Name) []byte {
	if r.owner == "" {
		return b
	}
	b = append(b, r.owner...)
	return append(b, apex...)
}

// AppendRdata appends the uncompressed rdata in wire form.
func (r *Record) AppendRdata(b []byte) []byte {
	b = append(b, r.head[:r.size]...)
	b = append(b, r.body...)
	return append(b, r.tail...)
}

// RdataLen is the number of octets that AppendRdata appends.
func (r *Record) RdataLen() int { return int(r.size) + len(r.body) + len(r.tail) }
