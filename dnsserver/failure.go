package dnsserver

import (
	"errors"
	"fmt"

	"github.com/miekg/dns"
)

// Failure is an error that says which reply it becomes. Errors that hold none
// become SERVFAIL.
type Failure struct {
	Rcode int    // RFC 6895 §2.3; above 15 only for askers with EDNS
	Info  uint16 // extended error (RFC 8914 §4), sent to askers with EDNS; 0 is none, or with a Text Other
	Text  string // sent with Info; short, or empty
	Why   string // for logs, not sent
}

func (f *Failure) Error() string { return fmt.Sprintf("%s (rcode %d)", f.Why, f.Rcode) }

// FromUpstream is the text of an extended error that another server gave: without it the
// asker would take it for ours (RFC 8914 §3).
const FromUpstream = "upstream"

// errDrop is what deserves no answer at all.
var errDrop = errors.New("dropped")

// What admission finds at fault.
var (
	errFormat     = &Failure{Rcode: dns.RcodeFormatError, Why: "malformed query"}
	errNoQuestion = &Failure{Rcode: dns.RcodeSuccess, Why: "a cookie is asked for, and nothing else"}
	errCookie     = &Failure{Rcode: dns.RcodeBadCookie, Why: "the server cookie is missing or wrong"}
	errOpcode     = &Failure{Rcode: dns.RcodeNotImplemented, Why: "opcode is not QUERY"}
	errVersion    = &Failure{Rcode: dns.RcodeBadVers, Why: "EDNS version is not 0"}
	errClass      = &Failure{Rcode: dns.RcodeRefused, Info: dns.ExtendedErrorCodeNotSupported, Why: "class is not IN"}
	errTransfer   = &Failure{Rcode: dns.RcodeRefused, Info: dns.ExtendedErrorCodeNotSupported, Why: "zones are not transferred"}
	errMetaType   = &Failure{Rcode: dns.RcodeNotImplemented, Info: dns.ExtendedErrorCodeNotSupported, Why: "type is no data type"}
	errNXName     = &Failure{Rcode: dns.RcodeFormatError, Info: dns.ExtendedErrorCodeInvalidQueryType, Why: "NXNAME is asked"}
)

// What handlers answer with.
var (
	errNotOurs     = &Failure{Rcode: dns.RcodeRefused, Info: dns.ExtendedErrorCodeNotAuthoritative, Why: "name is in no zone of ours"}
	errNoRecursion = &Failure{Rcode: dns.RcodeRefused, Info: dns.ExtendedErrorCodeProhibited, Why: "asker may not recurse"}
	errNotReady    = &Failure{Rcode: dns.RcodeServerFailure, Info: dns.ExtendedErrorCodeNotReady, Why: "sources have not reported yet"}
	errBusy        = &Failure{Rcode: dns.RcodeServerFailure, Text: "busy", Why: "too many queries wait for an answer"}
	errServer      = &Failure{Rcode: dns.RcodeServerFailure, Why: "the answer could not be made"}
)

// failureOf finds the reply for an error.
func failureOf(err error) *Failure {
	if f, ok := errors.AsType[*Failure](err); ok {
		return f
	}
	return errServer
}
