package conformance

import (
	stdcmp "cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollcall-dns/rollcall/integration/internal/rollcall"
)

// A row is one rule, as docs/conformance.md lists them.
type row struct {
	id, rule, rfc string

	// choice says what was chosen where RFCs leave it open, or where the server does
	// something else, and why. Empty: as the RFC says.
	choice string

	flags string // of the server, beside those that all have
	over  string // "udp" or "tcp" when the row is about that transport alone

	// exchanges has on each line "QUERY => REPLY", with "udp" or "tcp" before it when it is
	// for that transport alone. REPLY is as text has it, or "nothing": UDP stays silent,
	// TCP is closed.
	exchanges string

	// test is for what such lines cannot say.
	test func(t *testing.T, at place)
}

// A place is a way to a server.
type place struct {
	path
	server *rollcall.Server
}

// of is the same way to another server.
func (at place) of(s *rollcall.Server) path {
	if at.addr.Addr().Is4() {
		return path{at.network, s.DNS[0]}
	}
	return path{at.network, s.DNS[1]}
}

func allRows() []row {
	return slices.Concat(admissionRows, authorityRows, tcpRows, specialRows, errorRows)
}

// TestRows asks each row over each of its paths, and prints with -v what came of it.
func TestRows(t *testing.T) {
	servers := make(map[string]*rollcall.Server) // by their flags
	rows := allRows()
	for _, r := range rows {
		if servers[r.flags] == nil {
			servers[r.flags] = start(t, strings.Fields(r.flags)...)
			ready(t, servers[r.flags], instances)
		}
	}
	var mu sync.Mutex // guards results
	results := make(map[string]string)
	t.Cleanup(func() { t.Logf("\n%s", listing(rows, results)) })
	for _, r := range rows {
		t.Run(r.id+" "+r.rule, func(t *testing.T) {
			t.Parallel()
			t.Cleanup(func() {
				mu.Lock()
				defer mu.Unlock()
				results[r.id] = "pass"
				if t.Failed() {
					results[r.id] = "FAIL"
				}
			})
			r.run(t, servers[r.flags])
		})
	}
}

// TestRowsAreListed holds docs/conformance.md to the rows. With UPDATE=1 in the
// environment it writes the list.
func TestRowsAreListed(t *testing.T) {
	const file = "../../docs/conformance.md"
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- rows -->\n", "<!-- end of rows -->\n"
	head, rest, _ := strings.Cut(string(data), begin)
	_, tail, found := strings.Cut(rest, end)
	if !found {
		t.Fatalf("%s has no place for the list of rows", file)
	}
	want := head + begin + listing(allRows(), nil) + end + tail
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if diff := cmp.Diff(string(data), want); diff != "" {
		t.Errorf("%s is not the list of rows that are tested: UPDATE=1 go test -run RowsAreListed ./integration/conformance writes it\n%s", file, diff)
	}
}

// listing is the table of rows, with a result for each; without results it is the list
// of what is asked.
func listing(rows []row, results map[string]string) string {
	var b strings.Builder
	last := "answer"
	if results != nil {
		last = "result"
	}
	fmt.Fprintf(&b, "| row | rule | RFC | %s |\n|---|---|---|---|\n", last)
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", r.id, r.rule, r.rfc, r.outcome(results))
	}
	return b.String()
}

// outcome is what came of a row, if there are results, and what was chosen for it.
func (r *row) outcome(results map[string]string) string {
	result, asked := results[r.id]
	switch {
	case results == nil:
		return stdcmp.Or(r.choice, "as the RFC says")
	case !asked:
		result = "not asked"
	}
	if r.choice != "" {
		result += ": " + r.choice
	}
	return result
}

func (r *row) run(t *testing.T, s *rollcall.Server) {
	for _, p := range paths(s) {
		if !strings.HasPrefix(p.network, r.over) {
			continue
		}
		t.Run(p.network, func(t *testing.T) {
			t.Parallel()
			r.ask(t, p)
			if r.test != nil {
				r.test(t, place{p, s})
			}
		})
	}
}

func (r *row) ask(t *testing.T, p path) {
	w := dial(t, p)
	for line := range strings.Lines(r.exchanges) {
		line = strings.TrimSpace(line)
		if transport, rest, _ := strings.Cut(line, " "); transport == "udp" || transport == "tcp" {
			if (transport == "tcp") != p.tcp() {
				continue
			}
			line = rest
		}
		if line == "" {
			continue
		}
		query, want, _ := strings.Cut(line, " => ")
		got := w.ask(query)
		if got != want {
			t.Errorf("ask %s\n got %s\nwant %s", query, got, want)
		}
		if got == "nothing" && p.tcp() {
			w = dial(t, p)
		}
	}
}
