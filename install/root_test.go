package install

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A world is what a root holds: texts of files by their paths; "-> TARGET" is a link, and
// a path that ends in / a directory.
type world map[string]string

// in writes the world below a new root.
func (w world) in(t *testing.T) (root string) {
	t.Helper()
	root = tempDir(t)
	for _, path := range slices.Sorted(maps.Keys(w)) {
		name := filepath.Join(root, path)
		err := os.MkdirAll(filepath.Dir(name), 0o755)
		target, isLink := strings.CutPrefix(w[path], "-> ")
		switch {
		case err != nil:
		case strings.HasSuffix(path, "/"):
			err = os.MkdirAll(name, 0o755)
		case isLink:
			err = os.Symlink(target, name)
		default:
			if err = os.WriteFile(name, []byte(w[path]), 0o640); err == nil {
				err = os.Chtimes(name, long, long)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// long is when the files of a world were written.
var long = time.Date(2020, 1, 2, 3, 4, 5, 6, time.UTC)

// tempDir is in memory where that can be: the tests have thousands of files synced.
func tempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "rollcall-install")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// worldOf reads what a root holds, the record excepted.
func worldOf(t *testing.T, root string) world {
	t.Helper()
	w := make(world)
	for path, e := range entriesOf(t, root) {
		switch {
		case path == recordPath || strings.HasSuffix(path, "/"):
		case e.Kind == link:
			w[path] = "-> " + e.Target
		default:
			w[path] = string(e.Data)
		}
	}
	return w
}

// entriesOf reads all that a root holds, down to modes, owners and times of files. The
// times of directories are left out: they say that something came and went.
func entriesOf(t *testing.T, root string) map[string]entry {
	t.Helper()
	all := make(map[string]entry)
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		path := strings.TrimPrefix(name, root)
		if d.IsDir() {
			all[path+"/"] = entry{}
			return nil
		}
		e, err := readEntry(name, path, maxRecord)
		e.Modified = e.Modified.UTC()
		all[path] = e
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func wantEntries(t *testing.T, root string, want map[string]entry) {
	t.Helper()
	if diff := cmp.Diff(want, entriesOf(t, root)); diff != "" {
		t.Errorf("what the root holds (-want +got):\n%s", diff)
	}
}

// errKilled is what the operations of a dead process come to.
var errKilled = errors.New("killed")

// A breaker makes operations fail: that of a number, or all from it on.
type breaker struct {
	at    int
	dead  bool // it ends the process
	count int
	op    string // that failed first
}

func (b *breaker) fault(op, path string) error {
	b.count++
	if b.count-1 == b.at || b.dead && b.count-1 > b.at {
		if b.op == "" {
			b.op = fmt.Sprintf("operation %d, %s %s", b.at, op, filepath.Base(path))
		}
		return errKilled
	}
	return nil
}

// do makes a plan and carries it out, with faults if a breaker is given.
func do(t *testing.T, prepare func() (*Plan, error), b *breaker) error {
	t.Helper()
	p, err := prepare()
	if err != nil {
		t.Fatal(err)
	}
	if b != nil {
		p.tree.fault = b.fault
	}
	return p.Do()
}

func (o Options) below(root string) func() (*Plan, error) {
	o.Root = root
	if o.Domains == nil {
		o.Domains = []string{"svc.internal"}
	}
	return func() (*Plan, error) { return Prepare(o) }
}

func undo(root string) func() (*Plan, error) {
	return func() (*Plan, error) { return PrepareUndo(root, false) }
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
