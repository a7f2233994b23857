//go:build conformance

package differential

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"text/template"
	"time"

	"github.com/miekg/dns"
)

// A peer is another name server, with the least configuration that serves zones to
// anybody, answers as much as it can, and has the same limit on datagrams.
type peer struct {
	name    string
	version []string // the command that prints it
	run     []string // in the foreground; %s is the configuration
	config  string   // a template of setup
}

// setup is what a peer's configuration is made of.
type setup struct {
	Dir      string // of this peer alone; it holds the zone files
	Port     int
	Identity string
	// Zones has the apexes without the final dot. The file of each is its name.
	Zones []string
}

var peers = []peer{
	{"knotd", []string{"knotd", "--version"}, []string{"knotd", "--config", "%s"}, `
server:
    rundir: "{{.Dir}}"
    listen: 127.0.0.1@{{.Port}}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
    udp-max-payload: 1232
    tcp-idle-timeout: 60
    tcp-io-timeout: 10000
    nsid: "{{.Identity}}"
    identity: "{{.Identity}}"
database:
    storage: "{{.Dir}}/db"
log:
  - target: stderr
    any: warning
template:
  - id: default
    storage: "{{.Dir}}"
    zonefile-sync: -1
    journal-content: none
zone:
{{range .Zones}}  - domain: "{{.}}."
    file: "{{.}}"
{{end}}`},
	{"nsd", []string{"nsd", "-v"}, []string{"nsd", "-d", "-c", "%s"}, `
server:
    server-count: 1
    ip-address: 127.0.0.1@{{.Port}}
    ipv4-edns-size: 1232
    username: ""
    database: ""
    zonesdir: "{{.Dir}}"
    pidfile: "{{.Dir}}/nsd.pid"
    xfrdfile: "{{.Dir}}/xfrd.state"
    xfrdir: "{{.Dir}}"
    zonelistfile: "{{.Dir}}/zone.list"
    rrl-ratelimit: 0
    nsid: "ascii_{{.Identity}}"
    identity: "{{.Identity}}"
    minimal-responses: no
remote-control:
    control-enable: no
{{range .Zones}}
zone:
    name: "{{.}}"
    zonefile: "{{.}}"
{{end}}`},
	{"named", []string{"named", "-v"}, []string{"named", "-g", "-n", "1", "-c", "%s"}, `
options {
	directory "{{.Dir}}";
	pid-file "{{.Dir}}/named.pid";
	session-keyfile none;
	listen-on port {{.Port}} { 127.0.0.1; };
	listen-on-v6 { none; };
	server-id "{{.Identity}}";
	zero-no-soa-ttl no;
	recursion no;
	allow-query { any; };
	allow-transfer { none; };
	notify no;
	empty-zones-enable no;
	minimal-responses no-auth;
	max-udp-size 1232;
	edns-udp-size 1232;
	dnssec-validation no;
	check-names primary ignore;
};
controls { };
{{range .Zones}}zone "{{.}}" { type primary; file "{{.}}"; };
{{end}}`},
}

// server answers DNS at an address.
type server struct{ name, addr string }

// start gives the peer the zones and waits until it answers for the first.
func (p *peer) start(t *testing.T, zones []*zone) *server {
	t.Helper()
	s := setup{Dir: t.TempDir(), Port: freePort(t), Identity: identity}
	os.Mkdir(filepath.Join(s.Dir, "db"), 0o700)
	for _, z := range zones {
		apex := strings.TrimSuffix(z.apex, ".")
		s.Zones = append(s.Zones, apex)
		if err := os.WriteFile(filepath.Join(s.Dir, apex), []byte(z.file), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	config := filepath.Join(s.Dir, p.name+".conf")
	f, err := os.Create(config)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := template.Must(template.New(p.name).Parse(p.config)).Execute(f, s); err != nil {
		t.Fatal(err)
	}
	args := append([]string(nil), p.run[1:]...)
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "%s", config)
	}
	prog := startProgram(t, p.name, lookPath(t, p.run[0]), args...)
	addr := fmt.Sprintf("127.0.0.1:%d", s.Port)
	for _, z := range zones {
		prog.awaitZone(t, addr, z)
	}
	return &server{p.name, addr}
}

// checkFiles has BIND's checker read each zone.
func checkFiles(t *testing.T, zones []*zone) {
	t.Helper()
	check := lookPath(t, "named-checkzone")
	for _, z := range zones {
		cmd := exec.Command(check, z.apex, "/dev/stdin")
		cmd.Stdin = strings.NewReader(z.file)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("named-checkzone %s: %v\n%s", z.apex, err, out)
		}
	}
}

// lookPath finds the servers where Debian has them, also for users without root's path.
func lookPath(t *testing.T, command string) string {
	t.Helper()
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/sbin") {
		if path, err := exec.LookPath(filepath.Join(dir, command)); err == nil {
			return path
		}
	}
	t.Fatalf("there is no %s: scripts/install-conformance-tools installs it", command)
	return ""
}

// freePort is one that is free for UDP and TCP.
func freePort(t *testing.T) int {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		u, err := net.ListenPacket("udp", l.Addr().String())
		l.Close()
		if err == nil {
			u.Close()
			return l.Addr().(*net.TCPAddr).Port
		}
	}
	t.Fatal("found no port that is free for UDP and TCP")
	return 0
}

// awaitZone waits until the server has loaded a zone, all of it.
func (p *program) awaitZone(t *testing.T, addr string, z *zone) {
	t.Helper()
	m := new(dns.Msg).SetQuestion(z.apex, dns.TypeSOA)
	c := dns.Client{Timeout: time.Second}
	for end := time.Now().Add(startTime); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		r, _, err := c.Exchange(m, addr)
		if err == nil && r.Authoritative && len(r.Answer) == 1 {
			if r.Answer[0].String() != z.records[0].String() {
				t.Fatalf("%s serves %v, want %v", p.name, r.Answer[0], z.records[0])
			}
			return
		}
		select {
		case <-p.exited:
			t.Fatalf("%s has ended:\n%s", p.name, p.log.String())
		default:
		}
	}
	t.Fatalf("%s does not answer for %s:\n%s", p.name, z.apex, p.log.String())
}
