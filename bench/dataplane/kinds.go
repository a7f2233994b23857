package main

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/rollcall-dns/rollcall/bench/internal/launch"
)

//go:embed floor/floor.c
var floorSource []byte

// floor is what the kernel charges for receiving and sending alone.
func floor(_ *world, dir string, port int) ([]string, error) {
	source, program := filepath.Join(dir, "floor.c"), filepath.Join(dir, "floor")
	if err := os.WriteFile(source, floorSource, 0o644); err != nil {
		return nil, err
	}
	if out, err := exec.Command("cc", "-O2", "-o", program, source).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("cc: %w\n%s", err, out)
	}
	return []string{program, strconv.Itoa(port)}, nil
}

// registrars is how many connections register at the same time.
const registrars = 16

func rollcall(o options) kind {
	k := kind{name: "rollcall"}
	k.command = func(_ *world, dir string, port int) ([]string, error) {
		var upstream []string
		if o.set == cached {
			upstream = []string{"--upstream", fmt.Sprintf("127.0.0.1:%d", upstreamPort)}
		}
		return launch.Argv(o.rollcall, fmt.Sprintf("127.0.0.1:%d", port), httpAddr(port), upstream...)
	}
	if o.set != cached {
		k.ready = func(ctx context.Context, s *server) error {
			return s.world.Register(ctx, s.http(), registrars, 0, s.world.Len())
		}
	}
	return k
}

// configured writes a configuration and gives the command line that reads it: with the
// name of the file at its end.
func configured(dir, text string, argv ...string) ([]string, error) {
	file := filepath.Join(dir, "config")
	return append(argv, file), os.WriteFile(file, []byte(text), 0o644)
}

func knotd(w *world, dir string, port int) ([]string, error) {
	domain, _ := w.domain()
	return configured(dir, fmt.Sprintf(`server:
    rundir: %q
    listen: 127.0.0.1@%d
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: %q
zone:
  - domain: %s
    file: %q
`, dir, port, dir, domain, w.zoneFile()), "knotd", "-c")
}

func nsd(w *world, dir string, port int) ([]string, error) {
	domain, _ := w.domain()
	return configured(dir, fmt.Sprintf(`server:
    ip-address: 127.0.0.1@%d
    server-count: 1
    username: ""
    database: ""
    pidfile: "%[2]s/pid"
    xfrdfile: "%[2]s/xfrd"
    zonelistfile: "%[2]s/zones"
    rrl-ratelimit: 0
remote-control:
    control-enable: no
zone:
    name: %[3]s
    zonefile: %[4]s
`, port, dir, domain, w.zoneFile()), "nsd", "-d", "-c")
}

func named(w *world, dir string, port int) ([]string, error) {
	domain, _ := w.domain()
	return configured(dir, fmt.Sprintf(`options {
	directory %q; pid-file none; session-keyfile none; recursion no; listen-on-v6 { none; };
	listen-on port %d { 127.0.0.1; }; minimal-responses no-auth-recursive;
};
controls {};
zone %q { type primary; file %q; };
`, dir, port, domain, w.zoneFile()), "named", "-f", "-n", "1", "-c")
}

func unbound(_ *world, dir string, port int) ([]string, error) {
	return configured(dir, fmt.Sprintf(`server:
    interface: 127.0.0.1@%d
    num-threads: 1
    username: ""
    chroot: ""
    directory: %q
    pidfile: ""
    use-syslog: no
    do-not-query-localhost: no
    msg-cache-size: 64m
    rrset-cache-size: 128m
    module-config: "iterator"
forward-zone:
    name: "."
    forward-addr: 127.0.0.1@%d
remote-control:
    control-enable: no
`, port, dir, upstreamPort), "unbound", "-d", "-c")
}

func dnsmasq(_ *world, dir string, port int) ([]string, error) {
	return configured(dir, fmt.Sprintf(`port=%d
listen-address=127.0.0.1
bind-interfaces
no-resolv
no-hosts
keep-in-foreground
user=root
group=root
pid-file=
cache-size=10000
dns-forward-max=1000
server=127.0.0.1#%d
`, port, upstreamPort), "dnsmasq", "-C")
}
