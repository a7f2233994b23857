//go:build conformance

package clients

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// docker is the resolver that an engine gives containers on networks that users have
// made, asked by musl in such a container.
func docker(t *testing.T) look {
	startEngine(t)
	program := compiled(t, "musl-gcc", "-static")
	tar := filepath.Join(scratch(t), "app.tar")
	run(t, "tar", "-cf", tar, "-C", filepath.Dir(program), filepath.Base(program))
	run(t, "docker", "import", "--change", `CMD ["/lookup"]`, tar, "app")
	run(t, "docker", "network", "create", "apps")
	command, err := os.ReadFile(documented(t, "Docker"))
	if err != nil {
		t.Fatal(err)
	}
	return repeats("", strings.Fields(string(command))...)(t)
}
