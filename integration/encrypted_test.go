package integration

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/rollcall-dns/rollcall/integration/internal/rollcall"
)

// TestEncryptedDocumentWordForWord runs each ```sh block of docs/encrypted.md, the server
// among them, on ports of its own, and compares what is printed with the ```text block
// behind.
func TestEncryptedDocumentWordForWord(t *testing.T) {
	bin, err := binaries()
	if err != nil {
		t.Fatal(err)
	}
	dir, here := t.TempDir(), strings.NewReplacer()
	ran := 0
	for _, b := range readBlocks(t, "../docs/encrypted.md") {
		if flags, ok := strings.CutPrefix(b.run, "rollcall serve "); ok {
			here = serveIn(t, dir, filepath.Join(bin, "rollcall"), flags)
			continue
		}
		cmd := exec.Command("bash", "-euc", here.Replace(b.run))
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil || b.want != "" && !b.matches(string(out)) {
			t.Errorf("%s\nprinted (%v)\n%s\nbut the document shows\n%s", b.run, err, out, b.want)
		}
		ran++
	}
	if ran < 4 {
		t.Errorf("found only %d blocks to run", ran)
	}
}

// serveIn starts a server as the document says, but on free ports, until the end of the
// test. It gives what replaces the addresses of the document.
func serveIn(t *testing.T, dir, program, flags string) *strings.Replacer {
	t.Helper()
	args := strings.Fields(strings.NewReplacer(":8853", ":0", ":8443", ":0").Replace(flags))
	cmd := exec.Command(program, append([]string{"serve", "--docker", "off", "--dns", "127.0.0.1:0", "--http", "127.0.0.1:0"}, args...)...)
	cmd.Dir = dir
	s, err := rollcall.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Stop(syscall.SIGTERM) })
	if err := s.WaitReady(); err != nil {
		t.Fatal(err)
	}
	_, http, _ := strings.Cut(s.HTTP, ":")
	return strings.NewReplacer(
		"-p 8853", fmt.Sprint("-p ", s.TLS[0].Port()), "-p 8443", fmt.Sprint("-p ", s.HTTPS[0].Port()),
		"127.0.0.1:8443", s.HTTPS[0].String(), "8054", http,
	)
}
