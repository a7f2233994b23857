package resolver

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/rollcall-dns/rollcall/integration/internal/rollcall"
)

// core is where servers run that are measured, while all else has the others: go test
// -exec "taskset -c 1".
var core = flag.String("core", "", "run the server on this processor alone")

// measured reports whether times are those of a machine that does nothing else.
func measured() bool { return *core != "" }

// shared is the directory of what is made once for all tests.
var shared string

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) int {
	if how := os.Getenv(askerEnv); how != "" {
		askOwn(how)
		return 0
	}
	var err error
	if shared, err = os.MkdirTemp("", "rollcall-resolver"); err != nil {
		panic(err)
	}
	defer os.RemoveAll(shared)
	return m.Run()
}

var build = sync.OnceValue(func() error { return rollcall.Build(shared) })

// serve runs the program until the end of the test, with a free port unless the flags
// name one.
func serve(t testing.TB, flags ...string) *rollcall.Server {
	t.Helper()
	if err := build(); err != nil {
		t.Fatal(err)
	}
	args := []string{filepath.Join(shared, "rollcall"), "serve", "--docker", "off", "--http", "127.0.0.1:0"}
	if *core != "" {
		args = append([]string{"taskset", "-c", *core}, args...)
	}
	if len(flags) == 0 || flags[0] != "--dns" {
		args = append(args, "--dns", "127.0.0.1:0")
	}
	s, err := rollcall.Start(exec.Command(args[0], append(args[1:], flags...)...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := s.Stop(syscall.SIGTERM); err != nil {
			t.Errorf("the server ended badly: %v", err)
		}
		if t.Failed() {
			t.Logf("the server's log:\n%s", s.Log())
		}
	})
	if err := s.WaitReady(); err != nil {
		t.Fatal(err)
	}
	return s
}

// freePorts are ports of 127.0.0.1 that nobody uses, for servers that must be told
// theirs: below those that systems, and rollcall, take to ask from.
func freePorts(t testing.TB, n int) (ports []uint16) {
	t.Helper()
	for len(ports) < n {
		port := uint16(10_000 + rand.N(6_000))
		at := net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port))
		u, err := net.ListenUDP("udp4", at)
		if err != nil {
			continue
		}
		defer u.Close() // when all are found, so that they differ
		l, err := net.Listen("tcp4", at.String())
		if err != nil {
			continue
		}
		defer l.Close()
		ports = append(ports, port)
	}
	return ports
}

// peer is somebody else's name server.
type peer struct {
	at  netip.AddrPort
	cmd *exec.Cmd
	dir string
	out bytes.Buffer
}

// start runs a name server until the end of the test, and waits until it answers. Conf
// is its configuration, where DIR and PORT stand for what they say.
func start(t testing.TB, name, conf string, args ...string) *peer {
	t.Helper()
	at := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), freePorts(t, 1)[0])
	p := &peer{at: at, dir: t.TempDir()}
	fill := strings.NewReplacer("DIR", p.dir, "PORT", fmt.Sprint(at.Port()))
	write(t, filepath.Join(p.dir, "conf"), fill.Replace(conf))
	for i := range args {
		args[i] = fill.Replace(args[i])
	}
	path, err := exec.LookPath(name)
	if err != nil {
		if path, err = exec.LookPath("/usr/sbin/" + name); err != nil {
			t.Fatalf("%v: see scripts/install-test-tools", err)
		}
	}
	p.cmd = exec.Command(path, args...)
	p.run(t)
	t.Cleanup(func() {
		p.signal(syscall.SIGCONT)
		p.kill()
		if t.Failed() {
			t.Logf("%s:\n%s", name, p.out.String())
		}
	})
	return p
}

// run starts it, and waits until it answers.
func (p *peer) run(t testing.TB) {
	t.Helper()
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool {
		_, err := exchange(p.at, "ready.test. A", 200*time.Millisecond)
		return err == nil
	})
}

// restart runs one again that was killed.
func (p *peer) restart(t testing.TB) {
	t.Helper()
	p.cmd = exec.Command(p.cmd.Path, p.cmd.Args[1:]...)
	p.run(t)
}

func (p *peer) kill() {
	p.signal(syscall.SIGKILL)
	p.cmd.Wait()
}

func (p *peer) signal(s syscall.Signal) { p.cmd.Process.Signal(s) }

// startDnsmasq starts one that knows some records, in its own form.
func startDnsmasq(t testing.TB, lines ...string) *peer {
	t.Helper()
	return start(t, "dnsmasq", strings.Join(lines, "\n")+"\nlog-queries=extra\nlog-facility=DIR/log\n",
		"--keep-in-foreground", "--conf-file=DIR/conf", "--port=PORT", "--listen-address=127.0.0.1", "--bind-interfaces",
		"--no-resolv", "--no-hosts", "--pid-file=", "--user=root", "--local=//", "--cache-size=0")
}

// asked are the lines of dnsmasq's log about questions for names with some part.
func (p *peer) asked(t testing.TB, part string) (lines []string) {
	t.Helper()
	log, err := os.ReadFile(filepath.Join(p.dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(strings.ToLower(string(log))) {
		if strings.Contains(line, "query[") && strings.Contains(line, part) {
			lines = append(lines, line)
		}
	}
	return lines
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// exchange asks "NAME TYPE" over UDP, and TCP when that is truncated.
func exchange(at netip.AddrPort, ask string, within time.Duration) (*dns.Msg, error) {
	name, typ, _ := strings.Cut(ask, " ")
	m := new(dns.Msg).SetQuestion(name, dns.StringToType[typ])
	m.SetEdns0(1232, false)
	c := dns.Client{Timeout: within}
	in, _, err := c.Exchange(m, at.String())
	if err == nil && in.Truncated {
		c.Net = "tcp"
		in, _, err = c.Exchange(m, at.String())
	}
	return in, err
}

// ask gives a reply as "RCODE FLAGS | RECORD | … ede=N".
func ask(t testing.TB, at netip.AddrPort, question string) string {
	t.Helper()
	in, err := exchange(at, question, 5*time.Second)
	if err != nil {
		t.Fatalf("ask %v for %s: %v", at, question, err)
	}
	return text(in)
}

func text(in *dns.Msg) string {
	s := dns.RcodeToString[in.Rcode]
	if in.Authoritative {
		s += " aa"
	}
	if in.RecursionAvailable {
		s += " ra"
	}
	for _, rr := range in.Answer {
		f := strings.Fields(rr.String())
		s += " | " + strings.Join(append(f[:1], f[3:]...), " ") // TTL and class are not what is asked here
	}
	if opt := in.IsEdns0(); opt != nil {
		for _, o := range opt.Option {
			if e, ok := o.(*dns.EDNS0_EDE); ok {
				s += fmt.Sprintf(" ede=%d", e.InfoCode)
				if e.ExtraText != "" {
					s += " (" + e.ExtraText + ")"
				}
			}
		}
	}
	return s
}

func expect(t testing.TB, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s\n got %s\nwant %s", what, got, want)
	}
}

func eventually(t testing.TB, done func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("waited in vain for 20s")
		}
	}
}
