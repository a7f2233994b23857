package dnsserver

import "encoding/binary"

const (
	maxName = 255 // octets, RFC 1035 §2.3.4
	// maxPointers are more than a name of 255 octets needs.
	maxPointers = 126
)

// skipName finds the end of the name at off. It reports false when the name is
// cut off, too long, has a label of unknown kind, or points anywhere but backward
// into the body (RFC 1035 §4.1.4, RFC 9267 §2). The name of a question therefore
// has no pointer at all.
func skipName(msg []byte, off int) (end int, ok bool) {
	length, pointers, before := 0, 0, off
	for off < len(msg) {
		c := int(msg[off])
		switch {
		case c < 64:
			off += 1 + c
			if length += 1 + c; length > maxName || off > len(msg) {
				return 0, false
			}
			if c == 0 {
				if end == 0 {
					end = off
				}
				return end, true
			}
		case c >= 192 && off+2 <= len(msg):
			to := int(binary.BigEndian.Uint16(msg[off:]) & 0x3fff)
			if pointers++; to < headerLen || to >= before || pointers > maxPointers {
				return 0, false
			}
			if end == 0 {
				end = off + 2
			}
			off, before = to, to
		default:
			return 0, false
		}
	}
	return 0, false
}

// nameLen is the length of the uncompressed name that d begins with.
func nameLen(d []byte) int {
	i := 0
	for d[i] != 0 {
		i += 1 + int(d[i])
	}
	return i + 1
}

// sameName reports whether two names or ends of names in wire form are equal
// but for the case of ASCII letters (RFC 4343 §3). Lengths are below the letters,
// so that they need no care of their own.
func sameName(a, b []byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] && lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
