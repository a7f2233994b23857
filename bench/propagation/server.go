package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"regexp"
	"syscall"
)

// server is the program that is measured.
type server struct {
	cmd   *exec.Cmd
	asker *asker
}

var listening = regexp.MustCompile(`msg="answering DNS" address=(\S+)`)

// startServer starts the program on free ports.
func startServer(program, socket string) (*server, error) {
	s := &server{cmd: exec.Command(program, "serve",
		"--dns", "127.0.0.1:0", "--http", "127.0.0.1:0", "--docker", "unix://"+socket)}
	s.cmd.Env = append(os.Environ(), "ROLLCALL_CONFIG=", "ROLLCALL_UPSTREAM=off")
	stderr, err := s.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		if m := listening.FindStringSubmatch(lines.Text()); m != nil {
			conn, err := net.Dial("udp", m[1])
			if err != nil {
				s.stop()
				return nil, err
			}
			s.asker = &asker{conn: conn}
			go func() { // a full pipe would stop the program
				for lines.Scan() {
				}
			}()
			return s, nil
		}
	}
	s.stop()
	return nil, fmt.Errorf("%s ended before it answered", program)
}

func (s *server) stop() {
	s.cmd.Process.Signal(syscall.SIGTERM)
	s.cmd.Wait()
}
