//go:build conformance

package differential

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// table counts what the rules explain.
type table struct {
	explained   map[string]int // by rule and peer
	unexplained map[string]*group
	same        int
}

// group is differences of one kind.
type group struct {
	n       int
	example *pair
}

func newTable() *table {
	return &table{explained: map[string]int{}, unexplained: map[string]*group{}}
}

// compare finds the rule for each field that differs: the first that holds.
func (tab *table) compare(p *pair) {
	fields := p.differing()
	if len(fields) == 0 {
		tab.same++
	}
	counted := map[string]bool{}
	for _, f := range fields {
		i := slices.IndexFunc(rules, func(r rule) bool {
			return slices.Contains(r.peers, p.peer) && slices.Contains(r.fields, f) && r.holds(p)
		})
		if i < 0 {
			tab.miss(p, f)
			continue
		}
		if key := rules[i].name + " " + p.peer; !counted[key] {
			counted[key] = true
			tab.explained[key]++
		}
	}
}

func (tab *table) miss(p *pair, f field) {
	key := fmt.Sprintf("%s differs in %s: %s for %s names", p.peer, f, p.kind(), p.where)
	g := tab.unexplained[key]
	if g == nil {
		g = &group{example: p}
		tab.unexplained[key] = g
	}
	g.n++
}

// report prints what was explained, and fails the test for what was not, and for
// rules that explain nothing.
func (tab *table) report(t *testing.T) {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "%d pairs of replies are the same. What differs in the others:\n%-24s", tab.same, "")
	for i := range peers {
		fmt.Fprintf(&b, " %7s", peers[i].name)
	}
	for _, r := range rules {
		fmt.Fprintf(&b, "\n%-24s", r.name)
		for i := range peers {
			n := tab.explained[r.name+" "+peers[i].name]
			fmt.Fprintf(&b, " %7d", n)
			if n == 0 && *total >= enough && slices.Contains(r.peers, peers[i].name) {
				t.Errorf("rule %q explains nothing of %s", r.name, peers[i].name)
			}
		}
	}
	t.Log(b.String())
	tab.reportUnexplained(t)
}

// shown is how many kinds of unexplained differences are printed.
const shown = 40

func (tab *table) reportUnexplained(t *testing.T) {
	t.Helper()
	keys := slices.SortedFunc(maps.Keys(tab.unexplained), func(a, b string) int {
		return cmp.Or(cmp.Compare(tab.unexplained[b].n, tab.unexplained[a].n), strings.Compare(a, b))
	})
	for _, k := range keys[:min(len(keys), shown)] {
		t.Errorf("%d times %s, first\n  %v", tab.unexplained[k].n, k, tab.unexplained[k].example)
	}
	if len(keys) > shown {
		t.Errorf("and %d more kinds", len(keys)-shown)
	}
}

var update = flag.Bool("update", false, "write the table of docs/differential.md anew")

const document = "../../docs/differential.md"

// The table of the document is made from the rules.
func TestDocumentListsTheRules(t *testing.T) {
	var b strings.Builder
	b.WriteString("| what differs | knotd | nsd | named | why |\n|---|---|---|---|---|\n")
	for _, r := range rules {
		fmt.Fprintf(&b, "| %s |", r.name)
		for i := range peers {
			mark := " "
			if slices.Contains(r.peers, peers[i].name) {
				mark = " ● "
			}
			fmt.Fprintf(&b, "%s|", mark)
		}
		fmt.Fprintf(&b, " %s |\n", r.why)
	}
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	start := strings.Index(string(text), "| what differs |")
	if start < 0 {
		t.Fatalf("%s has no table", document)
	}
	want := string(text[:start]) + b.String()
	if *update {
		if err := os.WriteFile(document, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if want != string(text) {
		t.Errorf("%s does not end with the table of the rules: run this test with -update", document)
	}
}
