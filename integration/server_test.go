package integration

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// program is a running `rollcall serve`.
type program struct {
	cmd    *exec.Cmd
	stdout bytes.Buffer
	exited chan struct{} // closed when err and stderr are complete
	err    error

	mu     sync.Mutex // guards stderr
	stderr bytes.Buffer
}

// What the log says of the addresses, which were chosen by the system.
var (
	dnsLine  = regexp.MustCompile(`msg="answering DNS" address=(\S+:(\d+))`)
	httpLine = regexp.MustCompile(`msg="serving HTTP" address=(\S+)`)
)

func serve(ts *testscript.TestScript, neg bool, args []string) {
	plain(ts, neg, true, "serve FLAG…")
	st := stateOf(ts)
	if st.server != nil {
		ts.Fatalf("a server runs already")
	}
	p := &program{exited: make(chan struct{})}
	p.cmd = exec.Command(rollcall(ts), append([]string{"serve"}, args...)...)
	p.cmd.Dir = ts.MkAbs(".")
	for _, name := range []string{"PATH", "DOCKER_HOST", "ROLLCALL_DNS", "ROLLCALL_HTTP", "ROLLCALL_DOCKER"} {
		p.cmd.Env = append(p.cmd.Env, name+"="+ts.Getenv(name))
	}
	p.cmd.Stdout = &p.stdout
	log, err := p.cmd.StderrPipe()
	ts.Check(err)
	ts.Check(p.cmd.Start())
	go p.wait(log)
	st.server = p
	ts.Defer(func() {
		if st.server == p {
			p.stop(syscall.SIGTERM)
			ts.Logf("the server's log:\n%s", p.log())
		}
	})
	if err := p.ready(ts); err != nil {
		p.stop(syscall.SIGKILL)
		st.server = nil
		ts.Fatalf("%v\n%s", err, p.log())
	}
}

func rollcall(ts *testscript.TestScript) string {
	bin, err := binaries()
	ts.Check(err)
	return bin + "/rollcall"
}

// wait collects the log until the program has exited.
func (p *program) wait(log io.Reader) {
	defer close(p.exited)
	for lines := bufio.NewScanner(log); lines.Scan(); {
		p.mu.Lock()
		fmt.Fprintln(&p.stderr, lines.Text())
		p.mu.Unlock()
	}
	p.err = p.cmd.Wait()
}

func (p *program) log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stderr.String()
}

// ready waits until the server says that it is, and sets the script's variables.
func (p *program) ready(ts *testscript.TestScript) error {
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		select {
		case <-p.exited:
			return fmt.Errorf("the server ended: %v", p.err)
		default:
		}
		log := p.log()
		dns, http := dnsLine.FindStringSubmatch(log), httpLine.FindStringSubmatch(log)
		if dns == nil || http == nil || !answers("http://"+http[1]+"/readyz") {
			continue
		}
		ts.Setenv("DNS", dns[1])
		ts.Setenv("PORT", dns[2])
		ts.Setenv("HTTP", http[1])
		return nil
	}
	return fmt.Errorf("the server was not ready within 20 s")
}

func answers(url string) bool {
	resp, err := http.Get(url)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// stop signals the program and waits for its end.
func (p *program) stop(sig syscall.Signal) {
	p.cmd.Process.Signal(sig)
	select {
	case <-p.exited:
	case <-time.After(20 * time.Second):
		p.cmd.Process.Kill()
		<-p.exited
		p.err = fmt.Errorf("had to be killed: %w", p.err)
	}
}

func stop(ts *testscript.TestScript, neg bool, args []string) {
	plain(ts, neg, len(args) == 0, "stop")
	st := stateOf(ts)
	if st.server == nil {
		ts.Fatalf("no server runs")
	}
	p := st.server
	st.server = nil
	p.stop(syscall.SIGTERM)
	fmt.Fprint(ts.Stdout(), p.stdout.String())
	fmt.Fprint(ts.Stderr(), strings.TrimSpace(p.log()), "\n")
	if p.err != nil {
		ts.Fatalf("the server ended badly: %v\n%s", p.err, p.log())
	}
}
