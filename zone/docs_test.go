package zone_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// The places that docs/adding-a-record.md names are there.
func TestAddingARecordNamesWhatIsThere(t *testing.T) {
	text := read(t, "docs/adding-a-record.md")
	places := regexp.MustCompile("(?m)^\\| `([a-z/_.]+)` \\| `(\\w+)` \\|").FindAllStringSubmatch(text, -1)
	if len(places) < 8 {
		t.Fatalf("found only %d places", len(places))
	}
	for _, p := range places {
		if !regexp.MustCompile(`\b` + p[2] + `\b`).MatchString(read(t, p[1])) {
			t.Errorf("there is no %s in %s", p[2], p[1])
		}
	}
	for _, f := range regexp.MustCompile("`([a-z/_]+/[a-z_]+\\.go)`").FindAllStringSubmatch(text, -1) {
		read(t, f[1])
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", file))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
