package zone

import (
	"fmt"
	"iter"
	"slices"
	"strings"
)

// privateReverse are the reverse zones of addresses that mean something only within
// a site, and which therefore never are a question for others (RFC 6303 §4, RFC 7793
// §2). 172.16/12 and 100.64/10 are added by their octets.
var privateReverse = func() []Name {
	zones := []string{
		"0.in-addr.arpa", "10.in-addr.arpa", "127.in-addr.arpa", "254.169.in-addr.arpa", "168.192.in-addr.arpa",
		"2.0.192.in-addr.arpa", "100.51.198.in-addr.arpa", "113.0.203.in-addr.arpa", "255.255.255.255.in-addr.arpa",
		strings.Repeat("0.", 32) + "ip6.arpa", "1." + strings.Repeat("0.", 31) + "ip6.arpa",
		"d.f.ip6.arpa", "8.e.f.ip6.arpa", "9.e.f.ip6.arpa", "a.e.f.ip6.arpa", "b.e.f.ip6.arpa", "8.b.d.0.1.0.0.2.ip6.arpa",
	}
	for i := 16; i < 32; i++ {
		zones = append(zones, fmt.Sprintf("%d.172.in-addr.arpa", i))
	}
	for i := 64; i < 128; i++ {
		zones = append(zones, fmt.Sprintf("%d.100.in-addr.arpa", i))
	}
	names := make([]Name, len(zones))
	for i, z := range zones {
		names[i] = MustParseName(z)
	}
	return names
}()

// PrivateReverse are the reverse zones that are answered here, unless
// Options.Elsewhere has them.
func PrivateReverse() iter.Seq[Name] { return slices.Values(privateReverse) }

// localZones are the reverse zones that are answered here.
type localZones struct {
	apexes map[Name]Name     // "" at names that are answered elsewhere
	lens   [maxName + 1]bool // of the names in apexes
}

// newLocalZones are all private zones, but for what is elsewhere.
func newLocalZones(elsewhere []Name) *localZones {
	z := &localZones{apexes: make(map[Name]Name)}
	for _, n := range elsewhere {
		z.add(n, "")
	}
	for _, n := range privateReverse {
		if !z.hold(n) {
			z.add(n, n)
		}
	}
	return z
}

func (z *localZones) add(n, apex Name) {
	z.apexes[n] = apex
	z.lens[len(n)] = true
}

func (z *localZones) hold(n Name) bool {
	_, ok := z.find(n)
	return ok
}

// apexOf is the zone that a name is in, or "".
func (z *localZones) apexOf(n Name) Name {
	apex, _ := z.find(n)
	return apex
}

// find looks for the longest name in z that n is at or below.
func (z *localZones) find(n Name) (apex Name, ok bool) {
	for {
		if z.lens[len(n)] {
			if apex, ok = z.apexes[n]; ok {
				return apex, true
			}
		}
		if n[0] == 0 {
			return "", false
		}
		n = n[1+n[0]:]
	}
}
