//go:build conformance

package clients

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var both = []string{"glibc", "musl"}

const (
	asItself = "itself"
	asHost   = "the host"
)

// containerWays are those in which containers ask.
var containerWays = []way{
	{name: "`docker run --dns`, default bridge", sees: "bridge", as: asItself, single: both,
		start: container("docker run --dns, default bridge")},
	{name: "`docker run --dns`, user network", sees: "apps", as: asItself, single: both,
		start: container("docker run --dns, user network")},
	{name: "`dns:` of Compose", sees: "apps", as: asItself, single: both, start: composed},
	{name: "`dns` in daemon.json, default bridge", sees: "bridge", as: asItself, single: both,
		start: runs("docker run --rm --interactive --dns-search svc.internal app")},
	{name: "`dns` in daemon.json, user network, without `ndots:1`", sees: "apps", as: asItself, single: []string{"glibc"},
		start: runs("docker run --rm --interactive --network apps --dns-search svc.internal app")},
	{name: "rollcall in a container, same network", sees: "apps", as: asItself, single: both, prepare: contain,
		start: runs("docker run --rm --interactive --network apps --dns 10.8.0.53 --dns-search svc.internal --dns-opt ndots:1 app")},
	{name: "rollcall in a container, published port", sees: "apps", as: "one on rollcall's network", single: both,
		start: runs("docker run --rm --interactive --dns 10.7.0.54 --dns-search svc.internal app")},
}

// hostWays are those in which programs of the host ask, or in which containers take what
// is the host's.
var hostWays = []way{
	{name: "`resolv.conf` of the host", sees: "host", as: asHost, start: onHost},
	{name: "systemd-resolved on the host", sees: "host", as: asHost, start: throughResolved},
	{name: "dnsmasq on the host", sees: "host", as: asHost, start: throughDnsmasq},
	{name: "`resolv.conf` of the host, container on the default bridge", sees: "bridge", as: asItself, single: both, prepare: withoutDNS,
		start: runs("docker run --rm --interactive --dns-search svc.internal app")},
	{name: "127.0.0.1 in `resolv.conf` of the host, container on a user network", sees: "host", as: asHost, prepare: onLoopback,
		start: runs("docker run --rm --interactive --network apps app")},
}

type starter = func(*testing.T, *dropInWorld, library) look

// runs has a container made by a command, in which app is the image.
func runs(command string) starter {
	return func(t *testing.T, _ *dropInWorld, lib library) look {
		run(t, "docker", "tag", lib.name, "app")
		return repeats("", strings.Fields(command)...)(t)
	}
}

// container has one made by the command that docs/drop-in.md shows.
func container(heading string) starter {
	return func(t *testing.T, w *dropInWorld, lib library) look {
		return runs(shown(t, heading))(t, w, lib)
	}
}

func composed(t *testing.T, w *dropInWorld, lib library) look {
	file := filepath.Join(scratch(t), "shop", "compose.yaml")
	write(t, file, shown(t, "Compose"))
	return runs("docker-compose --file "+file+" run --rm -T app")(t, w, lib)
}

// contain runs rollcall in a container.
func contain(t *testing.T, _ *dropInWorld) {
	run(t, "make", "-C", "../..", "image")
	socket := strings.TrimPrefix(os.Getenv("DOCKER_HOST"), "unix://")
	run(t, "sh", "-c", strings.ReplaceAll(shown(t, "rollcall in a container"), " /var/run/docker.sock", " "+socket))
	run(t, "timeout", "30", "sh", "-c", "until docker inspect -f '{{.State.Health.Status}}' rollcall | grep -q ^healthy; do sleep 0.1; done")
	t.Cleanup(func() {
		if out, err := exec.Command("docker", "logs", "rollcall").CombinedOutput(); err == nil && t.Failed() {
			t.Logf("the log of rollcall in its container:\n%s", out)
		}
	})
}

const resolvConf = "/etc/resolv.conf"

