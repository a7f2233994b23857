//go:build conformance

package clients

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// named is the port of a service that is looked up by SRV.
const named = "_http._tcp."

// glibc and musl are asked by the same program.
func glibc(t *testing.T) look { return repeats("", compiled(t, "gcc"))(t) }
func musl(t *testing.T) look  { return repeats("", compiled(t, "musl-gcc", "-static"))(t) }

func compiled(t *testing.T, compiler ...string) (program string) {
	t.Helper()
	program = filepath.Join(scratch(t), "lookup")
	run(t, append(compiler, "-Wall", "-Werror", "-D_GNU_SOURCE", "-o", program, "testdata/lookup.c")...)
	return program
}

// repeats is a program that stays, as those do that keep what they have found. It
// prints what it finds for each name that it reads, a line each, and then an empty one;
// a line with an exclamation mark is a failure. The names are given the prefix.
func repeats(prefix string, command ...string) func(t *testing.T) look {
	return func(t *testing.T) look {
		cmd := exec.Command(command[0], command[1:]...)
		cmd.Stderr = os.Stderr
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			in.Close()
			cmd.Wait()
		})
		lines := bufio.NewScanner(out)
		ask := func(ctx context.Context, name string) ([]string, error) {
			defer context.AfterFunc(ctx, func() { cmd.Process.Kill() })()
			fmt.Fprintln(in, name)
			return paragraph(lines)
		}
		if _, err := ask(t.Context(), "localhost"); err != nil { // it has started when it answers
			t.Fatalf("%v: %v", cmd, err)
		}
		return func(ctx context.Context, name string) ([]string, error) { return ask(ctx, prefix+name) }
	}
}

// paragraph reads the lines up to an empty one, each different one once.
func paragraph(lines *bufio.Scanner) (found []string, err error) {
	for lines.Scan() {
		switch line := lines.Text(); {
		case line == "":
			return found, err
		case strings.HasPrefix(line, "!"):
			err = errors.New(line)
		case !slices.Contains(found, line):
			found = append(found, line)
		}
	}
	return nil, io.ErrUnexpectedEOF
}

// goVersion is that of the tests, whose resolver is asked.
func goVersion() []string { return []string{"echo", runtime.Version()} }

// pure is Go's own resolver, not that of the C library.
var pure = &net.Resolver{PreferGo: true}

func goHost(*testing.T) look {
	return func(ctx context.Context, name string) ([]string, error) {
		found, err := pure.LookupHost(ctx, name)
		return found, unlessNotFound(err)
	}
}

func goService(*testing.T) look { return goServiceFrom(pure) }

// goServiceFrom asks for SRV, and then for the addresses of each target.
func goServiceFrom(r *net.Resolver) look {
	return func(ctx context.Context, name string) (found []string, err error) {
		_, srvs, err := r.LookupSRV(ctx, "http", "tcp", name)
		if err != nil {
			return nil, unlessNotFound(err)
		}
		for _, srv := range srvs {
			addrs, err := r.LookupHost(ctx, srv.Target)
			if unlessNotFound(err) != nil {
				return nil, err
			}
			for _, a := range addrs {
				found = append(found, net.JoinHostPort(a, fmt.Sprint(srv.Port)))
			}
		}
		return found, nil
	}
}

func unlessNotFound(err error) error {
	if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsNotFound {
		return nil
	}
	return err
}

func java(t *testing.T) look {
	return repeats("", "java", "-Djava.security.properties="+documented(t, "Java"), "testdata/Lookup.java")(t)
}
