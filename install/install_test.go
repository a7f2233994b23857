package install

import (
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPlans(t *testing.T) {
	const uplinks = "nameserver 192.0.2.1\nnameserver 192.0.2.2\nsearch corp.example\n"
	tests := []struct {
		name    string
		before  world
		options Options
		want    world // what differs then
		next    string
	}{
		{"resolv.conf: rollcall comes first, the others stay",
			world{resolvConf: uplinks}, Options{},
			world{resolvConf: written + "nameserver 127.0.0.1\n" + uplinks},
			"rollcall serve --dns 127.0.0.1:53 --upstream 192.0.2.1 --upstream 192.0.2.2"},
		{"resolv.conf: rollcall comes first that came last",
			world{resolvConf: "nameserver 192.0.2.1\nnameserver 127.0.0.1\n"}, Options{},
			world{resolvConf: written + "nameserver 127.0.0.1\nnameserver 192.0.2.1\n"},
			"rollcall serve --dns 127.0.0.1:53 --upstream 192.0.2.1"},
		{"resolv.conf: is made", world{}, Options{},
			world{resolvConf: written + "nameserver 127.0.0.1\n"},
			"rollcall serve --dns 127.0.0.1:53"},
		{"resolv.conf: without a server, and without an end of its last line",
			world{resolvConf: "search corp.example"}, Options{},
			world{resolvConf: written + "search corp.example\nnameserver 127.0.0.1\n"},
			"rollcall serve --dns 127.0.0.1:53"},
		{"resolv.conf: has rollcall first already",
			world{resolvConf: "nameserver 127.0.0.1\nnameserver 192.0.2.1\n"}, Options{}, world{},
			"rollcall serve --dns 127.0.0.1:53 --upstream 192.0.2.1"},
		{"resolv.conf: a link becomes a file, and its target stays",
			world{resolvConf: "-> ../run/net/resolv.conf", "/run/net/resolv.conf": uplinks}, Options{},
			world{resolvConf: written + "nameserver 127.0.0.1\n" + uplinks},
			"rollcall serve --dns 127.0.0.1:53 --upstream 192.0.2.1 --upstream 192.0.2.2"},
		{"resolv.conf: absolute links lead below the root",
			world{resolvConf: "-> /run/net/resolv.conf", "/run": "-> /var/run", "/var/run/net/resolv.conf": uplinks}, Options{},
			world{resolvConf: written + "nameserver 127.0.0.1\n" + uplinks},
			"rollcall serve --dns 127.0.0.1:53 --upstream 192.0.2.1 --upstream 192.0.2.2"},
		{"resolv.conf: rollcall is alone where musl asks all at once",
			world{resolvConf: uplinks, "/lib/ld-musl-x86_64.so.1": ""}, Options{},
			world{resolvConf: written + "nameserver 127.0.0.1\nsearch corp.example\n"},
			"rollcall serve --dns 127.0.0.1:53 --upstream 192.0.2.1 --upstream 192.0.2.2"},
		{"resolv.conf: but not where musl is beside glibc",
			world{resolvConf: uplinks, "/lib/ld-musl-x86_64.so.1": "", "/lib64/ld-linux-x86-64.so.2": ""}, Options{},
			world{resolvConf: written + "nameserver 127.0.0.1\n" + uplinks},
			"rollcall serve --dns 127.0.0.1:53 --upstream 192.0.2.1 --upstream 192.0.2.2"},
		{"resolv.conf: rollcall is alone where servers take turns",
			world{resolvConf: "options edns0 rotate\nnameserver 127.0.0.1\nnameserver 192.0.2.1\n"}, Options{},
			world{resolvConf: written + "options edns0 rotate\nnameserver 127.0.0.1\n"},
			"rollcall serve --dns 127.0.0.1:53 --upstream 192.0.2.1"},
		{"resolv.conf: another server",
			world{resolvConf: uplinks}, Options{Server: netip.MustParseAddrPort("[::1]:53")},
			world{resolvConf: written + "nameserver ::1\n" + uplinks},
			"rollcall serve --dns [::1]:53 --upstream 192.0.2.1 --upstream 192.0.2.2"},
		{"systemd-resolved: by its link",
			world{resolvConf: "-> ../run/systemd/resolve/stub-resolv.conf"}, Options{},
			world{resolvedDropIn: written + "[Resolve]\nDNS=127.0.0.1:8053\nDomains=~svc.internal\n"},
			"rollcall serve --dns 127.0.0.1:8053; systemctl restart systemd-resolved"},
		{"systemd-resolved: by its address",
			world{resolvConf: "nameserver 127.0.0.53\n"},
			Options{Server: netip.MustParseAddrPort("127.0.0.1:53"), Domains: []string{"svc.internal", "lan"}},
			world{resolvedDropIn: written + "[Resolve]\nDNS=127.0.0.1\nDomains=~svc.internal ~lan\n"},
			"rollcall serve --dns 127.0.0.1:53; systemctl restart systemd-resolved"},
		{"dnsmasq: by its directory and a server on this host",
			world{resolvConf: "nameserver 127.0.0.1\n", "/etc/dnsmasq.d/": ""}, Options{},
			world{dnsmasqDropIn: written + "server=/svc.internal/127.0.0.1#8053\nrebind-domain-ok=/svc.internal/\n"},
			"rollcall serve --dns 127.0.0.1:8053; systemctl restart dnsmasq"},
		{"dnsmasq: asked for, over a file that was there",
			world{dnsmasqDropIn: "server=/svc.internal/127.0.0.9\n"}, Options{Resolver: Dnsmasq},
			world{dnsmasqDropIn: written + "server=/svc.internal/127.0.0.1#8053\nrebind-domain-ok=/svc.internal/\n"},
			"rollcall serve --dns 127.0.0.1:8053; systemctl restart dnsmasq"},
		{"engine: daemon.json is made where there is an engine",
			world{"/etc/docker/": ""}, Options{Resolver: None},
			world{daemonJSON: "{\n  \"dns\": [\"172.17.0.1\"]\n}\n"},
			"rollcall serve --dns 172.17.0.1:53; systemctl restart docker"},
		{"engine: and where an address is given",
			world{}, Options{Resolver: None, Engine: Engine{Addr: netip.MustParseAddr("10.0.0.2")}},
			world{daemonJSON: "{\n  \"dns\": [\"10.0.0.2\"]\n}\n"},
			"rollcall serve --dns 10.0.0.2:53; systemctl restart docker"},
		{"engine: the address of its bridge",
			world{daemonJSON: "{\"bip\": \"10.9.0.1/24\"}\n"}, Options{Resolver: None},
			world{daemonJSON: "{\"bip\": \"10.9.0.1/24\",\"dns\":[\"10.9.0.1\"]}\n"},
			"rollcall serve --dns 10.9.0.1:53; systemctl restart docker"},
		{"engine: servers that it had become upstreams",
			world{daemonJSON: "{\"dns\": [\"192.0.2.7\"]}"}, Options{Resolver: None},
			world{daemonJSON: "{\"dns\": [\"172.17.0.1\"]}"},
			"rollcall serve --dns 172.17.0.1:53 --upstream 192.0.2.7; systemctl restart docker"},
		{"engine: left alone", world{daemonJSON: "{}"}, Options{Resolver: None, Engine: Engine{Off: true}}, world{}, ""},
		{"both",
			world{resolvConf: "nameserver 192.0.2.1\n", daemonJSON: "{\n\t\"debug\": true\n}\n"}, Options{},
			world{resolvConf: written + "nameserver 127.0.0.1\nnameserver 192.0.2.1\n",
				daemonJSON: "{\n\t\"debug\": true,\n\t\"dns\": [\"172.17.0.1\"]\n}\n"},
			"rollcall serve --dns 127.0.0.1:53 --dns 172.17.0.1:53 --upstream 192.0.2.1; systemctl restart docker"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := tt.before.in(t)
			p, err := tt.options.below(root)()
			must(t, err)
			if got := nextOf(p); got != tt.next {
				t.Errorf("next:\n got %s\nwant %s", got, tt.next)
			}
			must(t, p.Do())
			want := maps.Clone(tt.before)
			maps.Copy(want, tt.want)
			maps.DeleteFunc(want, func(path, _ string) bool { return strings.HasSuffix(path, "/") })
			if diff := cmp.Diff(want, worldOf(t, root)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			again, err := tt.options.below(root)()
			must(t, err)
			if !again.Empty() || again.Diff() != "" {
				t.Errorf("a second time it would do\n%s", again.Diff())
			}
		})
	}
}

// nextOf are the commands that are to be run then, without comments.
func nextOf(p *Plan) string {
	var commands []string
	for _, l := range p.Next() {
		if command, _, _ := strings.Cut(l, "#"); command != "" {
			commands = append(commands, strings.TrimSpace(command))
		}
	}
	return strings.Join(commands, "; ")
}

func TestWhatCannotBeDoneIsRefused(t *testing.T) {
	tests := []struct {
		name    string
		before  world
		options Options
		want    string
	}{
		{"daemon.json is cut off", world{daemonJSON: "{\n  \"debug\": true\n"}, Options{}, "daemon.json cannot be edited: line 3 is no JSON: unexpected end"},
		{"daemon.json has a comment", world{daemonJSON: "{\n  // no\n}\n"}, Options{}, "line 2 is no JSON: invalid character '/'"},
		{"daemon.json has a list", world{daemonJSON: "[]"}, Options{}, "it is no JSON object"},
		{"daemon.json has more behind", world{daemonJSON: "{} {}"}, Options{}, "line 1 is no JSON"},
		{"daemon.json is in another encoding", world{daemonJSON: "{\"a\":\"\xe9\"}"}, Options{}, "not written in UTF-8"},
		{"daemon.json has dns twice", world{daemonJSON: `{"dns":[],"dns":[]}`}, Options{}, `it has "dns" twice`},
		{"dns is no list", world{daemonJSON: `{"dns":"192.0.2.1"}`}, Options{}, `its dns is no list of addresses: "192.0.2.1"`},
		{"the engine has a flag", world{"/etc/docker/": "", "/etc/default/docker": "# --dns x\nDOCKER_OPTS=\"--dns=192.0.2.1\"\n"}, Options{}, "/etc/default/docker gives the Docker engine --dns"},
		{"its unit has a flag", world{"/etc/docker/": "", engineFlagsDir + "/a.conf": "ExecStart=/usr/bin/dockerd --dns 192.0.2.1\n"}, Options{}, "a.conf gives the Docker engine --dns"},
		{"resolv.conf has no port", world{}, Options{Server: netip.MustParseAddrPort("127.0.0.1:8053")}, "resolv.conf has no place for a port"},
		{"resolv.conf is a directory", world{resolvConf + "/": ""}, Options{}, "resolv.conf is no file"},
		{"resolv.conf leads in a circle", world{resolvConf: "-> /a", "/a": "-> b", "/b": "-> /a"}, Options{}, "too many levels of symbolic links"},
		{"a domain would be a setting", world{}, Options{Domains: []string{"a\nb"}}, `the domain "a\nb" must be of letters`},
		{"what is recorded is cut off", world{recordPath: "{"}, Options{}, "install.json: unexpected EOF"},
		{"what is recorded names another file", world{recordPath: `{"files":[{"path":"/etc/shadow"}]}`}, Options{}, `"/etc/shadow" is no file that is ever written`},
		{"what is recorded names another directory", world{recordPath: `{"dirs":["/home"]}`}, Options{}, `"/home" is no directory that is ever made`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := tt.before.in(t)
			before := entriesOf(t, root)
			_, err := tt.options.below(root)()
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
			wantEntries(t, root, before)
		})
	}
}