// withoutDNS starts the engine again, without dns, on a host whose resolv.conf names
// rollcall. A container that was there has what is said now when it is started again.
func withoutDNS(t *testing.T, w *dropInWorld) {
	was := read(t, resolvConf)
	t.Cleanup(func() { write(t, resolvConf, was) })
	write(t, resolvConf, "nameserver 10.7.0.53\n")
	run(t, "docker", "run", "--detach", "--interactive", "--name", "kept", "musl")
	file := output(t, "docker", "inspect", "--format", "{{.ResolvConfPath}}", "kept")
	wantServer(t, file, "172.17.0.1")
	if err := w.engine.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := w.engine.Start(); err != nil {
		t.Fatal(err)
	}
	run(t, "docker", "start", "kept", "backend")
	wantServer(t, file, "10.7.0.53")
	w.findAddresses(t)
}

// onLoopback is a host as rollcall install leaves it, with an engine left alone.
func onLoopback(t *testing.T, _ *dropInWorld) { write(t, resolvConf, "nameserver 127.0.0.1\n") }

func wantServer(t *testing.T, conf, server string) {
	t.Helper()
	if got := read(t, conf); !strings.Contains(got, "nameserver "+server+"\n") {
		t.Errorf("%s of a container does not name %s:\n%s", conf, server, got)
	}
}

// onHost sets up a host that has this C library alone.
func onHost(t *testing.T, _ *dropInWorld, lib library) look {
	other := &dropInWorld{root: scratch(t)}
	conf := filepath.Join(other.root, "etc/resolv.conf")
	write(t, conf, "nameserver "+upstream+"\n")
	write(t, filepath.Join(other.root, "lib", lib.loader), "")
	other.install(t)
	return asks(t, read(t, conf), lib)
}

// throughResolved sets up a host whose systemd-resolved has a server for the network.
func throughResolved(t *testing.T, _ *dropInWorld, lib library) look {
	other := &dropInWorld{root: scratch(t)}
	etc := filepath.Join(other.root, "etc")
	if err := os.Mkdir(etc, 0o755); err != nil {
		t.Fatal(err)
	}
	run(t, "ln", "-s", "../run/systemd/resolve/stub-resolv.conf", etc+"/resolv.conf")
	other.install(t)
	resolvectl := startResolvedWith(t, etc+"/systemd/resolved.conf.d/rollcall.conf")
	if out, err := resolvectl(t.Context(), "dns", "wan", upstream); err != nil {
		t.Fatalf("resolvectl: %v: %s", err, out)
	}
	return asks(t, "nameserver 127.0.0.53\n", lib)
}

// throughDnsmasq sets up a host whose resolver is dnsmasq.
func throughDnsmasq(t *testing.T, _ *dropInWorld, lib library) look {
	const at = "127.0.0.3"
	other := &dropInWorld{root: scratch(t)}
	write(t, filepath.Join(other.root, "etc/resolv.conf"), "nameserver "+at+"\n")
	write(t, filepath.Join(other.root, "etc/dnsmasq.d/README"), "# nothing\n")
	other.install(t)
	daemon(t, listens("tcp", at+":53"), exec.Command("dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null",
		"--conf-dir="+filepath.Join(other.root, "etc/dnsmasq.d"), "--server="+upstream, "--stop-dns-rebind", "--rebind-domain-ok=/example.com/",
		"--listen-address="+at, "--bind-interfaces", "--user=root", "--pid-file=", "--log-facility=-", "--no-resolv"))
	return asks(t, "nameserver "+at+"\n", lib)
}

// asks is the library on the host, with its resolv.conf.
func asks(t *testing.T, text string, lib library) look {
	t.Helper()
	was := read(t, resolvConf)
	t.Cleanup(func() { write(t, resolvConf, was) })
	write(t, resolvConf, text)
	return repeats("", compiled(t, lib.compiler...))(t)
}
