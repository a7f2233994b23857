// Command rollcall is a DNS server for service discovery: it answers for the
// containers and the self-registered services that are up, and for no others.
package main

import "os"

func main() {
	os.Exit(run(&process{
		args:   os.Args,
		lookup: os.LookupEnv,
		stdout: os.Stdout,
		stderr: os.Stderr,
	}))
}
