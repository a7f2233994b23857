package dnsserver

import (
	"context"
	"net/netip"
	"slices"

	"github.com/miekg/dns"
)

// A Handler answers one question.
//
// Of the message that it returns only the rcode, the flags AA, AD and TC, and the
// sections Answer, Ns and Extra are used: identity, question, other flags and EDNS are
// those that belong to the query and its asker, and records are left out where they do
// not fit. TC says that records are missing already. Of
// an OPT record in Extra the extended error is used (RFC 8914).
//
// The message and its records are the server's from then on: packing writes to them.
//
// A nil message without an error passes on: nobody in the chain knows the name,
// and it is refused. An error becomes the rcode of its Failure, or SERVFAIL. A handler
// that must wait returns ErrWait unless it may.
//
// Answer may be called from many goroutines. The context outlives the stop of the
// server by two seconds, because what has been read is still answered; a handler that
// waits returns when it ends.
type Handler interface {
	Answer(ctx context.Context, q *Query) (*dns.Msg, error)
}

// A Direct handler can answer from memory in wire form, which spares the making of a
// message.
type Direct interface {
	Handler
	// Direct writes the whole reply to q into r and reports true; or it writes nothing and
	// reports false, and Answer is asked. It waits for nobody, keeps neither q nor r, and may
	// be called from many goroutines.
	Direct(q *Query, r *Reply) bool
}

// Transport is how a query came.
type Transport uint8

// The transports.
const (
	UDP   Transport = iota
	TCP             // RFC 7766
	TLS             // RFC 7858
	HTTPS           // RFC 8484
	transports
)

// encrypted reports whether nobody but the asker can read replies.
func (t Transport) encrypted() bool { return t == TLS || t == HTTPS }

// Query is one question that passed admission, and where it came from. It and
// its slices are valid only until Answer returns.
type Query struct {
	Name  []byte // uncompressed wire form ended by the root label, in the case that was asked
	Type  uint16
	Class uint16 // IN: others are not for handlers

	From netip.AddrPort // the asker
	// Local is the address that was asked, also where the socket is bound to a
	// wildcard; it is unspecified only where the system cannot tell.
	Local     netip.AddrPort
	Transport Transport
	EDNS      EDNS
	// MayWait says that nobody is held up by a handler that waits. Otherwise it
	// returns ErrWait.
	MayWait bool

	id        uint16
	echo      uint16 // bits of the header that the reply repeats
	ad        bool   // the AD bit
	recursion bool   // the asker may recurse
}

// Again gives a query for the same that stays valid, and may wait: for whoever asks it
// when this one has been answered.
func (q *Query) Again() *Query {
	again := *q
	again.Name = slices.Clone(q.Name)
	again.EDNS.options, again.EDNS.cookie = nil, nil
	again.MayWait = true
	return &again
}

// RecursionDesired tells the RD bit (RFC 1035 §4.1.1).
func (q *Query) RecursionDesired() bool { return q.echo&bitRD != 0 }

// CheckingDisabled tells the CD bit (RFC 4035 §3.2.2).
func (q *Query) CheckingDisabled() bool { return q.echo&bitCD != 0 }

// MayRecurse reports whether the asker is among those of Options.Recursion. It is the RA
// bit of the reply.
func (q *Query) MayRecurse() bool { return q.recursion }

// WantsAD reports whether the asker understands the AD bit (RFC 6840 §5.7): no other
// gets it.
func (q *Query) WantsAD() bool { return q.ad || q.EDNS.DO }

// The sizes of replies.
const (
	minUDPSize = 512  // RFC 1035 §2.3.4
	maxUDPSize = 1232 // never fragmented: IPv6's smallest MTU less its headers (RFC 9715 §3)
	maxTCPSize = 1<<16 - 1
)

// Limit is the size in octets of the longest reply that the asker takes (RFC 6891 §6.2.3).
func (q *Query) Limit() int {
	switch {
	case q.Transport != UDP:
		return maxTCPSize
	case !q.EDNS.Present:
		return minUDPSize
	}
	return min(max(int(q.EDNS.Size), minUDPSize), maxUDPSize)
}
