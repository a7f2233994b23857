package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/rollcall-dns/rollcall/integration/internal/rollcall"
)

// TestScripts runs testdata/script. Beside the commands of testscript they have
//
//	serve FLAG…                      start a server on free ports, wait until it is ready
//	halt                             stop it, and have its output as stdout and stderr
//	container NAME FLAG… -- ARG…     run a container of the test image as $ID-NAME
//	image                            build the image of the program, $SHIPPED
//	network NAME FLAG…               make a network $ID-NAME
//	eventually TIME REGEXP COMMAND…  run COMMAND until its output matches
//	always TIME REGEXP COMMAND…      run COMMAND again and again: its output matches each time
//	engine start|stop                an engine of the script's own, for which $DOCKER_HOST is set
//
// and in scripts for bash
//
//	await COMMAND                    wait until it succeeds (testdata/await.sh)
//
// and the variables ID (unique, a label), IMAGE, ROLLCALL (the program), DNS and HTTP (addresses of the
// server), PORT (of DNS), TLSPORT and HTTPSPORT (of DNS over TLS and HTTPS, if it speaks them). What a script makes on the engine is removed at its end.
func TestScripts(t *testing.T) {
	bin, err := binaries()
	if err != nil {
		t.Fatal(err)
	}
	if err := localImage(); err != nil {
		t.Fatal(err)
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                filepath.Join("testdata", "script"),
		RequireUniqueNames: true,
		Setup:              func(e *testscript.Env) error { return setUp(e, bin, filepath.Join(dir, "testdata", "await.sh")) },
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"serve":      serve,
			"halt":       halt, // the name stop is taken: it ends a script, as if it had passed
			"container":  container,
			"image":      imageCmd,
			"network":    network,
			"eventually": eventually,
			"always":     always,
			"engine":     engineCmd,
		},
	})
}

func setUp(e *testscript.Env, bin, beforeBash string) error {
	script := strings.TrimPrefix(filepath.Base(e.WorkDir), "script-")
	id := runID + "-" + strings.ReplaceAll(script, "_", "-")
	e.Vars = append(e.Vars,
		"PATH="+bin+":"+os.Getenv("PATH")+":/usr/sbin:/sbin",
		"BASH_ENV="+beforeBash,
		"ROLLCALL="+filepath.Join(bin, "rollcall"),
		"DOCKER_HOST="+os.Getenv("DOCKER_HOST"),
		"ID="+id,
		"IMAGE="+image,
		// a script that wants something else says so with a flag
		"ROLLCALL_DNS=127.0.0.1:0",
		"ROLLCALL_HTTP=127.0.0.1:0",
		"ROLLCALL_DOCKER=off",
		"ROLLCALL_UPSTREAM=off",
	)
	e.Values[stateKey{}] = new(state)
	e.Defer(func() { removeLabelled(id) })
	return nil
}

// state is what the commands of one script share.
type state struct {
	server *rollcall.Server
	engine *scriptEngine
}

type stateKey struct{}

func stateOf(ts *testscript.TestScript) *state { return ts.Value(stateKey{}).(*state) }

// container runs a container and gives its ID as stdout.
func container(ts *testscript.TestScript, neg bool, args []string) {
	plain(ts, neg, len(args) >= 2, "container NAME FLAG… -- ARG…")
	id := ts.Getenv("ID")
	run := []string{"run", "--detach", "--name", id + "-" + args[0], "--hostname", args[0], "--label", id, "--label", runID}
	flags, command, found := cut(args[1:], "--")
	if !found {
		ts.Fatalf("container: -- is missing before the command")
	}
	run = append(append(run, flags...), image)
	ts.Check(ts.Exec("docker", append(run, command...)...))
}

func imageCmd(ts *testscript.TestScript, neg bool, args []string) {
	plain(ts, neg, len(args) == 0, "image")
	ts.Check(shippedImage())
	ts.Setenv("SHIPPED", shipped)
}

func network(ts *testscript.TestScript, neg bool, args []string) {
	plain(ts, neg, len(args) >= 1, "network NAME FLAG…")
	id := ts.Getenv("ID")
	create := append([]string{"network", "create", "--label", id, "--label", runID}, args[1:]...)
	ts.Check(ts.Exec("docker", append(create, id+"-"+args[0])...))
}

func cut(args []string, sep string) (before, after []string, found bool) {
	for i, a := range args {
		if a == sep {
			return args[:i], args[i+1:], true
		}
	}
	return args, nil, false
}

func eventually(ts *testscript.TestScript, neg bool, args []string) {
	plain(ts, neg, len(args) >= 3, "eventually TIME REGEXP COMMAND…")
	within, want := timeAndRegexp(ts, args)
	began := time.Now()
	for {
		out := output(ts, args[2:])
		if want.MatchString(out) {
			ts.Logf("after %v", time.Since(began).Round(time.Millisecond))
			return
		}
		if time.Since(began) > within {
			ts.Fatalf("for %v no output matched %q; the last was\n%s", within, want, out)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func always(ts *testscript.TestScript, neg bool, args []string) {
	plain(ts, neg, len(args) >= 3, "always TIME REGEXP COMMAND…")
	during, want := timeAndRegexp(ts, args)
	for began := time.Now(); time.Since(began) < during; time.Sleep(20 * time.Millisecond) {
		if out := output(ts, args[2:]); !want.MatchString(out) {
			ts.Fatalf("after %v the output did not match %q\n%s", time.Since(began), want, out)
		}
	}
}

func timeAndRegexp(ts *testscript.TestScript, args []string) (time.Duration, *regexp.Regexp) {
	d, err := time.ParseDuration(args[0])
	ts.Check(err)
	re, err := regexp.Compile(args[1])
	ts.Check(err)
	return d, re
}

// output runs a command and gives what it printed, and how it ended.
func output(ts *testscript.TestScript, command []string) string {
	if err := ts.Exec(command[0], command[1:]...); err != nil {
		return ts.ReadFile("stdout") + ts.ReadFile("stderr") + fmt.Sprintln(err)
	}
	return ts.ReadFile("stdout") + ts.ReadFile("stderr")
}

// plain refuses "!" in front of a command that has no opposite, and bad usage.
func plain(ts *testscript.TestScript, neg, ok bool, usage string) {
	if neg || !ok {
		ts.Fatalf("usage: %s", usage)
	}
}
