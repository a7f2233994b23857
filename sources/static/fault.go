package static

import (
	"fmt"
	"strconv"
	"strings"
)

// Fault is one thing that is wrong with a file, and where.
type Fault struct {
	File         string
	Line, Column int    // from 1
	Entry        string // the name of the entry; "" where it has none, or outside of all
	Key          string // of the entry, e.g. "a" or "srv.port"; "" is the whole
	Value        string
	Rule         string // "must be …"
}

// Error gives "FILE:LINE:COLUMN: entry "NAME": KEY "VALUE" RULE".
func (f *Fault) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d:%d: ", f.File, f.Line, f.Column)
	if f.Entry != "" {
		fmt.Fprintf(&b, "entry %s: ", quoted(f.Entry))
	}
	if f.Key != "" {
		b.WriteString(f.Key + " ")
	}
	if f.Value != "" {
		b.WriteString(quoted(f.Value) + " ")
	}
	b.WriteString(f.Rule)
	return b.String()
}

func quoted(s string) string {
	if len(s) > 80 {
		return strconv.Quote(s[:77]) + "…"
	}
	return strconv.Quote(s)
}

// maxFaults bounds the faults of one file that are told.
const maxFaults = 100

// Faults are all that is wrong with a file, in the order of its lines; of more than
// 100 the first ones.
type Faults []*Fault

// Error gives one line for each fault.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i := range f {
		lines[i] = f[i].Error()
	}
	if len(f) == maxFaults {
		lines = append(lines, "and perhaps more")
	}
	return strings.Join(lines, "\n")
}
