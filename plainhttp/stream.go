package plainhttp

// Stream follows the octets of a connection on their way to a server, and knows whether
// they end where a request ends. The zero value is a connection of which nothing was read.
type Stream struct {
	begun []byte // the first octet of a head, alone
	left  int    // octets of the last request that are still to come
	lost  bool   // it is not known any more where one ends
}

// AtEnd reports whether all requests that have begun are complete.
func (s *Stream) AtEnd() bool { return len(s.begun) == 0 && s.left == 0 && !s.lost }

// Add takes what is read next. What begins with less than a whole head, or goes on with
// another request, is not followed any further. But a head may come as one octet and the
// rest: while net/http answers one request it reads so much of the next.
func (s *Stream) Add(b []byte) {
	if len(b) == 0 || s.lost {
		return
	}
	if s.left == 0 {
		if len(s.begun) == 0 && len(b) == 1 {
			s.begun = []byte{b[0]}
			return
		}
		if len(s.begun) > 0 {
			b, s.begun = append(s.begun, b...), nil
		}
		h, ok := Parse(b)
		s.left, s.lost = h.Size+h.Body, !ok
	}
	s.left -= len(b)
	s.lost = s.lost || s.left < 0
}
