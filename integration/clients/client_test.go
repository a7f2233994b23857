//go:build conformance

package clients

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// A client is a program that finds the instances of a service.
type client struct {
	name string
	// version is a command that prints it.
	version []string
	// ports: it asks for SRV, and finds addresses with ports. Others ask for A and AAAA.
	ports bool
	// configured: it follows the one service that its configuration names.
	configured bool
	// datagrams: it does not ask again over TCP, and finds what fits into 512 octets.
	datagrams bool
	// holds is how long it may go on with what it knows beyond the TTL.
	holds time.Duration
	// start readies it. What it starts ends with the test.
	start func(t *testing.T) look
}

// A look is what a client sees of the service at a name now: addresses, or addresses
// with ports, none when it says that there are none.
type look func(ctx context.Context, name string) ([]string, error)

const (
	// stall is how long no look may take: resolvers wait 5 s for an answer that they
	// do not understand.
	stall = 2 * time.Second
	// slack is what a busy machine may take beyond the time a client has.
	slack = 10 * time.Second
	// negative is the TTL of an answer that there is nothing.
	negative = 5 * time.Second
)

// TestClients has each client find the instances of a service and follow it through
// the same changes, and then look for services of every kind.
func TestClients(t *testing.T) {
	r := startRegistry(t)
	serveInstances(t)
	for _, k := range kinds {
		k.register(t, r)
	}
	var results []result
	for _, c := range clients {
		t.Run(c.name, func(t *testing.T) {
			res := result{client: c, version: versionOf(t, c.version)}
			see := res.follow(t, r)
			if !c.configured {
				res.lookEverywhere(t, see)
			}
			results = append(results, res)
		})
	}
	t.Logf("\n%s", table(results))
}

// versionOf is the first number that looks like one in what the command prints.
func versionOf(t *testing.T, command []string) string {
	t.Helper()
	out, err := exec.Command(command[0], command[1:]...).CombinedOutput()
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended { // some say it with an exit code
		t.Fatalf("%v: scripts/install-conformance-tools installs it", err)
	}
	v := versionNumber.FindString(string(out))
	if v == "" {
		t.Fatalf("%v does not tell its version: %s", command, out)
	}
	return v
}

// table shows the results in Markdown.
func table(results []result) string {
	var b strings.Builder
	b.WriteString("| client | version | asks |")
	for _, s := range steps {
		fmt.Fprintf(&b, " %s |", s.name)
	}
	b.WriteString(" slowest look |\n|---|---|---|" + strings.Repeat("---|", len(steps)+1) + "\n")
	for _, r := range results {
		asks := "A, AAAA"
		if r.ports {
			asks = "SRV"
		}
		fmt.Fprintf(&b, "| %s | %s | %s |", r.name, r.version, asks)
		for _, took := range r.steps {
			fmt.Fprintf(&b, " %.1f s |", took.Seconds())
		}
		fmt.Fprintf(&b, " %d ms |\n", r.slowest.Milliseconds())
	}
	return b.String()
}
