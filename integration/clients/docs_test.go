//go:build conformance

package clients

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// documented writes the first block that docs/clients.md shows under the heading,
// which is the configuration of a client, to a file, and gives its name. What differs
// on this machine is replaced first: pairs of old and new, each of which has to occur.
func documented(t *testing.T, heading string, replace ...string) (file string) {
	t.Helper()
	text, err := os.ReadFile("../../docs/clients.md")
	if err != nil {
		t.Fatal(err)
	}
	block, err := blockUnder(string(text), heading)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(block, replace[i]) {
			t.Fatalf("the block under %q does not contain %q", heading, replace[i])
		}
		block = strings.ReplaceAll(block, replace[i], replace[i+1])
	}
	file = filepath.Join(scratch(t), "config")
	if err := os.WriteFile(file, []byte(block), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

var fenced = regexp.MustCompile("(?ms)^```[a-z]+\n(.*?)^```$")

func blockUnder(text, heading string) (string, error) {
	_, below, found := strings.Cut(text, "\n## "+heading+"\n")
	section, _, _ := strings.Cut(below, "\n## ")
	block := fenced.FindStringSubmatch(section)
	if !found || block == nil {
		return "", fmt.Errorf("docs/clients.md has no block under %q", heading)
	}
	return block[1], nil
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
