package selfreg

// plainBeats reads heartbeats as nearly all clients write them: no field but service and
// id, in text of printable ASCII without escapes. It reports false of all else, right or
// wrong, which is for anyBeats to tell. It looks at each octet once: a thousand
// heartbeats are 40 KB.
func plainBeats(data []byte, beats []beat) ([]beat, bool) {
	r := plainReader{rest: data}
	r.mark('{')
	if string(r.text()) != `"instances"` {
		return beats, false
	}
	r.mark(':')
	r.mark('[')
	for first := true; r.next() != ']'; first = false {
		if !first {
			r.mark(',')
		}
		b := r.beat()
		if r.odd || len(beats) == maxBeats {
			return beats, false
		}
		beats = append(beats, b)
	}
	r.mark(']')
	r.mark('}')
	r.next()
	return beats, len(r.rest) == 0 && !r.odd
}

// plainReader reads JSON until something is odd: it then is at the end.
type plainReader struct {
	rest []byte
	odd  bool
}

// next is the octet behind space; 0 at the end.
func (r *plainReader) next() byte {
	for i, c := range r.rest {
		if c != ' ' && c != '\n' && c != '\r' && c != '\t' {
			r.rest = r.rest[i:]
			return c
		}
	}
	r.rest = nil
	return 0
}

// mark reads one octet that has to be next.
func (r *plainReader) mark(c byte) {
	if r.next() != c {
		r.rest, r.odd = nil, true
		return
	}
	r.rest = r.rest[1:]
}

// text reads a string, as it is written.
func (r *plainReader) text() []byte {
	if r.next() == '"' {
		end := 1
		for end < len(r.rest) && printable(r.rest[end]) {
			end++
		}
		if end < len(r.rest) && r.rest[end] == '"' {
			text := r.rest[:end+1]
			r.rest = r.rest[end+1:]
			return text
		}
	}
	r.rest, r.odd = nil, true
	return nil
}

// printable reports whether an octet stands for itself in a string.
func printable(c byte) bool { return c >= ' ' && c <= '~' && c != '"' && c != '\\' }

// beat reads an object with a service and an ID, neither of them empty.
func (r *plainReader) beat() (b beat) {
	r.mark('{')
	first, one := r.field()
	r.mark(',')
	second, other := r.field()
	r.mark('}')
	switch {
	case string(first) == `"service"` && string(second) == `"id"`:
		b = beat{one, other}
	case string(first) == `"id"` && string(second) == `"service"`:
		b = beat{other, one}
	}
	r.odd = r.odd || len(b.service) <= len(`""`) || len(b.id) <= len(`""`)
	return b
}

func (r *plainReader) field() (name, value []byte) {
	name = r.text()
	r.mark(':')
	return name, r.text()
}
