package install

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestUndoLeavesAloneWhatWasChangedSince(t *testing.T) {
	root := hosts["plain"].in(t)
	before := entriesOf(t, root)
	must(t, do(t, Options{}.below(root), nil))
	must(t, os.WriteFile(filepath.Join(root, resolvConf), []byte("nameserver 198.51.100.1\n"), 0o644))
	installed := entriesOf(t, root)

	p, err := PrepareUndo(root, false)
	if err == nil || !strings.Contains(err.Error(), "/etc/resolv.conf was changed since: --force") || strings.Contains(err.Error(), "daemon.json") {
		t.Fatalf("plan %+v, error %v", p, err)
	}
	wantEntries(t, root, installed)

	must(t, do(t, func() (*Plan, error) { return PrepareUndo(root, true) }, nil))
	wantEntries(t, root, before)
}

// A DHCP client writes resolv.conf again: that is then what undoing brings back.
func TestApplyTakesWhatWasWrittenSinceForTheOriginal(t *testing.T) {
	root := hosts["plain"].in(t)
	must(t, do(t, Options{}.below(root), nil))
	const renewed = "nameserver 198.51.100.1\n"
	must(t, os.WriteFile(filepath.Join(root, resolvConf), []byte(renewed), 0o640))
	must(t, do(t, Options{}.below(root), nil))
	if got, want := worldOf(t, root)[resolvConf], written+"nameserver 127.0.0.1\n"+renewed; got != want {
		t.Errorf("applied again:\n%s", got)
	}
	must(t, do(t, undo(root), nil))
	if got := worldOf(t, root)[resolvConf]; got != renewed {
		t.Errorf("undone:\n%s", got)
	}
}

func TestWhatWasRestoredByHandIsNoChange(t *testing.T) {
	root := hosts["plain"].in(t)
	before := entriesOf(t, root)
	must(t, do(t, Options{}.below(root), nil))
	must(t, do(t, func() (*Plan, error) { // all but the record
		p, err := PrepareUndo(root, false)
		return &Plan{tree: p.tree, steps: p.steps, old: p.record, record: p.record, oldEntry: p.oldEntry}, err
	}, nil))
	must(t, do(t, undo(root), nil))
	wantEntries(t, root, before)
}

func TestFilesOfOthersInADirectoryThatWasMadeStay(t *testing.T) {
	root := hosts["resolved"].in(t)
	must(t, do(t, Options{}.below(root), nil))
	const theirs = "/etc/systemd/resolved.conf.d/theirs.conf"
	must(t, os.WriteFile(filepath.Join(root, theirs), []byte("[Resolve]\n"), 0o644))
	must(t, do(t, undo(root), nil))
	w := worldOf(t, root)
	if _, ours := w[resolvedDropIn]; ours || w[theirs] != "[Resolve]\n" {
		t.Errorf("left: %q", w)
	}
}

func TestAPlanIsNotCarriedOutWhenThingsChangedMeanwhile(t *testing.T) {
	for _, path := range []string{resolvConf, recordPath} {
		t.Run(path, func(t *testing.T) {
			root := hosts["plain"].in(t)
			p, err := Options{}.below(root)()
			must(t, err)
			must(t, os.MkdirAll(filepath.Join(root, filepath.Dir(path)), 0o755))
			must(t, os.WriteFile(filepath.Join(root, path), []byte("{}"), 0o600))
			before := worldOf(t, root)
			if err := p.Do(); err == nil || !strings.Contains(err.Error(), path+" was changed meanwhile") {
				t.Errorf("error %v", err)
			}
			if got := worldOf(t, root); got[resolvConf] != before[resolvConf] || got[daemonJSON] != before[daemonJSON] {
				t.Errorf("it changed %q", got)
			}
		})
	}
}

// A process that is killed at any operation leaves files that are whole, from which both
// undoing and applying again go on.
func TestAProcessThatIsKilledAnywhere(t *testing.T) {
	everyCase(t, func(t *testing.T, host world, run []Options) {
		done := host.in(t)
		before := entriesOf(t, done)
		states := []world{worldOf(t, done)}
		for _, o := range run {
			must(t, do(t, o.below(done), nil))
			states = append(states, worldOf(t, done))
		}
		for last := range run {
			for at := 0; ; at++ {
				b := &breaker{at: at, dead: true}
				root := host.in(t)
				for _, o := range run[:last] {
					must(t, do(t, o.below(root), nil))
				}
				do(t, run[last].below(root), b)
				if b.op == "" {
					break
				}
				wantWhole(t, b, worldOf(t, root), states[last], states[last+1])
				if at%2 == 0 {
					must(t, do(t, run[last].below(root), nil))
				}
				must(t, do(t, undo(root), nil))
				wantBack(t, b, root, before)
			}
		}
	})
}

func TestAProcessThatIsKilledWhileItUndoes(t *testing.T) {
	everyCase(t, func(t *testing.T, host world, run []Options) {
		for at := 0; ; at++ {
			b := &breaker{at: at, dead: true}
			root := host.in(t)
			before := entriesOf(t, root)
			for _, o := range run {
				must(t, do(t, o.below(root), nil))
			}
			installed := worldOf(t, root)
			do(t, undo(root), b)
			if b.op == "" {
				break
			}
			wantWhole(t, b, worldOf(t, root), installed, worldOf(t, host.in(t)))
			must(t, do(t, undo(root), nil))
			wantBack(t, b, root, before)
		}
	})
}

// wantWhole: each file is that of before or that of after.
func wantWhole(t *testing.T, b *breaker, got, before, after world) {
	t.Helper()
	for _, path := range paths {
		if got[path] != before[path] && got[path] != after[path] {
			t.Errorf("killed at %s: %s is\n%s", b.op, path, got[path])
		}
	}
}

// wantBack: all is as before. Only what a process leaves that was killed before it could
// record anything, or after the record was gone, may remain: an empty directory.
func wantBack(t *testing.T, b *breaker, root string, before map[string]entry) {
	t.Helper()
	for dir := filepath.Dir(recordPath); dir != "/"; dir = filepath.Dir(dir) {
		if _, was := before[dir+"/"]; !was {
			os.Remove(filepath.Join(root, dir)) // which fails when it is not empty
		}
	}
	if t.Failed() {
		return
	}
	wantEntries(t, root, before)
	if t.Failed() {
		t.Fatalf("killed at %s", b.op)
	}
}

// An operation that fails, once, leaves all files as they were.
func TestAnOperationThatFailsAnywhere(t *testing.T) {
	everyCase(t, func(t *testing.T, host world, run []Options) {
		for at := 0; ; at++ {
			b := &breaker{at: at}
			root := host.in(t)
			for _, o := range run[:len(run)-1] {
				must(t, do(t, o.below(root), nil))
			}
			before := entriesOf(t, root)
			err := do(t, run[len(run)-1].below(root), b)
			if b.op == "" {
				must(t, err)
				break
			}
			if err == nil {
				t.Fatalf("%s failed, and nobody says so", b.op)
			}
			wantBack(t, b, root, before)
		}
	})
}
