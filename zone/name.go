package zone

import (
	"errors"
	"fmt"
	"strings"
)

const (
	maxName  = 255 // octets of a name on the wire, RFC 1035 §2.3.4
	maxLabel = 63  // octets of a label, RFC 1035 §2.3.4
)

// Name is a domain name in canonical wire form: length-prefixed labels, ASCII
// lower case, ended by the root label, at most 255 octets (RFC 1035 §2.3.4).
// The zero value is no name at all; the root is "\x00".
type Name string

// Root is the name of the DNS root.
const Root Name = "\x00"

// ParseName reads a name in presentation format (RFC 1035 §5.1): labels between
// dots, "\." and "\DDD" escapes, with or without the final dot, any case.
func ParseName(s string) (Name, error) {
	rel, err := parseLabels(strings.TrimSuffix(s, "."))
	if err != nil {
		return "", fmt.Errorf("name %q: %w", s, err)
	}
	if s == "" {
		return "", errors.New(`name "": is empty`)
	}
	return Name(rel + "\x00"), nil
}

// MustParseName is ParseName for names that are constants of the program. It
// panics when s is no name.
func MustParseName(s string) Name {
	n, err := ParseName(s)
	if err != nil {
		panic(err)
	}
	return n
}

// Within reports whether n is at or below zone.
func (n Name) Within(zone Name) bool {
	for ; len(n) > len(zone); n = n[1+n[0]:] {
	}
	return n == zone
}

// String gives the presentation format with the final dot. Octets that a zone
// file could not hold as they are come as "\." or "\DDD".
func (n Name) String() string {
	if n == Root || n == "" {
		return "."
	}
	var b [usualName]byte
	return string(append(appendRel(b[:0], string(n[:len(n)-1])), '.'))
}

// plain are the octets beside letters and digits that all servers read in a zone
// file as they are, and as nothing else. The others are written as numbers: not all
// servers read a backslash before them alike.
const plain = "-_*/"

// usualName is more than the text of most names takes: it is put together on the stack.
const usualName = 128

// relString is the presentation form of labels that lack the root label,
// without a final dot.
func relString(rel string) string {
	var b [usualName]byte
	return string(appendRel(b[:0], rel))
}

func appendRel(b []byte, rel string) []byte {
	for rel != "" {
		l := int(rel[0])
		for _, c := range []byte(rel[1 : 1+l]) {
			switch {
			case alnum(c) || strings.IndexByte(plain, c) >= 0:
				b = append(b, c)
			case c == '.':
				b = append(b, `\.`...)
			default:
				b = fmt.Appendf(b, "\\%03d", c)
			}
		}
		if rel = rel[1+l:]; rel != "" {
			b = append(b, '.')
		}
	}
	return b
}

// isDotted reports whether s is relString of labels that have only what needs no escape.
func isDotted(s, rel string) bool {
	for ; rel != ""; rel = cut(rel) {
		rest, ok := strings.CutPrefix(s, first(rel))
		if cut(rel) != "" && ok {
			rest, ok = strings.CutPrefix(rest, ".")
		}
		if !ok {
			return false
		}
		s = rest
	}
	return s == ""
}

// parseLabels reads dotted labels into wire form without the root label.
func parseLabels(s string) (string, error) {
	var room [64]byte
	out := room[:0]
	for s != "" {
		begin := len(out)
		with, rest, err := appendLabel(append(out, 0), s)
		if err != nil {
			return "", err
		}
		out = with
		label := out[begin+1:]
		if len(label) > maxLabel {
			return "", fmt.Errorf("label %.20q… has %d octets, at most %d are allowed", string(label), len(label), maxLabel)
		}
		out[begin] = byte(len(label))
		if len(out)+1 > maxName {
			return "", fmt.Errorf("is longer than %d octets", maxName)
		}
		s = rest
	}
	return string(out), nil
}

// appendLabel appends the first label of a dotted name, unescaped and in lower case, and
// gives what follows it.
func appendLabel(b []byte, s string) (with []byte, rest string, err error) {
	i := 0
	for ; i < len(s) && s[i] != '.'; i++ {
		c := s[i]
		if c == '\\' {
			n, width := unescape(s[i+1:])
			if width == 0 {
				return nil, "", fmt.Errorf(`bad escape %q, want "\." or "\DDD"`, s[i:min(len(s), i+4)])
			}
			c = n
			i += width
		}
		b = append(b, lower(c))
	}
	if i == 0 {
		return nil, "", errors.New("has an empty label")
	}
	if i == len(s) {
		return b, "", nil
	}
	if i == len(s)-1 {
		return nil, "", errors.New("has an empty label")
	}
	return b, s[i+1:], nil
}

// unescape reads what follows a backslash: three digits up to 255, or any one
// octet that is no digit. Width 0 means that it is neither.
func unescape(s string) (c byte, width int) {
	if s == "" {
		return 0, 0
	}
	if s[0] < '0' || s[0] > '9' {
		return s[0], 1
	}
	if len(s) < 3 {
		return 0, 0
	}
	n := 0
	for _, d := range []byte(s[:3]) {
		if d < '0' || d > '9' {
			return 0, 0
		}
		n = n*10 + int(d-'0')
	}
	if n > 255 {
		return 0, 0
	}
	return byte(n), 3
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// Canonical appends the canonical form of a name on the wire to b: RFC 4343 §3,
// only ASCII letters have case. It reports false when wire is no uncompressed
// name of at most 255 octets ended by the root label, or has more behind it.
func Canonical(b, wire []byte) ([]byte, bool) {
	if len(wire) == 0 || len(wire) > maxName {
		return b, false
	}
	for i := 0; ; {
		l := int(wire[i])
		if l > maxLabel || i+1+l > len(wire) {
			return b, false
		}
		b = append(b, wire[i])
		for _, c := range wire[i+1 : i+1+l] {
			b = append(b, lower(c))
		}
		i += 1 + l
		if l == 0 {
			return b, i == len(wire)
		}
		if i >= len(wire) {
			return b, false
		}
	}
}
