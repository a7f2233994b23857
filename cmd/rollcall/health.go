package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"
)

func healthCommand(p *process) *cli.Command {
	return &cli.Command{
		Name:  "health",
		Usage: "ask a running server whether it is well: exit code 0 if so, 1 if not",
		Flags: serveSettings.flags("http"),
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usagef("health takes no arguments, but got %q", c.Args().First())
			}
			cfg, err := serveSettings.load(c, p, "http")
			if err != nil {
				return &exitError{exitUsage, err}
			}
			if err := askHealth(cfg.HTTP); err != nil {
				return err
			}
			fmt.Fprintln(p.stdout, "ok")
			return nil
		},
	}
}

// asking is how commands ask a server: neither a proxy nor a redirect knows more about it
// than the server does.
func asking(within time.Duration) *http.Client {
	return &http.Client{
		Timeout:       within,
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// nobodyThere says what to do when no server listens where a flag says.
func nobodyThere(err error, flag string) string {
	if errors.Is(err, syscall.ECONNREFUSED) {
		return ": no server is there: start it with rollcall serve, or say with --" + flag + " where it is"
	}
	return ""
}

// askHealth asks the server that listens on addr.
func askHealth(addr netip.AddrPort) error {
	client := asking(3 * time.Second)
	resp, err := client.Get("http://" + local(addr).String() + "/healthz")
	if err != nil {
		return fmt.Errorf("ask for health: %w%s", err, nobodyThere(err, "http"))
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
		return fmt.Errorf("ask %s for health: %s: %s", addr, resp.Status, strings.TrimSpace(string(body)))
	}
	return nil
}
