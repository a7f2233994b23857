package plainhttp

import "bytes"

// fields are what the header says, as far as it was read.
type fields struct {
	head         *Head
	host, length bool // it was given
}

// simple are the fields that ask for nothing where a request only has to be
// acknowledged, beside those that have a case of their own below. Each is written by a
// common client of its own accord. What is not here may mean something, one day.
var simple = [...]string{"accept", "accept-encoding", "accept-language", "content-type", "sec-fetch-mode", "user-agent"}

// add reads one line of the header. It reports false when it says more of the body
// than its length, or does so twice.
func (f *fields) add(line []byte) bool {
	name, value, ok := bytes.Cut(line, colon)
	if !ok || len(name) == 0 || !all(name, token) || !all(value, text) {
		return false
	}
	value = bytes.Trim(value, " \t")
	switch {
	case is(name, "host"):
		if f.host || len(value) == 0 || !all(value, hostname) {
			f.head.Simple = false
		}
		f.host = true
	case is(name, "content-length"):
		return f.setLength(value)
	case is(name, "transfer-encoding"), is(name, "expect"), is(name, "upgrade"):
		return false
	case is(name, "connection"):
		f.head.Simple = f.head.Simple && is(value, "keep-alive")
	default:
		f.head.Simple = f.head.Simple && isSimple(name)
	}
	return true
}

func (f *fields) setLength(digits []byte) bool {
	if f.length || len(digits) == 0 {
		return false
	}
	f.length = true
	for _, c := range digits {
		if c < '0' || c > '9' || f.head.Body > maxBody {
			return false
		}
		f.head.Body = 10*f.head.Body + int(c-'0')
	}
	return true
}

func isSimple(name []byte) bool {
	for _, s := range simple {
		if is(name, s) {
			return true
		}
	}
	return false
}

// is reports whether b is a word that is given in lower case.
func is(b []byte, word string) bool {
	if len(b) != len(word) {
		return false
	}
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != word[i] {
			return false
		}
	}
	return true
}

var colon = []byte{':'}
