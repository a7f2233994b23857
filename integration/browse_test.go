package integration

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// TestBrowsingDocumentWordForWord runs each ```sh block of docs/dns-sd.md against a
// server on ports of its own, and compares what it prints with the ```text block
// behind.
func TestBrowsingDocumentWordForWord(t *testing.T) {
	_, s := startServer(t)
	here := strings.NewReplacer("-p 8053", fmt.Sprintf("-p %d", s.DNS[0].Port()), "127.0.0.1:8054", s.HTTP)
	blocks := readBlocks(t, "../docs/dns-sd.md")
	if len(blocks) < 5 {
		t.Fatalf("found only %d blocks to run", len(blocks))
	}
	for _, b := range blocks {
		out, err := exec.Command("bash", "-euc", here.Replace(b.run)).CombinedOutput()
		if err != nil || b.want != "" && !b.matches(string(out)) {
			t.Errorf("%s\nprinted (%v)\n%s\nbut the document shows\n%s", b.run, err, out, b.want)
		}
	}
}
