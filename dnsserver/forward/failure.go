package forward

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/golang-lru/v2"
	"github.com/miekg/dns"

	"github.com/rollcall-dns/rollcall/dnsserver"
	"github.com/rollcall-dns/rollcall/dnsserver/upstream"
)

// What is answered without an answer from upstream.
var (
	errNotAsked = &dnsserver.Failure{Rcode: dns.RcodeRefused, Info: dns.ExtendedErrorCodeNotAuthoritative, Why: "recursion is not desired, and the name not ours"}
	errBusy     = &dnsserver.Failure{Rcode: dns.RcodeServerFailure, Text: "busy", Why: "too many questions are under way"}
	errNobody   = &dnsserver.Failure{Rcode: dns.RcodeServerFailure, Info: dns.ExtendedErrorCodeNoReachableAuthority, Why: "there is no server to ask"}
	errSilent   = &dnsserver.Failure{Rcode: dns.RcodeServerFailure, Info: dns.ExtendedErrorCodeNoReachableAuthority, Why: "no server answered in time"}
	errBroken   = &dnsserver.Failure{Rcode: dns.RcodeServerFailure, Info: dns.ExtendedErrorCodeNetworkError, Why: "no server gave an answer"}
)

// rcodeError is a reply that is no answer.
type rcodeError struct {
	rcode int
	why   *dns.EDNS0_EDE // nil: not said
}

func (e rcodeError) Error() string { return fmt.Sprintf("answered %s", dns.RcodeToString[e.rcode]) }

var errReferral = errors.New("refers to others, and so looks up nothing itself")

// failureOf is what the last error of a race becomes. Why a server could not answer is
// passed on; why it would not is between us and it.
func failureOf(err error) *dnsserver.Failure {
	if f, ok := errors.AsType[*dnsserver.Failure](err); ok {
		return f
	}
	if e, ok := errors.AsType[rcodeError](err); ok && e.rcode == dns.RcodeServerFailure && e.why != nil {
		return &dnsserver.Failure{Rcode: e.rcode, Info: e.why.InfoCode, Text: e.why.ExtraText, Why: errBroken.Why}
	}
	if errors.Is(err, upstream.ErrTimeout) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return errSilent
	}
	return errBroken
}

// Failures are remembered no longer than they must be (RFC 9520 §3.2), because what is
// well again is to be seen.
const briefly = time.Second

// remembers is how many failures are remembered.
const remembers = 4096

// failures are questions that could not be answered lately.
type failures struct {
	seen *lru.Cache[string, failed]
}

type failed struct {
	failure *dnsserver.Failure
	until   time.Time
}

func newFailures() *failures {
	seen, err := lru.New[string, failed](remembers)
	if err != nil {
		panic(err) // the size is a constant
	}
	return &failures{seen}
}

func (f *failures) put(key string, failure *dnsserver.Failure) {
	f.seen.Add(key, failed{failure, time.Now().Add(briefly)})
}

func (f *failures) get(key string) *dnsserver.Failure {
	e, ok := f.seen.Get(key)
	if !ok || time.Now().After(e.until) {
		return nil
	}
	return e.failure
}

// forget is for when a server can be reached again: what failed before may do now.
func (f *failures) forget() { f.seen.Purge() }
