//go:build conformance

package clients

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// documented writes the configuration of a client, the block under a heading, to a
// file, and gives its name. What differs on this machine is replaced first: pairs of
// old and new, each of which has to occur.
func documented(t *testing.T, heading string, replace ...string) (file string) {
	t.Helper()
	return documentedIn(t, "clients.md", heading, replace...)
}

// documentedIn takes it from another document.
func documentedIn(t *testing.T, document, heading string, replace ...string) (file string) {
	t.Helper()
	config, err := blockIn(document, heading)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(config, replace[i]) {
			t.Fatalf("the block under %q does not contain %q", heading, replace[i])
		}
		config = strings.ReplaceAll(config, replace[i], replace[i+1])
	}
	file = filepath.Join(scratch(t), "config")
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

var fenced = regexp.MustCompile("(?ms)^```[a-z]+\n(.*?)^```$")

// block is the first that docs/clients.md shows under a heading.
func block(heading string) (string, error) { return blockIn("clients.md", heading) }

// blockIn is the first that a document shows under a heading.
func blockIn(document, heading string) (string, error) {
	text, err := os.ReadFile("../../docs/" + document)
	if err != nil {
		return "", err
	}
	_, below, found := strings.Cut(string(text), "\n## "+heading+"\n")
	section, _, _ := strings.Cut(below, "\n## ")
	shown := fenced.FindStringSubmatch(section)
	if !found || shown == nil {
		return "", fmt.Errorf("docs/%s has no block under %q", document, heading)
	}
	return shown[1], nil
}

// TestTheTableOfTheDocumentNamesEveryClient keeps measurements from being left out.
func TestTheTableOfTheDocumentNamesEveryClient(t *testing.T) {
	text, err := os.ReadFile("../../docs/clients.md")
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, c := range clients {
		want = append(want, c.name)
	}
	for _, row := range regexp.MustCompile(`(?m)^\| (.*?) \| [\d.]+ \|`).FindAllStringSubmatch(string(text), -1) {
		got = append(got, row[1])
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the table of docs/clients.md is not that which TestClients prints (-want +got):\n%s", diff)
	}
}

// scratch is a directory that daemons may enter who are not root.
func scratch(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(os.Getenv(dirVar), "scratch")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	return dir
}
