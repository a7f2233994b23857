package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"time"
)

// The states that a service tells systemd (sd_notify(3)).
const (
	tellReady    = "READY=1"
	tellStopping = "STOPPING=1"
	tellAlive    = "WATCHDOG=1"
)

// supervisor is whoever started this process and wants to know how it is doing:
// systemd, for a unit of Type=notify. The zero value is nobody.
type supervisor struct {
	socket   string        // "" is nobody; "@" stands for the first octet of an abstract one
	watchdog time.Duration // to be told within; 0 is no need
}

// findSupervisor reads the variables that systemd sets, and clears them, for they do
// not hold for children.
func findSupervisor() supervisor {
	s := supervisor{socket: os.Getenv("NOTIFY_SOCKET")}
	usec, err := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64)
	pid := os.Getenv("WATCHDOG_PID")
	if err == nil && usec > 0 && (pid == "" || pid == strconv.Itoa(os.Getpid())) {
		s.watchdog = time.Duration(usec) * time.Microsecond
	}
	for _, name := range []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} {
		os.Unsetenv(name)
	}
	return s
}

// tell passes on a state.
func (s supervisor) tell(state string) error {
	if s.socket == "" {
		return nil
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: s.socket, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("tell systemd %s: %w", state, err)
	}
	defer c.Close()
	if _, err := c.Write([]byte(state)); err != nil {
		return fmt.Errorf("tell systemd %s: %w", state, err)
	}
	return nil
}

// follow tells the supervisor that the server is ready once it is, that it is alive
// from then on, and that it stops when ctx is done.
func (s supervisor) follow(ctx context.Context, ready <-chan struct{}, log *slog.Logger) {
	if s.socket == "" {
		return
	}
	say := func(state string) {
		if err := s.tell(state); err != nil {
			log.Warn("systemd does not hear of this server", "error", err)
		}
	}
	var alive <-chan time.Time
	if s.watchdog > 0 {
		t := time.NewTicker(s.watchdog / 2)
		defer t.Stop()
		alive = t.C
	}
	for {
		select {
		case <-ready:
			say(tellReady)
			ready = nil
		case <-alive:
			say(tellAlive)
		case <-ctx.Done():
			say(tellStopping)
			return
		}
	}
}
