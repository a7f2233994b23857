package zone

import (
	"strconv"
	"strings"
)

// known is the number that a port's names are made of.
func (p *Port) known() uint16 {
	if p.Known != 0 {
		return p.Known
	}
	return p.Number
}

// portLabels are the labels, without the underscore, of the names that a port
// has: that of its own or of IANA, and its number.
func portLabels(p *Port) (name, number string) {
	number = strconv.Itoa(int(p.known()))
	if p.Name != "" {
		return asciiLower(p.Name), number
	}
	return ianaNames[portProto{p.known(), p.Proto}], number
}

// portSet is what "_port._proto" stands for. The zero value stands for every port.
type portSet struct {
	nameProto
	number uint16 // of ports without a name; with no name here, of all ports
	https  bool   // only ports from which https URLs can be fetched, of whichever protocol
}

// portSetOf reads the key of a set that exists.
func portSetOf(set string) portSet {
	p := portSet{nameProto: nameProto{name: first(set)[1:]}}
	p.proto, _ = ParseProto(first(cut(set))[1:])
	p.https = cut(set) == httpsLabel
	p.number = ianaPorts[p.nameProto]
	if n, ok := decimal(p.name); ok {
		p.name, p.number = "", n
	}
	return p
}

func (s *portSet) any() bool { return s.name == "" && s.number == 0 }

func (s *portSet) has(p *Port) bool {
	switch {
	case s.any():
		return true
	case s.https && !p.https() || !s.https && p.Proto != s.proto:
		return false
	case s.name != "" && p.Name != "":
		return sameLabel(p.Name, s.name)
	}
	return s.number != 0 && p.known() == s.number
}

// decimal reads a port number. strconv would allocate an error for each name.
func decimal(s string) (n uint16, ok bool) {
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint16(c-'0')
	}
	return n, true
}

// sameLabel reports whether a label in any case is the one in lower case.
func sameLabel(l, canonical string) bool {
	if len(l) != len(canonical) {
		return false
	}
	for i := range len(l) {
		if lower(l[i]) != canonical[i] {
			return false
		}
	}
	return true
}

// tagLabel is the label of a tag, or "" when the tag is not one label, or would be
// a wildcard (RFC 4592 §2.1.1).
func tagLabel(tag string) string {
	if len(tag) > maxLabel || strings.Contains(tag, ".") || tag == "*" {
		return ""
	}
	return asciiLower(tag)
}

func asciiLower(s string) string {
	b := []byte(s)
	for i, c := range b {
		b[i] = lower(c)
	}
	return string(b)
}
