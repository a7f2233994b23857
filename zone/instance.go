package zone

import (
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"sync/atomic"
	"time"
)

// Instance is one running copy of a service, as its source reported it. A zone
// keeps what it is given: slices and maps are not changed after Apply.
type Instance struct {
	ID        string     // unique within its source, opaque, 1 to 255 octets
	Service   string     // one or more labels, e.g. "web" or "web.shop"
	Aliases   []string   // further service names that it answers to
	Host      string     // its own label; "" derives one from ID
	Endpoints []Endpoint // where it can be reached, and from where
	Priority  uint16     // SRV priority (RFC 2782): lower is tried first
	Weight    uint16     // SRV weight within one priority
	Tags      []string
	Meta      map[string]string // published as TXT
	TTL       time.Duration     // 0: the zone's default; whole seconds are used
	State     State             // only Up is answered, but for Fallback
	Fallback  Fallback          // whether it is answered when its checks fail and none of its service is up
	Reason    string            // why it is not up, in words for an operator
	Lease     *Lease            // nil: lives until its source removes it
	Checks    []Check           // all must pass for it to be up; carried here, run elsewhere
	// Revision is stamped by who runs the checks. It stays the same while endpoints
	// and checks do, so that a Verdict about what was there before is told from one
	// about what is there now.
	Revision uint64
}

// Endpoint is an address with its ports, as seen from one network.
type Endpoint struct {
	Network string     // as the source names it; "" is reachable from anywhere
	Addr    netip.Addr // no zone (%eth0), not unspecified, not multicast; 4in6 is unmapped
	Ports   []Port
}

// Port is one port of an endpoint.
type Port struct {
	Name   string // gives _name._proto; "" takes the IANA service name of Known
	Number uint16 // what a client connects to, at least 1
	Known  uint16 // the number in its names, where it is published under another; 0: Number
	Proto  Proto
	ALPN   ALPN // what it speaks inside of TLS or QUIC; gives HTTPS records
}

// Proto is a transport protocol; the zero value is TCP.
type Proto uint8

// The protocols that a port can have.
const (
	TCP Proto = iota
	UDP
	SCTP
)

var protoNames = [...]string{TCP: "tcp", UDP: "udp", SCTP: "sctp"}

// String gives the protocol as SRV names and configuration write it: "tcp".
func (p Proto) String() string { return protoNames[p] }

// ParseProto reads "tcp", "udp" or "sctp"; the empty string is TCP.
func ParseProto(s string) (Proto, bool) {
	if s == "" {
		return TCP, true
	}
	i := slices.Index(protoNames[:], s)
	return Proto(max(i, 0)), i >= 0
}

// State says whether an instance can serve. Only Up is answered; the zero value
// is Starting, so that what nobody vouches for is not answered.
type State uint8

// The states of an instance.
const (
	Starting State = iota
	Up
	Draining
	Down
)

var stateNames = [...]string{Starting: "starting", Up: "up", Draining: "draining", Down: "down"}

// String gives the state as APIs write it: "up".
func (s State) String() string { return stateNames[s] }

// name is String of any value.
func (s State) name() string {
	if int(s) < len(stateNames) {
		return s.String()
	}
	return strconv.Itoa(int(s))
}

// ParseState reads "starting", "up", "draining" or "down".
func ParseState(s string) (State, bool) {
	i := slices.Index(stateNames[:], s)
	return State(max(i, 0)), i >= 0
}

// Lease is a deadline that caps the TTL of an instance's records, and after which
// the instance is not answered. Renewing it publishes nothing: readers see the
// new deadline at once. It is safe for concurrent use.
type Lease struct {
	deadline atomic.Int64
}

// NewLease gives a lease that ends at the monotonic time deadline, in
// nanoseconds of the clock that is also given to Lookup.
func NewLease(deadline int64) *Lease {
	l := new(Lease)
	l.deadline.Store(deadline)
	return l
}

// Deadline is the monotonic time in nanoseconds at which the lease ends.
func (l *Lease) Deadline() int64 { return l.deadline.Load() }

// Extend moves the deadline. Moving it into the past ends the lease.
func (l *Lease) Extend(deadline int64) { l.deadline.Store(deadline) }

// ended reports whether the lease has ended at now; a nil lease never ends.
func (l *Lease) ended(now int64) bool { return l != nil && l.deadline.Load() <= now }

// Equal reports whether two instances give the same answers and tell an operator
// the same. Deadlines do not count, but which Lease it is does.
func (in *Instance) Equal(o *Instance) bool {
	return in.ID == o.ID && in.Service == o.Service && in.Host == o.Host &&
		in.Priority == o.Priority && in.Weight == o.Weight && in.TTL == o.TTL &&
		in.State == o.State && in.Fallback == o.Fallback && in.Reason == o.Reason && in.Lease == o.Lease &&
		in.Revision == o.Revision && slices.Equal(in.Checks, o.Checks) &&
		slices.Equal(in.Aliases, o.Aliases) && slices.Equal(in.Tags, o.Tags) &&
		maps.Equal(in.Meta, o.Meta) &&
		slices.EqualFunc(in.Endpoints, o.Endpoints, func(a, b Endpoint) bool {
			return a.Network == b.Network && a.Addr == b.Addr && slices.Equal(a.Ports, b.Ports)
		})
}
