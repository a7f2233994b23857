package faults

import (
	"bytes"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

var damages = flag.Int("damages", 20, "how many octets of the journal are damaged, one at a time")

// TestJournalDamaged starts the program on journals of which one octet is wrong. The
// unit tests of the journal do so at every octet.
func TestJournalDamaged(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, "--docker", "off", "--data-dir", dir)
	r := newRegistry(t, s.HTTP, 1)
	const n = 3
	for port := 1; port <= n; port++ {
		r.must("register", r.register("kept", port, 1e12), http.StatusCreated)
	}
	s.Stop(syscall.SIGKILL)
	whole, err := os.ReadFile(filepath.Join(dir, "registrations.log"))
	if err != nil {
		t.Fatal(err)
	}
	mark := whole[:4] // that each record begins with
	if got := bytes.Count(whole, mark); got != n {
		t.Fatalf("%d records are marked, want %d", got, n)
	}
	for i := range *damages {
		at := i * len(whole) / *damages
		hit := bytes.Count(whole[:at+1], mark) // the record that it is in
		if at < len(mark)-1 {
			hit = 1
		}
		for b := at; b > at-len(mark) && b >= 0; b-- { // in a mark
			if bytes.HasPrefix(whole[b:], mark) {
				hit = bytes.Count(whole[:b], mark) + 1
			}
		}
		damaged := bytes.Clone(whole)
		damaged[at] ^= 0x55
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "registrations.log"), damaged, 0o600); err != nil {
				t.Fatal(err)
			}
			s := serve(t, "--docker", "off", "--data-dir", dir)
			got, err := ask(s.DNS[0].String(), "kept")
			if err != nil || len(got) != n-1 || got[hit] {
				t.Errorf("octet %d, of record %d, is wrong: answered are %v, %v", at, hit, got, err)
			}
			aside, _ := filepath.Glob(filepath.Join(dir, "*.damaged-*"))
			last := bytes.LastIndex(whole, mark) + len(mark)
			if torn := at == last || at == last+1; len(aside) != 1 && !torn { // its length, larger than what is there
				t.Errorf("octet %d, of record %d, is wrong: set aside was %v", at, hit, aside)
			}
			s.Stop(syscall.SIGTERM)
		})
	}
	results.row(t, fmt.Sprintf("the journal is wrong at one octet, at each of %d places", *damages), "all but the one registration that it was in are answered at once")
}
