// Package launch starts what is measured over HTTP, each on the core of servers. It
// knows rollcall from its flags alone, like any other user of the program.
package launch

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/rollcall-dns/rollcall/bench/internal/pinned"
	"github.com/rollcall-dns/rollcall/bench/internal/web"
)

// Argv is the command line of a rollcall that follows no engine, and says only what is
// wrong. The path of the program may be relative: it is run in another folder.
func Argv(program, dns, http string, flags ...string) ([]string, error) {
	program, err := filepath.Abs(program)
	return append([]string{"env", "GOMAXPROCS=1", program, "serve", "--docker", "off", "--log-level", "warn",
		"--dns", dns, "--http", http}, flags...), err
}

// startTime is how long a server may take until it is ready: that of a million
// registrations that are read again.
const startTime = 2 * time.Minute

// Rollcall starts one that forwards nothing, and waits until it is ready. With a folder
// of its own, not empty, it goes on from there.
func Rollcall(ctx context.Context, program, dir, dns, http string, flags ...string) (*pinned.Process, error) {
	argv, err := Argv(program, dns, http, append(flags, "--upstream", "off")...)
	if err != nil {
		return nil, err
	}
	return Start(ctx, "rollcall", dir, argv, "/readyz", http, dns)
}

// Start starts a program in a folder that it may have to make, and waits until it
// answers GET of a path over HTTP with success. It listens at the others, too.
func Start(ctx context.Context, name, dir string, argv []string, path, http string, others ...string) (*pinned.Process, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	p, err := pinned.Start(name, pinned.Server, dir, argv, append(others, http)...)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	if err := web.Await(ctx, http, path); err != nil {
		p.Stop()
		return nil, fmt.Errorf("%s is not ready: %w\n%s", name, err, p.Log())
	}
	return p, nil
}
