package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestReadmeWordForWord runs each ```sh block of the README as it stands, one
// after another, and compares what they print with the ```text block behind.
//
// It does so on a machine of its own as far as one can be had: in namespaces with
// an empty /run, an engine without images, and an address and default route that
// are examples. The images that the README names are stand-ins, since there is no
// registry to pull them from.
func TestReadmeWordForWord(t *testing.T) {
	blocks := readBlocks(t, "../README.md")
	if len(blocks) < 8 {
		t.Fatalf("found only %d blocks to run", len(blocks))
	}
	tar, err := imageTar()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "rollcall-readme")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	for i, b := range blocks {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%02d.sh", i)), []byte(b.run), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	machine := exec.Command("unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child",
		"bash", "testdata/readme.sh", dir, tar)
	machine.Env = append(os.Environ(), "DOCKER_HOST=", "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
	out, err := machine.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Errorf("the commands of the README failed: %v", err)
	}
	for i, b := range blocks {
		got, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("%02d.out", i)))
		if err != nil {
			t.Errorf("was not run: %s", b.run)
		} else if b.want != "" && !b.matches(string(got)) {
			t.Errorf("%s\nprinted\n%s\nbut the README shows\n%s", b.run, got, b.want)
		}
	}
}

func TestReadmeLinksExist(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	links := regexp.MustCompile(`\]\(([^)#:]+)\)`).FindAllStringSubmatch(string(text), -1)
	if len(links) == 0 {
		t.Error("found no links")
	}
	for _, l := range links {
		if _, err := os.Stat(filepath.Join("..", l[1])); err != nil {
			t.Error(err)
		}
	}
}

// A block is commands, and what they are said to print: "" is not said.
type block struct{ run, want string }

var fence = regexp.MustCompile("(?ms)^```(sh|text)\n(.*?)^```$")

func readBlocks(t *testing.T, name string) []block {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var blocks []block
	for _, m := range fence.FindAllStringSubmatch(string(text), -1) {
		switch {
		case m[1] == "sh":
			blocks = append(blocks, block{run: m[2]})
		case len(blocks) > 0:
			blocks[len(blocks)-1].want = m[2]
		}
	}
	return blocks
}

// matches compares word by word; "…" stands for anything.
func (b block) matches(got string) bool {
	words := strings.Fields(regexp.QuoteMeta(b.want))
	re := `(?s)^\s*` + strings.ReplaceAll(strings.Join(words, `\s+`), "…", ".*") + `\s*$`
	return regexp.MustCompile(re).MatchString(got)
}
