//go:build conformance

package clients

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rollcall-dns/rollcall/integration/internal/engine"
)

// Where the name server of the test answers, for names outside of rollcall's domain.
const (
	upstream       = "10.6.0.99"
	outsideName    = "www.example.com"
	outsideAddress = "198.51.100.7"
)

// TestDropIn has containers and the host itself resolve names of both kinds in each way
// that docs/drop-in.md shows. A service runs on two networks, so that what an asker is
// given shows as whom rollcall sees it.
func TestDropIn(t *testing.T) {
	w := newDropInWorld(t)
	table := read(t, "../../docs/drop-in.md")
	var rows []string
	for _, way := range slices.Concat(containerWays, hostWays) {
		if way.prepare != nil {
			way.prepare(t, w)
		}
		for _, lib := range libraries {
			t.Run(way.name+", "+lib.name, func(t *testing.T) {
				see := way.start(t, w, lib)
				row := w.row(t, way, lib, see)
				if !strings.Contains(table, row) {
					t.Errorf("docs/drop-in.md does not have the row\n%s", row)
				}
				rows = append(rows, row)
			})
		}
	}
	t.Logf("\n| way | C library | inside | outside | single label | seen as |\n|---|---|---|---|---|---|\n%s", strings.Join(rows, ""))
}

// A host that has been set up is not cut off while rollcall does not run.
func TestHostFindsOutsideNamesWithoutRollcall(t *testing.T) {
	startUpstream(t)
	see := onHost(t, nil, libraries[0])
	got, err := see(t.Context(), outsideName)
	if err != nil || !slices.Equal(got, []string{outsideAddress}) {
		t.Errorf("%s: %q, %v", outsideName, got, err)
	}
}

// A library is a C library, whose getaddrinfo is asked.
type library struct {
	name     string
	loader   string // by which a host is known to have it
	compiler []string
}

var libraries = []library{
	{"glibc", "ld-linux-x86-64.so.2", []string{"gcc"}},
	{"musl", "ld-musl-x86_64.so.1", []string{"musl-gcc", "-static"}},
}

// A way is one in which names come to rollcall.
type way struct {
	name string
	sees string // the addresses that are given: those on a network of the service, or for the host
	as   string // whom rollcall takes the asker for
	// prepare makes what is needed for both libraries; nil is nothing.
	prepare func(t *testing.T, w *dropInWorld)
	// single are the libraries that find a name of one label.
	single []string
	start  starter
}

// dropInWorld is a host that rollcall install has set up, with its engine.
type dropInWorld struct {
	engine    *engine.Engine
	root      string              // what rollcall install worked on
	addresses map[string][]string // of the service, by who sees them
}

func newDropInWorld(t *testing.T) *dropInWorld {
	w := &dropInWorld{root: scratch(t)}
	startUpstream(t)
	write(t, filepath.Join(w.root, "etc/resolv.conf"), "nameserver "+upstream+"\n")
	write(t, filepath.Join(w.root, "etc/docker/daemon.json"), "{\n  \"log-level\": \"warn\"\n}\n")
	serve := w.install(t)
	write(t, resolvConf, read(t, filepath.Join(w.root, "etc/resolv.conf"))) // which is mounted here

	w.engine = startEngine(t, "--config-file", filepath.Join(w.root, "etc/docker/daemon.json"))
	startRollcall(t, append(serve, "--dns", "10.7.0.53:53", "--dns", atPort, "--docker", os.Getenv("DOCKER_HOST"), "--advertise", "10.7.0.1")...)
	for _, lib := range libraries {
		importLibrary(t, lib)
	}
	run(t, "docker", "network", "create", "--subnet", "10.8.0.0/24", "apps")
	run(t, "docker", "run", "--detach", "--name", "backend", "--label", "rollcall.service=web", "--expose", "8080", "--interactive", "musl")
	run(t, "docker", "network", "connect", "apps", "backend")
	w.findAddresses(t)
	return w
}

