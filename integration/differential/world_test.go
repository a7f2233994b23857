//go:build conformance

package differential

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// A place is where a name stands among the data that all servers have.
type place string

// The places. Rollcall knows two more than the files do: names at which nothing is
// up now, and tags that are asked for together.
const (
	outside place = "outside"   // in none of the zones
	special place = "special"   // likewise, and of no meaning elsewhere (RFC 6761)
	owner   place = "owner"     // of a record
	empty   place = "empty"     // a non-terminal: only names below it own records (RFC 8020)
	silent  place = "silent"    // of registered instances, none of which is up
	stacked place = "stacked"   // under two tags or more of a service
	partial place = "partial"   // in a reverse zone, and no whole address
	absent  place = "not there" // none of these
)

// world is what all servers have been given.
type world struct {
	zones  []*zone
	domain string   // in wire form
	apexes []string // lower case, wire form, as all names here; the longest first
	owners map[string]bool
	empty  map[string]bool
	silent map[string]bool
	lines  map[string]bool     // all records without their TTLs: that of a part of a set is that of the part
	sets   map[string][]string // the lines of each RRset, by owner and type
}

func newWorld(t testing.TB, zones []*zone, registered []string) *world {
	t.Helper()
	w := &world{zones: zones, domain: wireName(t, domain), owners: map[string]bool{}, empty: map[string]bool{}, silent: map[string]bool{}, lines: map[string]bool{}, sets: map[string][]string{}}
	for _, z := range zones {
		w.apexes = append(w.apexes, wireName(t, z.apex))
		for _, rr := range z.records {
			name := wireName(t, rr.Header().Name)
			line, err := lineOf(rr)
			if err != nil {
				t.Fatal(err)
			}
			w.owners[name], w.lines[withoutTTL(line)] = true, true
			key := setKey(name, rr.Header().Rrtype)
			w.sets[key] = append(w.sets[key], line)
		}
	}
	slices.SortFunc(w.apexes, func(a, b string) int { return len(b) - len(a) })
	w.close(w.owners, w.empty)
	for _, n := range registered {
		w.silent[wireName(t, n)] = true
	}
	w.close(w.silent, w.silent)
	for n := range w.silent {
		if w.owners[n] || w.empty[n] {
			delete(w.silent, n)
		}
	}
	return w
}

// set is an RRset, also one that a wildcard makes (RFC 4592 §3.3.1).
func (w *world) set(name string, typ uint16) []string {
	if set := w.sets[setKey(name, typ)]; set != nil || w.owners[name] || w.empty[name] || w.apex(name) == "" {
		return set
	}
	encloser := parent(name)
	for !w.owners[encloser] && !w.empty[encloser] {
		encloser = parent(encloser)
	}
	var made []string
	for _, line := range w.sets[setKey("\x01*"+encloser, typ)] {
		_, rest, _ := strings.Cut(line, " ")
		made = append(made, presentation(name)+" "+rest)
	}
	return made
}

// largest gives the owners of the n largest sets.
func (w *world) largest(n int) (owners []string) {
	type sized struct {
		key string
		n   int
	}
	var all []sized
	for k, set := range w.sets {
		all = append(all, sized{k, len(set)})
	}
	slices.SortFunc(all, func(a, b sized) int { return cmp.Or(b.n-a.n, strings.Compare(a.key, b.key)) })
	for _, s := range all[:n] {
		owners = append(owners, s.key[:strings.LastIndexByte(s.key, ' ')])
	}
	return owners
}

// close adds the names between those given and their apex to another set.
func (w *world) close(names, to map[string]bool) {
	for _, n := range sortedKeys(names) {
		apex := w.apex(n)
		for n = parent(n); len(n) > len(apex); n = parent(n) {
			if !names[n] {
				to[n] = true
			}
		}
	}
}

// apex is that of the zone that a name is in, or "".
func (w *world) apex(n string) string {
	for _, a := range w.apexes {
		if strings.HasSuffix(n, a) && isBelow(n, a) {
			return a
		}
	}
	return ""
}

func (w *world) place(name string) place {
	n := lower(name)
	apex := w.apex(n)
	switch {
	case apex == "" && slices.ContainsFunc(specialNames, func(s string) bool { return isBelow(n, s) }):
		return special
	case apex == "":
		return outside
	case w.owners[n]:
		return owner
	case w.empty[n]:
		return empty
	case w.silent[n]:
		return silent
	case isStacked(n):
		return stacked
	case strings.HasSuffix(apex, "\x04arpa\x00") && !isAddress(n):
		return partial
	}
	return absent
}

// specialNames are those that rollcall answers for, in wire form.
var specialNames = []string{
	"\x09localhost\x00", "\x07invalid\x00", "\x04test\x00", "\x05onion\x00", "\x05local\x00", "\x03alt\x00",
	"\x04home\x04arpa\x00", "\x08resolver\x04arpa\x00",
}

// isStacked reports whether at least two labels stand before "tag".
func isStacked(n string) bool {
	for i, l := 0, n; l != "\x00"; i, l = i+1, parent(l) {
		if i >= 2 && strings.HasPrefix(l, "\x03tag") {
			return true
		}
	}
	return false
}

// isAddress reports whether a name is that of the PTR record of an address.
func isAddress(n string) bool {
	labels := dns.SplitDomainName(presentation(n))
	if strings.HasSuffix(n, "\x03ip6\x04arpa\x00") {
		return len(labels) == 34 && all(labels[:32], func(l string) bool { return len(l) == 1 && strings.Contains("0123456789abcdef", l) })
	}
	return len(labels) == 6 && all(labels[:4], func(l string) bool {
		v, err := strconv.ParseUint(l, 10, 8)
		return err == nil && strconv.FormatUint(v, 10) == l
	})
}

func all(labels []string, is func(string) bool) bool {
	return !slices.ContainsFunc(labels, func(l string) bool { return !is(l) })
}

func isBelow(n, apex string) bool {
	for len(n) > len(apex) {
		n = parent(n)
	}
	return n == apex
}

// lower changes ASCII letters alone (RFC 4343 §3); lengths are below the letters.
func lower(name string) string {
	b := []byte(name)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c | 0x20
		}
	}
	return string(b)
}

// parent is the name without its first label. The root has none.
func parent(n string) string { return n[1+n[0]:] }

func presentation(n string) string {
	s, _, err := dns.UnpackDomainName([]byte(n), 0)
	if err != nil {
		panic(fmt.Sprintf("name %q: %v", n, err))
	}
	return s
}

func wireName(t testing.TB, name string) string {
	t.Helper()
	b := make([]byte, 256)
	end, err := dns.PackDomainName(strings.ToLower(name), b, 0, nil, false)
	if err != nil {
		t.Fatalf("name %q: %v", name, err)
	}
	return string(b[:end])
}

// withoutTTL is a line of lineOf without its second word.
func withoutTTL(line string) string {
	owner, rest, _ := strings.Cut(line, " ")
	_, rest, _ = strings.Cut(rest, " ")
	return owner + " " + rest
}

func setKey(name string, typ uint16) string { return fmt.Sprintf("%s %d", name, typ) }

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