func TestARecordThatOthersCanWriteIsNotTrusted(t *testing.T) {
	root := world{recordPath: "{}"}.in(t)
	must(t, os.Chmod(filepath.Join(root, recordPath), 0o666))
	if _, err := PrepareUndo(root, false); err == nil || !strings.Contains(err.Error(), "is not trusted") {
		t.Errorf("error %v", err)
	}
}

// changes are plans to be carried out one after the other, on a host of each kind.
var (
	hosts = map[string]world{
		"empty":    {},
		"plain":    {resolvConf: "nameserver 192.0.2.1\n", daemonJSON: "{\"debug\": true}\n"},
		"links":    {resolvConf: "-> ../run/r", "/run/r": "nameserver 192.0.2.1\n", daemonJSON: "-> /opt/d.json", "/opt/d.json": "{}"},
		"dangling": {resolvConf: "-> ../run/r", "/etc/docker": "-> /opt/docker", "/opt/docker/": ""},
		"resolved": {resolvConf: "-> /run/systemd/resolve/stub-resolv.conf", "/etc/docker/": "", "/var/lib/rollcall/": ""},
		"dnsmasq":  {resolvConf: "nameserver 127.0.0.1\n", dnsmasqDropIn: "old"},
	}
	engineAt = Engine{Addr: netip.MustParseAddr("10.0.0.2")}
	runs     = map[string][]Options{
		"once":          {{Engine: engineAt}},
		"twice":         {{Engine: engineAt}, {Engine: engineAt}},
		"otherwise":     {{}, {Server: netip.MustParseAddrPort("127.0.0.9:53"), Engine: engineAt}},
		"every way":     {{Resolver: File}, {Resolver: Resolved}, {Resolver: Dnsmasq}},
		"file and back": {{Resolver: File}, {Resolver: None}, {Resolver: File, Server: netip.MustParseAddrPort("127.0.0.9:53")}, {Resolver: File}},
	}
)

