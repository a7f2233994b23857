package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// The cores of the server that is measured, and of all else.
const (
	serverCore    = "0"
	generatorCore = "1"
)

// A kind is one way to answer the questions. Command gives its command line, after
// writing what that reads into a folder of its own.
type kind struct {
	name    string
	sets    []string // in which it takes part
	command func(w *world, dir string, port int) ([]string, error)
	ready   func(ctx context.Context, w *world, s *server) error // after the first answer; may be nil
}

const (
	authority = "authority"
	cached    = "cached"
)

// upstreamPort is where the server listens that answers what the others cache.
const upstreamPort = 5390

var kinds = []kind{
	{"floor", []string{authority, cached}, floor, nil},
	{"rollcall", []string{authority}, nil, nil}, // its program is an option: see startAll
	{"knotd", []string{authority}, knotd, nil},
	{"nsd", []string{authority}, nsd, nil},
	{"named", []string{authority}, named, nil},
	{"rollcall", []string{cached}, nil, nil},
	{"unbound", []string{cached}, unbound, nil},
	{"dnsmasq", []string{cached}, dnsmasq, nil},
}

// server is a kind that runs.
type server struct {
	kind
	port int
	cmd  *exec.Cmd
	log  string
}

// startAll starts all servers; stop ends them, also after an error.
func startAll(ctx context.Context, w *world, o options) (servers []*server, stop func(), err error) {
	var up []*server
	stop = func() {
		for _, s := range up {
			s.stop()
		}
	}
	if o.set == cached {
		s, err := start(ctx, w, kind{"upstream", nil, knotd, nil}, upstreamPort, generatorCore)
		if s != nil {
			up = append(up, s)
		}
		if err != nil {
			return nil, stop, err
		}
	}
	for i, k := range kinds {
		if !slices.Contains(k.sets, o.set) || !o.wants(k.name) {
			continue
		}
		if k.name == "rollcall" {
			k = rollcall(o)
		}
		s, err := start(ctx, w, k, 5300+i, serverCore)
		if s != nil {
			up = append(up, s)
		}
		if err != nil {
			return nil, stop, err
		}
		servers = append(servers, s)
	}
	return servers, stop, nil
}

// wants reports whether a server takes part: the floor and rollcall always do.
func (o options) wants(name string) bool {
	if name == "floor" && o.over != "udp" {
		return false
	}
	return o.only == "" || slices.Contains(append(strings.Split(o.only, ","), "floor", "rollcall"), name)
}

// startTime is how long a server may take until it answers.
const startTime = 60 * time.Second

func start(ctx context.Context, w *world, k kind, port int, core string) (*server, error) {
	dir := filepath.Join(w.dir, k.name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	argv, err := k.command(w, dir, port)
	if err != nil {
		return nil, fmt.Errorf("prepare %s: %w", k.name, err)
	}
	s := &server{kind: k, port: port, log: filepath.Join(dir, "log")}
	out, err := os.Create(s.log)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	s.cmd = exec.Command("taskset", append([]string{"-c", core}, argv...)...) // which executes it: the process is the same
	s.cmd.Stdout, s.cmd.Stderr, s.cmd.Dir = out, out, dir
	s.cmd.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", k.name, err)
	}
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	if err := s.await(ctx); err != nil {
		text, _ := os.ReadFile(s.log)
		return s, fmt.Errorf("%s does not answer: %w\n%s", k.name, err, text)
	}
	if k.ready != nil {
		return s, k.ready(context.WithoutCancel(ctx), w, s)
	}
	return s, nil
}

// await waits for any reply.
func (s *server) await(ctx context.Context) error {
	c, err := net.Dial("udp", s.addr())
	if err != nil {
		return err
	}
	defer c.Close()
	question := []byte("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x02s0\x03svc\x08internal\x00\x00\x01\x00\x01")
	for ctx.Err() == nil {
		_, _ = c.Write(question) // refused while nobody listens
		_ = c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		if n, err := c.Read(make([]byte, 512)); err == nil && n >= 12 {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return ctx.Err()
}

func (s *server) addr() string { return fmt.Sprintf("127.0.0.1:%d", s.port) }

func (s *server) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	late := time.AfterFunc(5*time.Second, func() { _ = s.cmd.Process.Kill() })
	defer late.Stop()
	_ = s.cmd.Wait()
}
