//go:build conformance

package clients

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
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
	// holds is how long it may go on with what it knows beyond the TTL.
	holds time.Duration
	// start readies it. What it starts ends with the test.
	start func(t *testing.T) look
}

// A look is what a client sees of the service now: addresses, or addresses with
// ports, none when it says that there are none.
type look func(ctx context.Context) ([]string, error)

const (
	// stall is how long no look may take: resolvers wait 5 s for an answer that they
	// do not understand.
	stall = 2 * time.Second
	// slack is what a busy machine may take beyond the time a client has.
	slack = 10 * time.Second
	// negative is the TTL of an answer that there is nothing.
	negative = 5 * time.Second
)

// TestClients has each client find the instances of a service, and follow it through
// the same changes.
func TestClients(t *testing.T) {
	r := startRegistry(t)
	serveInstances(t)
	var results []result
	for _, c := range clients {
		t.Run(c.name, func(t *testing.T) {
			results = append(results, follow(t, r, c))
		})
	}
	t.Logf("\n%s", table(results))
}

// instances are the addresses of those of the service, by their IDs.
var instances = map[string]string{"one": "10.7.0.1", "two": "10.7.0.2", "three": "10.7.0.3"}

// A step is a change of the service, and the instances that are up then.
type step struct {
	name   string
	change func(t *testing.T, r *registry)
	up     []string
}

var steps = []step{
	{"found", func(t *testing.T, r *registry) {
		r.put(t, "one", "up")
		r.put(t, "two", "up")
	}, []string{"one", "two"}},
	{"replaced", func(t *testing.T, r *registry) {
		r.put(t, "three", "up")
		r.drop(t, "one")
	}, []string{"two", "three"}},
	{"none up (NODATA)", func(t *testing.T, r *registry) {
		r.put(t, "two", "draining")
		r.put(t, "three", "draining")
	}, nil},
	{"up again", func(t *testing.T, r *registry) {
		r.put(t, "two", "up")
	}, []string{"two"}},
	{"unknown (NXDOMAIN)", func(t *testing.T, r *registry) {
		r.drop(t, "two")
		r.drop(t, "three")
	}, nil},
	{"back", func(t *testing.T, r *registry) {
		r.put(t, "one", "up")
	}, []string{"one"}},
}

// A result is how a client did: the time that it took to see each step, and that of
// its slowest look.
type result struct {
	client  client
	version string
	steps   []time.Duration
	slowest time.Duration
}

func follow(t *testing.T, r *registry, c client) result {
	res := result{client: c, version: versionOf(t, c.version)}
	t.Cleanup(func() { r.clear(t) })
	var see look
	for i, s := range steps {
		began := time.Now()
		s.change(t, r)
		if i == 0 {
			see = c.start(t)
		}
		want := c.views(s.up)
		for got := res.look(t, see); !slices.Equal(got, want); got = res.look(t, see) {
			if waited := time.Since(began); waited > negative+c.holds+slack {
				t.Fatalf("%s: after %v it sees %q, want %q", s.name, waited, got, want)
			}
		}
		res.steps = append(res.steps, time.Since(began))
	}
	return res
}

// look looks once, and then waits a moment.
func (r *result) look(t *testing.T, see look) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	began := time.Now()
	got, err := see(ctx)
	took := time.Since(began)
	if err != nil {
		t.Fatalf("after %v: %v", took, err)
	}
	if took >= stall {
		t.Errorf("a look took %v, and gave %q", took, got)
	}
	r.slowest = max(r.slowest, took)
	time.Sleep(20 * time.Millisecond)
	slices.Sort(got)
	return got
}

// views is what the client sees of these instances.
func (c client) views(ids []string) (all []string) {
	for _, id := range ids {
		at := instances[id]
		if c.ports {
			at += ":8080"
		}
		all = append(all, at)
	}
	slices.Sort(all)
	return all
}

// versionOf is the first number that looks like one in what the command prints.
func versionOf(t *testing.T, command []string) string {
	t.Helper()
	out, err := exec.Command(command[0], command[1:]...).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) { // some say it with an exit code
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
		if r.client.ports {
			asks = "SRV"
		}
		fmt.Fprintf(&b, "| %s | %s | %s |", r.client.name, r.version, asks)
		for _, took := range r.steps {
			fmt.Fprintf(&b, " %.1f s |", took.Seconds())
		}
		fmt.Fprintf(&b, " %d ms |\n", r.slowest.Milliseconds())
	}
	return b.String()
}