// everyCase calls f with each run on each kind of host.
func everyCase(t *testing.T, f func(t *testing.T, host world, run []Options)) {
	for host, w := range hosts {
		for run, options := range runs {
			t.Run(fmt.Sprint(host, ", ", run), func(t *testing.T) { f(t, w, options) })
		}
	}
}

func TestUndoBringsBackWhatWasThere(t *testing.T) {
	everyCase(t, func(t *testing.T, host world, run []Options) {
		root := host.in(t)
		before := entriesOf(t, root)
		for _, o := range run {
			must(t, do(t, o.below(root), nil))
		}
		must(t, do(t, undo(root), nil))
		wantEntries(t, root, before)
		must(t, do(t, undo(root), nil)) // there is nothing left to undo
		wantEntries(t, root, before)
	})
}

func TestPlansChangeNothing(t *testing.T) {
	everyCase(t, func(t *testing.T, host world, run []Options) {
		root := host.in(t)
		before := entriesOf(t, root)
		p, err := run[0].below(root)()
		must(t, err)
		if (p.Diff() == "") != p.Empty() {
			t.Errorf("empty: %v, shows %q", p.Empty(), p.Diff())
		}
		wantEntries(t, root, before)
	})
}

func TestModeAndOwnerAreKept(t *testing.T) {
	root := world{daemonJSON: "{}"}.in(t)
	name := filepath.Join(root, daemonJSON)
	must(t, os.Chmod(name, 0o604))
	if os.Geteuid() == 0 {
		must(t, os.Chown(name, 12, 34))
	}
	before := entriesOf(t, root)[daemonJSON]
	must(t, do(t, Options{Resolver: None}.below(root), nil))
	after := entriesOf(t, root)[daemonJSON]
	if after.Mode != before.Mode || after.UID != before.UID || after.GID != before.GID {
		t.Errorf("before %v %d:%d, after %v %d:%d", before.Mode, before.UID, before.GID, after.Mode, after.UID, after.GID)
	}
}
