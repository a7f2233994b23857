//go:build conformance

package differential

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// staticNames are where records from a file stand: also at names of instances and
// between them. Some are empty non-terminals, and wildcards stand beside and below
// others. No wildcard is above an instance.
var staticNames = []string{
	"fixed", "a.fixed", "b.c.fixed", "_sip._udp.fixed", "*.wild", "*.b.wild", "a.wild", "x.y.wild", "*.deep.er.wild",
	"web0", "db1.shop", "host.api2", "@",
}

// aliases lead to a name with data, one without the type, a wildcard, nothing, another
// alias, elsewhere, and back.
var aliases = map[string]string{
	"to-fixed": "fixed", "to-empty": "c.fixed", "to-wild": "any.wild", "to-nothing": "nothing.fixed", "twice": "to-fixed",
	"away": "host.example.com.", "round": "about", "about": "round", "self": "self", "*.alias": "fixed", "*.lost.alias": "nothing.fixed",
}

// staticFile writes records in the form of docs/static.md.
func staticFile(t *testing.T, rnd *rand.Rand) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("records:\n")
	for _, name := range staticNames {
		fmt.Fprintf(&b, "  - name: %q\n    ttl: %ds\n", name, 1+rnd.IntN(3600))
		fmt.Fprintf(&b, "    a: [10.9.0.%d, 198.18.0.%d]\n", 1+rnd.IntN(250), 1+rnd.IntN(250))
		if rnd.IntN(2) == 0 {
			fmt.Fprintf(&b, "    aaaa: fd09::%x\n", 1+rnd.IntN(65000))
		}
		if rnd.IntN(2) == 0 {
			fmt.Fprintf(&b, "    txt: [v=%d, [two, %q]]\n", rnd.IntN(10), pick(rnd, []string{"plain", `"quoted" \`}))
		}
		target := pick(rnd, []string{"fixed", "a.fixed", "any.wild", "to-fixed", "nothing.fixed", "host.example.com."})
		fmt.Fprintf(&b, "    srv: {priority: %d, weight: %d, port: %d, target: %q}\n", rnd.IntN(65536), rnd.IntN(65536), 1+rnd.IntN(65535), target)
	}
	for _, name := range sortedKeys(aliases) {
		fmt.Fprintf(&b, "  - name: %q\n    ttl: %ds\n    cname: %q\n", name, 1+rnd.IntN(3600), aliases[name])
	}
	file := filepath.Join(t.TempDir(), "records.yaml")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