// findAddresses asks the engine for those of the service.
func (w *dropInWorld) findAddresses(t *testing.T) {
	t.Helper()
	w.addresses = make(map[string][]string)
	for _, network := range []string{"bridge", "apps"} {
		addr := output(t, "docker", "inspect", "--format", "{{(index .NetworkSettings.Networks \""+network+"\").IPAddress}}", "backend")
		w.addresses[network] = []string{addr}
		w.addresses["host"] = append(w.addresses["host"], addr)
	}
	slices.Sort(w.addresses["host"])
}

// startUpstream makes a name server on another machine. It knows one name, and no others.
func startUpstream(t *testing.T) {
	t.Helper()
	for _, command := range []string{
		"ip netns add upstream",
		"ip link add wan type veth peer name eth0 netns upstream",
		"ip link set wan up",
		"ip address add 10.6.0.1/24 dev wan",
		"ip -n upstream address add " + upstream + "/24 dev eth0",
		"ip -n upstream link set eth0 up",
	} {
		run(t, strings.Fields(command)...)
	}
	t.Cleanup(func() {
		run(t, "ip", "link", "delete", "wan")
		run(t, "ip", "netns", "delete", "upstream")
	})
	daemon(t, listens("tcp", upstream+":53"), exec.Command("ip", "netns", "exec", "upstream",
		"dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--user=root", "--pid-file=", "--log-facility=-",
		"--address=/#/", "--host-record="+outsideName+","+outsideAddress))
}

// install sets the host up, and gives the command that the output says to start.
func (w *dropInWorld) install(t *testing.T, flags ...string) (serve []string) {
	t.Helper()
	out := output(t, filepath.Join(os.Getenv(dirVar), "rollcall"), append([]string{"install", "--apply", "--root", w.root}, flags...)...)
	for line := range strings.Lines(out) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "rollcall" {
			return f
		}
	}
	t.Fatalf("rollcall install does not say what to start:\n%s", out)
	return nil
}

// row asks for what there is, and writes down what came of it.
func (w *dropInWorld) row(t *testing.T, way way, lib library, see look) string {
	t.Helper()
	res := result{}
	for _, tt := range []struct {
		name string
		want []string
	}{
		{followed + ".svc.internal", w.addresses[way.sees]},
		{outsideName, []string{outsideAddress}},
		{"nobody.svc.internal", nil},
		{"none.example.com", nil},
	} {
		if got := res.lookUp(t, see, tt.name); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	single := "no"
	// a failure, or a long wait, is a no: systemd-resolved does not ask for single labels
	found, err := see(t.Context(), followed)
	if len(found) > 0 {
		single = "yes"
	}
	if want := slices.Contains(way.single, lib.name); want != (single == "yes") {
		t.Errorf("single label: found is %s: %q, %v", single, found, err)
	}
	return fmt.Sprintf("| %s | %s | yes | yes | %s | %s |\n", way.name, lib.name, single, way.as)
}

func startEngine(t *testing.T, flags ...string) *engine.Engine {
	t.Helper()
	e, err := engine.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Remove(); err != nil {
			t.Error(err)
		}
	})
	if err := e.Start(flags...); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DOCKER_HOST", e.Host())
	return e
}

// importLibrary makes an image of the program that asks, and of the C library that it
// needs, if it needs one.
func importLibrary(t *testing.T, lib library) {
	t.Helper()
	program := compiled(t, lib.compiler...)
	files := []string{program}
	out, _ := exec.Command("ldd", program).Output() // which fails for a static one
	for word := range strings.FieldsSeq(string(out)) {
		if filepath.IsAbs(word) {
			files = append(files, word)
		}
	}
	tar := filepath.Join(scratch(t), "image.tar")
	run(t, append([]string{"tar", "--dereference", "--transform", "s,^.*/lookup$,lookup,", "-cPf", tar}, files...)...)
	run(t, "docker", "import", "--change", `CMD ["/lookup"]`, tar, lib.name)
}

// shown is the block that docs/drop-in.md has under a heading.
func shown(t *testing.T, heading string) string {
	t.Helper()
	text, err := blockIn("drop-in.md", heading)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// output is what a command prints.
func output(t *testing.T, command string, args ...string) string {
	t.Helper()
	var complaints bytes.Buffer
	cmd := exec.Command(command, args...)
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s%s", cmd, err, out, complaints.Bytes())
	}
	return strings.TrimSpace(string(out))
}
