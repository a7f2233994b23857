// Package rollcall builds the program and runs it, for tests that know it from
// outside alone: by its command line, its log, its HTTP interface and its answers.
package rollcall

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"sync"
	"syscall"
	"time"
)

const module = "github.com/rollcall-dns/rollcall/"

// Build makes dir/rollcall as it is shipped, static and without the race detector,
// and beside it further programs of this module, named by their folders.
func Build(dir string, others ...string) error {
	return build(dir, append([]string{"cmd/rollcall"}, others...), "CGO_ENABLED=0")
}

// BuildRaced makes dir/rollcall with the race detector. Run with
// GORACE=halt_on_error=1 it ends at the first race that it sees.
func BuildRaced(dir string) error {
	return build(dir, []string{"cmd/rollcall"}, "CGO_ENABLED=1", "-race")
}

func build(dir string, folders []string, cgo string, flags ...string) error {
	args := append([]string{"build", "-trimpath", "-ldflags", "-s -w -X main.version=v0.0.0-test", "-o", dir + "/"}, flags...)
	for _, f := range folders {
		args = append(args, module+f)
	}
	build := exec.Command("go", args...)
	build.Env = append(os.Environ(), cgo)
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the programs: %w\n%s", err, out)
	}
	return nil
}

// patience is how long a server may take to start, and to stop.
const patience = 20 * time.Second

// Server is a running `rollcall serve`.
type Server struct {
	DNS  []netip.AddrPort // in the order of --dns, with the ports that were taken
	HTTP string           // ADDR:PORT
	// DNS over TLS and over HTTPS, as DNS.
	TLS, HTTPS []netip.AddrPort

	cmd    *exec.Cmd
	stdout bytes.Buffer
	exited chan struct{} // closed when err and log are complete
	err    error

	mu  sync.Mutex // guards log
	log bytes.Buffer
}

// Start runs a command that serves, and waits until it says where. Who starts a
// server stops it. It asks no other server unless it is told to: tests need no network.
func Start(cmd *exec.Cmd) (*Server, error) {
	s := &Server{cmd: cmd, exited: make(chan struct{})}
	cmd.Env = append([]string{"ROLLCALL_UPSTREAM=off"}, cmd.Environ()...)
	cmd.Stdout = &s.stdout
	log, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go s.wait(log)
	if err := s.until("listens", s.listens); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, s.Log())
	}
	return s, nil
}

// WaitReady waits until the server says that it is ready, and stops it when that
// does not come.
func (s *Server) WaitReady() error {
	return s.until("is ready", func() bool { return answers("http://" + s.HTTP + "/readyz") })
}

func (s *Server) until(what string, done func() bool) error {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		select {
		case <-s.exited:
			return fmt.Errorf("the server ended: %v", s.err)
		default:
		}
		if done() {
			return nil
		}
	}
	s.Stop(syscall.SIGKILL)
	return fmt.Errorf("for %v the server did not say that it %s", patience, what)
}

// What the log says of the addresses, which were chosen by the system. That of HTTP
// comes last.
var (
	dnsLine  = regexp.MustCompile(`msg="answering DNS( over TLS| over HTTPS)?" address=(\S+)`)
	httpLine = regexp.MustCompile(`msg="serving HTTP" address=(\S+)`)
)

func (s *Server) listens() bool {
	log := s.Log()
	at := httpLine.FindStringSubmatch(log)
	if at == nil {
		return false
	}
	s.HTTP = at[1]
	addrs := map[string]*[]netip.AddrPort{"": &s.DNS, " over TLS": &s.TLS, " over HTTPS": &s.HTTPS}
	for _, dns := range dnsLine.FindAllStringSubmatch(log, -1) {
		of := addrs[dns[1]]
		*of = append(*of, netip.MustParseAddrPort(dns[2]))
	}
	return true
}

func answers(url string) bool {
	resp, err := http.Get(url)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// wait collects the log until the program has exited.
func (s *Server) wait(log io.Reader) {
	defer close(s.exited)
	for lines := bufio.NewScanner(log); lines.Scan(); {
		s.mu.Lock()
		fmt.Fprintln(&s.log, lines.Text())
		s.mu.Unlock()
	}
	s.err = s.cmd.Wait()
}

// Log is what the server has logged so far.
func (s *Server) Log() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

// Pid is that of the process.
func (s *Server) Pid() int { return s.cmd.Process.Pid }

// Stop signals the server and waits for its end. It gives what the server had
// printed, and an error when it ended badly or had to be killed.
func (s *Server) Stop(sig syscall.Signal) (stdout string, err error) {
	s.cmd.Process.Signal(sig)
	return s.Wait()
}

// Wait is Stop for a server that ends by itself.
func (s *Server) Wait() (stdout string, err error) {
	select {
	case <-s.exited:
		err = s.err
	case <-time.After(patience):
		s.cmd.Process.Kill()
		<-s.exited
		err = fmt.Errorf("had to be killed: %w", s.err)
	}
	return s.stdout.String(), err
}
