package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestUnitsOfTheDocument has systemd read the units of docs/systemd.md, and the program
// the flags in them.
func TestUnitsOfTheDocument(t *testing.T) {
	bin, err := binaries()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../docs/systemd.md")
	if err != nil {
		t.Fatal(err)
	}
	dir, program := t.TempDir(), filepath.Join(bin, "rollcall")
	units := regexp.MustCompile("(?s)`/etc/systemd/system/([a-z.]+)`:\n\n```ini\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(units) != 2 {
		t.Fatalf("%d units, want a socket and a service", len(units))
	}
	args := []string{"verify"}
	for _, u := range units {
		file := filepath.Join(dir, u[1])
		if err := os.WriteFile(file, []byte(strings.ReplaceAll(u[2], "/usr/local/bin/rollcall", program)), 0o644); err != nil {
			t.Fatal(err)
		}
		args = append(args, file)
	}
	out, err := exec.Command("systemd-analyze", args...).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze %v: %v\n%s", args, err, out)
	}
	_, flags, _ := strings.Cut(units[1][2], "/usr/local/bin/rollcall serve ")
	flags, _, _ = strings.Cut(flags, "\n")
	out, err = exec.Command(program, append([]string{"serve", "--log-format", "none"}, strings.Fields(flags)...)...).CombinedOutput()
	if err == nil || strings.Count(string(out), "--") != 1 || !strings.Contains(string(out), "--log-format") {
		t.Errorf("of the flags of the unit and one bad flag, the program says %s", out)
	}
}
