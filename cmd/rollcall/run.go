package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/rollcall-dns/rollcall/client"
	"github.com/rollcall-dns/rollcall/program"
)

const runHelp = `Starts COMMAND, registers it when its check passes, renews the registration, and
removes it when COMMAND ends. COMMAND needs to know nothing of this.

SIGTERM and SIGINT make it draining first; --drain later, or when the signal comes
again, COMMAND gets the signal, and --stop-timeout after that SIGKILL. Other
signals are passed on at once. At a terminal Ctrl-C reaches COMMAND at once.

The exit code is that of COMMAND, or 128 and the number of the signal that ended it;
127 when there is no such command, 126 when it cannot be started, and 2 when the
registration is refused.`

func runCommand(p *process) *cli.Command {
	return &cli.Command{
		Name:        "run",
		Usage:       "run a program and keep it registered",
		ArgsUsage:   "-- COMMAND [ARG…]",
		Description: runHelp,
		Flags:       runSettings.flags(),
		Action: func(c *cli.Context) error {
			cfg, err := runSettings.load(c, p)
			if err != nil {
				return &exitError{exitUsage, err}
			}
			if !c.Args().Present() {
				return usagef("run takes a command: rollcall run --service web --port 8080 -- ./server")
			}
			log := slog.New(slog.NewTextHandler(p.stderr, nil))
			cfg.Logger = log
			return exitOf(program.Run(program.Options(*cfg), c.Args().Slice()))
		},
	}
}

// exitOf makes the end of a program that of this one.
func exitOf(code int, err error) error {
	start := new(program.StartError)
	switch {
	case errors.As(err, &start):
		return &exitError{start.ExitCode, err}
	case err != nil:
		return &exitError{exitUsage, err}
	case code != exitOK:
		return &exitError{code, errSilent}
	}
	return nil
}

// runConfig is what rollcall run is told.
type runConfig program.Options

var runSettings = group[runConfig]{command: "run", prefix: "ROLLCALL_RUN_", complete: (*runConfig).complete, list: []setting[runConfig]{
	{
		name: "server", def: "http://127.0.0.1:8054", many: true, set: setServer,
		help: "register at the server `URL`; further ones take its place when it cannot be reached",
	}, {
		name: "service", set: func(c *runConfig, v string) error { c.Registration.Service = v; return nil },
		help: "register as an instance of the service `NAME`; required",
	}, {
		name: "id", set: func(c *runConfig, v string) error { c.Registration.ID = v; return nil },
		help: "register as `ID`, which should survive a restart (default: name of the host and first port)",
	}, {
		name: "port", many: true, set: setPort,
		help: "say that it listens on `[NAME=]NUMBER[/PROTOCOL]`, such as 8080, http=8080 or dns=53/udp",
	}, {
		name: "address", many: true, set: setAddress,
		help: "say that it is reached at `ADDR` (default: where the server sees the request come from)",
	}, {
		name: "tag", many: true, set: func(c *runConfig, v string) error { c.Registration.Tags = append(c.Registration.Tags, v); return nil },
		help: "give it the tag `TAG`",
	}, {
		name: "meta", many: true, line: true, set: setMeta,
		help: "publish `KEY=VALUE` in its TXT record",
	}, {
		name: "host", set: func(c *runConfig, v string) error { c.Registration.Host = v; return nil },
		help: "give it a name of its own with the label `LABEL` (default: made of the ID)",
	}, {
		name: "lease", def: "30s", set: durationFrom(time.Second, 24*time.Hour, func(c *runConfig) *time.Duration { return &c.Registration.Lease }),
		help: "end the registration `DURATION` after the last heartbeat, of which there are three in that time",
	}, {
		name: "ttl", set: durationFrom(time.Second, 24*time.Hour, func(c *runConfig) *time.Duration { return &c.Registration.TTL }),
		help: "give its records the TTL `DURATION` (default: that of the server)",
	}, {
		name: "priority", def: "0", set: numberInto(func(c *runConfig) *uint16 { return &c.Registration.Priority }),
		help: "give its SRV records the priority `N`: lower ones are tried first",
	}, {
		name: "weight", def: "0", set: numberInto(func(c *runConfig) *uint16 { return &c.Registration.Weight }),
		help: "give its SRV records the weight `N` within their priority",
	}, {
		name: "check", set: setCheck,
		help: "answer for it while `CHECK` passes: tcp[:PORT], http:[PORT]/PATH or none (default: tcp on the first TCP port, none without)",
	}, {
		name: "check-interval", def: "5s", set: durationFrom(100*time.Millisecond, time.Hour, func(c *runConfig) *time.Duration { return &c.Interval }),
		help: "check each `DURATION`; three failures in a row make it down, one success makes it up",
	}, {
		name: "drain", def: "5s", set: durationFrom(0, time.Hour, func(c *runConfig) *time.Duration { return &c.Drain }),
		help: "wait `DURATION` between draining and the signal, so that clients forget it: the TTL or more",
	}, {
		name: "stop-timeout", def: "10s", set: durationFrom(0, 24*time.Hour, func(c *runConfig) *time.Duration { return &c.StopTimeout }),
		help: "kill it `DURATION` after the signal; 0s never",
	},
}}

