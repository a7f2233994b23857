package zone

import (
	"errors"
	"net/netip"
)

// Kind says how a Change relates to what its source reported before.
type Kind uint8

// The kinds of a change. In all of them Put adds or replaces, and Drop removes.
const (
	// Delta is what has changed; it is the zero value.
	Delta Kind = iota
	// SyncPart is a page of the complete set.
	SyncPart
	// SyncEnd is the last page: instances, static records and attachments of this
	// source that were not put since the sync began are removed. A sync begins with the
	// first SyncPart or SyncEnd of a Run, and with the first after a SyncEnd.
	SyncEnd
)

// Change is what a source reports. But for Verdicts it touches only what the same
// source owns.
type Change struct {
	Source string // stamped by the supervisor, not by the source
	Run    uint64 // stamped likewise: a new run forgets the pages of a sync that an earlier one left unfinished
	Kind   Kind
	// More says that the source's next change follows at once. Nothing is published before
	// that, or one of another source: to publish many instances a few at a time costs
	// several times as much as at once.
	More bool

	Put []Instance
	// Static adds or replaces static records. They share the IDs of instances.
	Static []Static
	Drop   []string // IDs; an unknown one changes nothing, one that is also put is dropped

	// Verdicts may be about the instances of any source.
	Verdicts []Verdict

	Networks []Network    // all networks that the source knows; nil: as before
	Attach   []Attachment // adds or replaces
	Detach   []string     // IDs of attachments; one that is also in Attach is detached
}

// Network is a network on which endpoints can be, as one source knows it.
type Network struct {
	Name     string // as Endpoint.Network has it, unique within the source
	Prefixes []netip.Prefix
	// Open is a network whose prefixes are those of a network outside as well, as
	// macvlan has them: askers there are on it, but an address there that is bound to
	// no network is reachable from anywhere.
	Open bool
}

// Attachment says which networks the askers at some addresses are on: those of a
// container (also of one that is no instance), or those of the host, which is on
// each of its bridge networks.
type Attachment struct {
	ID       string // unique within its source; in Sync kinds one that is not listed is removed
	Prefixes []netip.Prefix
	Networks []string
}

// Key names an instance among those of all sources.
type Key struct{ Source, ID string }

// Result says what Apply did.
type Result struct {
	Serial   uint32 // of the newest snapshot, which holds the change unless more follows
	Changed  bool   // false: nothing was published, or not yet
	Rejected []Rejection
}

// Rejection is an instance or a static record that is not in the zone, and why. An earlier version
// of it is not there either, because it is no longer true.
type Rejection struct {
	ID  string
	Err error // ErrFull, or one or more FieldErrors joined
}

// ErrFull rejects what is new because the zone holds as much as it may.
var ErrFull = errors.New("the zone is full: raise the limit on instances")

// FieldError says which field of an Instance or Static breaks which rule.
type FieldError struct {
	Field  string // as in Go, e.g. "Endpoints[0].Ports[1].Number"
	Value  string
	Reason string // "must be …"
}

func (e *FieldError) Error() string { return e.Field + " " + quoted(e.Value) + " " + e.Reason }
