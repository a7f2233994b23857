//go:build conformance

package clients

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// unbound and dnsmasq answer at addresses of their own: port 53 of 127.0.0.1 is
// rollcall's.

func unbound(t *testing.T) look { return startUnbound(t, documented(t, "unbound")) }

// startUnbound starts one that includes a file.
func startUnbound(t *testing.T, conf string) look {
	t.Helper()
	const at = "127.0.0.2"
	file := filepath.Join(scratch(t), "unbound.conf")
	here := fmt.Sprintf(`server:
	interface: %s
	username: ""
	chroot: ""
	pidfile: ""
	use-syslog: no
	do-daemonize: no
include: %s
remote-control:
	control-enable: no
`, at, conf)
	if err := os.WriteFile(file, []byte(here), 0o644); err != nil {
		t.Fatal(err)
	}
	daemon(t, listens("tcp", at+":53"), exec.Command("unbound", "-d", "-p", "-c", file))
	return goServiceFrom(resolverAt(at))
}

func dnsmasq(t *testing.T) look {
	const at = "127.0.0.3"
	daemon(t, listens("tcp", at+":53"), exec.Command("dnsmasq", "--keep-in-foreground", "--conf-file="+documented(t, "dnsmasq"),
		"--listen-address="+at, "--bind-interfaces", "--user=root", "--pid-file=", "--log-facility=-", "--no-resolv"))
	return goServiceFrom(resolverAt(at))
}

// unpacked holds systemd-resolved, its tools and libraries.
const unpacked = "../../.cache/conformance/systemd-resolved"

// resolved is systemd-resolved, asked over a bus of the machine's own. Installed it
// would take over the host's /etc/resolv.conf: it is unpacked alone instead.
func resolved(t *testing.T) look { return queries(startResolved(t)) }

// queries asks with resolvectl.
func queries(resolvectl func(ctx context.Context, args ...string) ([]byte, error)) look {
	return func(ctx context.Context, name string) ([]string, error) {
		out, err := resolvectl(ctx, "query", "--legend=no", name)
		if err != nil && !noSuchName.Match(out) {
			return nil, fmt.Errorf("%w: %s", err, out)
		}
		return addressesIn(string(out)), nil
	}
}

// startResolved gives a function that runs its tool.
func startResolved(t *testing.T) (resolvectl func(ctx context.Context, args ...string) ([]byte, error)) {
	t.Helper()
	return startResolvedWith(t, documented(t, "systemd-resolved"))
}

// startResolvedWith gives it a drop-in file.
func startResolvedWith(t *testing.T, dropIn string) (resolvectl func(ctx context.Context, args ...string) ([]byte, error)) {
	t.Helper()
	libraries, err := filepath.Glob(unpacked + "/usr/lib/*/systemd")
	if err != nil || len(libraries) != 1 {
		t.Fatalf("%s holds libraries %q (%v): scripts/install-conformance-tools unpacks systemd-resolved there", unpacked, libraries, err)
	}
	run(t, "install", "-D", "-m", "644", dropIn, "/run/systemd/resolved.conf.d/rollcall.conf")
	startBus(t)
	server := exec.Command(unpacked + "/lib/systemd/systemd-resolved")
	server.Env = append(os.Environ(), "LD_LIBRARY_PATH="+libraries[0])
	daemon(t, listens("tcp", "127.0.0.53:53"), server)

	return func(ctx context.Context, args ...string) ([]byte, error) {
		query := exec.CommandContext(ctx, unpacked+"/usr/bin/resolvectl", args...)
		query.Env = server.Env
		return query.CombinedOutput()
	}
}

// startBus starts a D-Bus of the machine's own.
func startBus(t *testing.T) {
	t.Helper()
	run(t, "install", "-d", "/run/dbus")
	daemon(t, listens("unix", "/run/dbus/system_bus_socket"), exec.Command("dbus-daemon", "--nofork", "--config-file=testdata/bus.conf"))
}

// noSuchName is how resolvectl says NXDOMAIN, and NODATA.
var noSuchName = regexp.MustCompile(`' not found|does not have any RR of the requested type`)

func run(t *testing.T, command ...string) {
	t.Helper()
	if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%q: %v\n%s", command, err, out)
	}
}

// resolverAt is Go's resolver, told to ask another server than that of the machine.
func resolverAt(addr string) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort(addr, "53"))
	}}
}
