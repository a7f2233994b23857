package zone

import (
	"crypto/sha256"
	"encoding/base32"
	"strings"
)

// digestLen is how much of the label of an instance is a digest when it would be
// too long: "~" and 64 bits.
const digestLen = 1 + 13

var digestEncoding = base32.HexEncoding.WithPadding(base32.NoPadding)

// appendInstance appends the label that an instance is browsed by, made of its
// target: "web-1@web.shop". One that is too long is cut and ends in a digest.
func appendInstance(b []byte, target string) []byte {
	n := len(target) - 1 // octets of all labels, and one between each two
	b = append(b, byte(min(n, maxLabel)))
	at := len(b)
	b = append(append(b, first(target)...), '@')
	for rest := cut(target); rest != ""; rest = cut(rest) {
		b = append(append(b, first(rest)...), '.')
	}
	b = b[:at+n]
	if n <= maxLabel {
		return b
	}
	sum := sha256.Sum256(b[at:])
	b = append(b[:at+maxLabel-digestLen], '~')
	b = digestEncoding.AppendEncode(b, sum[:8])
	for i := at; i < len(b); i++ {
		b[i] = lower(b[i])
	}
	return b
}

// appendTarget undoes appendInstance for a label that was not cut. It appends
// nothing when the label is no such one.
func appendTarget(b []byte, label string) []byte {
	host, service, ok := strings.Cut(label, "@")
	if !ok || host == "" {
		return b
	}
	b = append(append(b, byte(len(host))), host...)
	for more := true; more; {
		var l string
		l, service, more = strings.Cut(service, ".")
		b = append(append(b, byte(len(l))), l...)
	}
	return b
}
