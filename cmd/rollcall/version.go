package main

import (
	"fmt"
	"runtime"

	"github.com/urfave/cli/v2"
)

// version is set by the linker.
var version = "dev"

func versionCommand(p *process) *cli.Command {
	return &cli.Command{
		Name:  "version",
		Usage: "print the version of the program, of Go and of the platform",
		Action: func(*cli.Context) error {
			fmt.Fprintf(p.stdout, "rollcall %s %s %s/%s\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return nil
		},
	}
}
