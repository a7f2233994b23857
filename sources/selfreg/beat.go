package selfreg

import (
	"bytes"
	"net/netip"
)

// longestID is more than the ID of an instance can have: a service of 99 octets, a
// slash, and maxID.
const longestID = 256

// Beat renews the lease that a PUT to this path is a heartbeat of: what Handler does of
// it, and answers with 204. It reports false when it has not, because there is no such
// lease, or the path is not one that means just what it says: Handler then has the
// answer. It allocates nothing. From is where the request comes from.
func (s *Source) Beat(path []byte, from netip.Addr) bool {
	service, id, ok := cutBeat(path)
	if !ok {
		return false
	}
	var key [longestID]byte
	return s.leases.Renew(append(append(append(key[:0], service...), '/'), id...), from)
}

var (
	beforeService = []byte("/v1/services/")
	beforeID      = []byte("/instances/")
	behindID      = []byte("/heartbeat")
)

// cutBeat takes a path apart that fits HeartbeatPattern.
func cutBeat(path []byte) (service, id []byte, ok bool) {
	rest, ok := bytes.CutPrefix(path, beforeService)
	if !ok || len(rest) >= longestID {
		return nil, nil, false
	}
	if rest, ok = bytes.CutSuffix(rest, behindID); !ok {
		return nil, nil, false
	}
	service, id, ok = bytes.Cut(rest, beforeID)
	return service, id, ok && literal(service, false) && literal(id, true)
}

// literal reports whether a segment of a path is a text of these octets alone, which mean
// themselves (RFC 3986 §2.3), and is none that leads elsewhere. Services have no case,
// and are known by the lower one.
func literal(segment []byte, upper bool) bool {
	dots := true
	for _, c := range segment {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '-', c == '_', c == '~', upper && c >= 'A' && c <= 'Z':
			dots = false
		case c != '.':
			return false
		}
	}
	return !dots
}