// complete checks what depends on several settings; without other faults it takes
// what was not given from the others.
func (c *runConfig) complete(others faults) (bad faults) {
	if c.Registration.Service == "" {
		bad = append(bad, fault{"--service", "", "must be given: it is the name under which others find the program"})
	}
	if len(others) > 0 {
		return bad
	}
	check, err := c.Check.Complete(c.Registration.Ports)
	if err != nil {
		bad = append(bad, fault{"--check", c.Check.String(), err.Error()})
	}
	c.Check = check
	return bad
}

func setServer(c *runConfig, value string) error {
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return errors.New("must be a URL such as http://127.0.0.1:8054")
	}
	c.Servers = append(c.Servers, value)
	return nil
}

func setCheck(c *runConfig, value string) (err error) {
	c.Check, err = program.ParseCheck(value)
	return err
}

func setPort(c *runConfig, value string) error {
	name, rest, named := strings.Cut(value, "=")
	if !named {
		name, rest = "", value
	}
	number, proto, _ := strings.Cut(rest, "/")
	n, err := strconv.ParseUint(number, 10, 16)
	if err != nil || n == 0 || proto != "" && proto != "tcp" && proto != "udp" && proto != "sctp" {
		return errors.New("must be a port such as 8080, http=8080 or dns=53/udp")
	}
	c.Registration.Ports = append(c.Registration.Ports, client.Port{Name: name, Number: uint16(n), Protocol: proto})
	return nil
}

func setAddress(c *runConfig, value string) error {
	a, err := netip.ParseAddr(value)
	if err != nil {
		return errors.New("must be an IP address")
	}
	c.Registration.Addresses = append(c.Registration.Addresses, a)
	return nil
}

func setMeta(c *runConfig, value string) error {
	k, v, ok := strings.Cut(value, "=")
	if !ok || k == "" {
		return errors.New("must be KEY=VALUE")
	}
	if c.Registration.Meta == nil {
		c.Registration.Meta = map[string]string{}
	}
	c.Registration.Meta[k] = v
	return nil
}

func durationFrom(least, most time.Duration, field func(*runConfig) *time.Duration) func(*runConfig, string) error {
	return func(c *runConfig, value string) error {
		d, err := time.ParseDuration(value)
		if err != nil || d < least || d > most {
			return fmt.Errorf("must be a duration such as 5s or 1m, from %s to %s", least, most)
		}
		*field(c) = d
		return nil
	}
}

func numberInto(field func(*runConfig) *uint16) func(*runConfig, string) error {
	return func(c *runConfig, value string) error {
		n, err := strconv.ParseUint(value, 10, 16)
		if err != nil {
			return errors.New("must be a number from 0 to 65535")
		}
		*field(c) = uint16(n)
		return nil
	}
}
