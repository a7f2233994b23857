package static

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/rollcall-dns/rollcall/zone"
	"github.com/rollcall-dns/rollcall/zone/zonetest"
)

// Each file in the documentation is followed by what the program makes of it.
func TestDocumentationIsTrue(t *testing.T) {
	text, err := os.ReadFile("../../docs/static.md")
	if err != nil {
		t.Fatal(err)
	}
	files := regexp.MustCompile("(?s)```yaml\n(.*?)```\n\n```text\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(files) != 2 {
		t.Fatalf("%d files with what becomes of them, want 2", len(files))
	}
	for _, f := range files {
		records, err := Parse("records.yaml", []byte(f[1]))
		got := ""
		if err != nil {
			got = err.Error() + "\n"
		}
		got += listed(t, records)
		if got != f[2] {
			t.Errorf("the file\n%s\ngives\n%s\nwant\n%s", f[1], got, f[2])
		}
	}
}

// listed is what a zone makes of records, but SOA and NS, as lines.
func listed(t *testing.T, records []zone.Static) string {
	t.Helper()
	z, err := zone.New(zone.Options{Domains: []zone.Name{zone.MustParseName("svc.internal")}})
	if err != nil {
		t.Fatal(err)
	}
	if r := z.Apply(zone.Change{Source: Name, Static: records}); len(r.Rejected) > 0 {
		t.Fatal(r.Rejected)
	}
	var b strings.Builder
	for l := range z.Snapshot().Records() {
		// The rest are there without any record too: of the domain, and where to browse.
		if l.Type != zone.TypeSOA && l.Type != zone.TypeNS && l.Type != zone.TypePTR {
			b.WriteString(zonetest.Line(t, []byte(l.Owner), &l.Record) + "\n")
		}
	}
	return b.String()
}
