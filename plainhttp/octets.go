package plainhttp

// class is a set of octets.
type class uint8

const (
	upper    class = 1 << iota // of methods, which are all in upper case
	visible                    // of targets
	token                      // of the names of fields (RFC 9110 §5.6.2)
	text                       // of values (RFC 9110 §5.5), but what is not ASCII
	hostname                   // of names and addresses with a port, not of all that RFC 3986 allows
)

// classes are those that each octet is in.
var classes = classesOf()

func classesOf() (t [256]class) {
	for c := range t {
		letter := c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
		digit := c >= '0' && c <= '9'
		set := func(k class, in bool) {
			if in {
				t[c] |= k
			}
		}
		set(upper, c >= 'A' && c <= 'Z')
		set(visible, c > ' ' && c <= '~')
		set(text, c == '\t' || c >= ' ' && c <= '~')
		set(token, letter || digit || among(c, "!#$%&'*+-.^_`|~"))
		set(hostname, letter || digit || among(c, "-._:[]"))
	}
	return t
}

func among(c int, octets string) bool {
	for _, o := range []byte(octets) {
		if int(o) == c {
			return true
		}
	}
	return false
}

// all reports whether all octets of b are in a class.
func all(b []byte, k class) bool {
	for _, c := range b {
		if classes[c]&k == 0 {
			return false
		}
	}
	return true
}
