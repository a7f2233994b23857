package faults

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDocumentNamesTests holds docs/faults.md to what there is: each test and script
// that it names exists, and each test of this package is named.
func TestDocumentNamesTests(t *testing.T) {
	text, err := os.ReadFile("../../docs/faults.md")
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, name := range regexp.MustCompile(`\b(Test\w+|\w+\.txtar)\b`).FindAllString(string(text), -1) {
		named[name] = true
	}
	there := map[string]bool{}
	scripts, _ := filepath.Glob("../testdata/script/*.txtar")
	for _, s := range scripts {
		there[filepath.Base(s)] = true
	}
	for _, dir := range []string{".", "../load", "../../sources/lease", "../../sources/docker"} {
		for _, name := range testsIn(t, dir) {
			there[name] = true
			if dir == "." && !named[name] && !strings.HasPrefix(name, "TestDocument") && name != "TestMain" {
				t.Errorf("docs/faults.md does not name %s", name)
			}
		}
	}
	if len(named) < 10 {
		t.Errorf("docs/faults.md names only %d tests", len(named))
	}
	for name := range named {
		if !there[name] {
			t.Errorf("docs/faults.md names %s, and there is no such test", name)
		}
	}
}

func testsIn(t *testing.T, dir string) (names []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("tests in %s: %d files, %v", dir, len(files), err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllStringSubmatch(string(text), -1) {
			names = append(names, m[1])
		}
	}
	return names
}
