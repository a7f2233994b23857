package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/urfave/cli/v2"
)

// The exit codes of all subcommands.
const (
	exitOK      = 0
	exitFailure = 1 // it was tried, and failed; for lookup: there is no such record
	exitUsage   = 2 // it was not tried: flags or settings are wrong; for lookup: no answer could be had
)

// process is what a program gets from the system that starts it.
type process struct {
	args           []string // args[0] is the program itself
	lookup         func(name string) (value string, ok bool)
	stdout, stderr io.Writer
}

// exitError carries the exit code of an error to run.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// errSilent is that of a program under rollcall run, which has said itself what was
// wrong.
var errSilent = errors.New("")

// run runs the subcommand that the arguments name, and gives its exit code.
func run(p *process) int {
	err := newApp(p).Run(p.args)
	if err == nil {
		return exitOK
	}
	if !errors.Is(err, errSilent) {
		fmt.Fprintf(p.stderr, "rollcall: %v\n", err)
	}
	var exit *exitError
	if errors.As(err, &exit) {
		return exit.code
	}
	return exitFailure
}

func newApp(p *process) *cli.App {
	commands := []*cli.Command{serveCommand(p), runCommand(p), lookupCommand(p), installCommand(p), cacheCommand(p), healthCommand(p), versionCommand(p)}
	for _, c := range commands {
		c.OnUsageError = usageError
		c.HideHelpCommand = true
	}
	return &cli.App{
		Name:                      "rollcall",
		Usage:                     "service discovery over DNS",
		Commands:                  commands,
		Writer:                    p.stdout,
		ErrWriter:                 p.stderr,
		Version:                   version,
		DisableSliceFlagSeparator: true, // settings split themselves, alike from flags, variables and files
		OnUsageError:              usageError,
		ExitErrHandler:            func(*cli.Context, error) {}, // run decides
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usagef("there is no command %q: see rollcall help", c.Args().First())
			}
			return cli.ShowAppHelp(c)
		},
	}
}

// usagef is an error about how the program was called.
func usagef(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}

func usageError(c *cli.Context, err error, _ bool) error {
	name := "rollcall"
	if c.Command != nil && c.Command.Name != "" && c.Command.Name != name {
		name += " " + c.Command.Name
	}
	return usagef("%w: see %s --help", err, name)
}
