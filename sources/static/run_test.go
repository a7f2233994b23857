package static

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-dns/rollcall/sources/sourcetest"
	"github.com/rollcall-dns/rollcall/zone"
)

// quick is how often tests look at the file.
const quick = 10 * time.Millisecond

// records is a file at path, as its operator writes it.
type records struct {
	t    *testing.T
	path string
	list []string
}

func newRecords(t *testing.T) *records {
	r := &records{t: t, path: filepath.Join(t.TempDir(), "records.yaml")}
	r.write()
	return r
}

// write puts a new file in the place of the old one.
func (r *records) write() {
	r.t.Helper()
	text := "records:\n- " + strings.Join(r.list, "\n- ") + "\n"
	if len(r.list) == 0 {
		text = "records: []\n"
	}
	r.put(r.path+".new", text)
	if err := os.Rename(r.path+".new", r.path); err != nil {
		r.t.Fatal(err)
	}
}

func (r *records) put(path, text string) {
	r.t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

func (r *records) source() *Source {
	r.t.Helper()
	s, err := New(Options{Path: r.path, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		r.t.Fatal(err)
	}
	s.poll, s.settle = quick, quick
	return s
}

func TestSourceKeepsTheContract(t *testing.T) {
	sourcetest.TestSource(t, func(t *testing.T) *sourcetest.Origin {
		r := newRecords(t)
		bad := false
		return &sourcetest.Origin{
			Source: r.source(),
			Add: func(name string) string {
				r.list = append(r.list, "{name: "+name+", a: 10.0.0.1}")
				r.write()
				return name + " A 10.0.0.1"
			},
			Remove: func(id string) {
				name, _, _ := strings.Cut(id, " ")
				for i, l := range r.list {
					if strings.Contains(l, "name: "+name+",") {
						r.list = append(r.list[:i], r.list[i+1:]...)
						break
					}
				}
				if !bad {
					r.write()
				}
			},
			Break: func() { bad = true; os.Remove(r.path) },
			Cut: func() {
				data, err := os.ReadFile(r.path)
				if err != nil {
					t.Fatal(err)
				}
				bad = true
				r.put(r.path, string(data[:len(data)-3]))
			},
			Mend: func() { bad = false; r.write() },
		}
	})
}

// start runs a source until the test ends, again when it has failed.
func start(t *testing.T, s *Source) (rec *sourcetest.Recorder, failed chan error) {
	rec, failed = new(sourcetest.Recorder), make(chan error, 100)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			err := s.Run(ctx, rec)
			if ctx.Err() == nil {
				failed <- err
			}
			pause(ctx, quick)
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return rec, failed
}

func TestEveryWayToWriteAFileIsSeen(t *testing.T) {
	dir := t.TempDir()
	r := &records{t: t, path: filepath.Join(dir, "records.yaml")}
	write := func(addr string) { r.put(r.path, "records: [{name: x, a: "+addr+"}]\n") }
	write("10.0.0.1")
	rec, _ := start(t, r.source())
	lines := []string{"+x A 10.0.0.1"}
	rec.Await(t, lines...)
	step := func(from, to string) {
		t.Helper()
		lines = append(lines, "+x A "+to, "-x A "+from)
		rec.Await(t, lines...)
	}

	write("10.0.0.2") // in place, with the same size
	step("10.0.0.1", "10.0.0.2")

	old, err := os.Stat(r.path)
	if err != nil {
		t.Fatal(err)
	}
	write("10.0.0.3")
	if err := os.Chtimes(r.path, old.ModTime(), old.ModTime()); err != nil { // within one tick of a coarse clock
		t.Fatal(err)
	}
	step("10.0.0.2", "10.0.0.3")

	r.put(r.path+"~", "records: [{name: x, a: 10.0.0.4}]\n") // by rename
	if err := os.Rename(r.path+"~", r.path); err != nil {
		t.Fatal(err)
	}
	step("10.0.0.3", "10.0.0.4")

	for i, version := range []string{"v1", "v2"} { // by a link that changes, as Kubernetes mounts volumes
		if err := os.Mkdir(filepath.Join(dir, version), 0o755); err != nil {
			t.Fatal(err)
		}
		r.put(filepath.Join(dir, version, "records.yaml"), "records: [{name: x, a: 10.0.0."+string(rune('5'+i))+"}]\n")
	}
	link := func(to, from string) {
		t.Helper()
		if err := os.Symlink(to, from+".new"); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(from+".new", from); err != nil {
			t.Fatal(err)
		}
	}
	link("v1", filepath.Join(dir, "..data"))
	link("..data/records.yaml", r.path)
	step("10.0.0.4", "10.0.0.5")
	link("v2", filepath.Join(dir, "..data"))
	step("10.0.0.5", "10.0.0.6")
}

func TestFaultyFileKeepsTheLastGoodOne(t *testing.T) {
	r := newRecords(t)
	r.list = []string{"{name: x, a: 10.0.0.1}"}
	r.write()
	rec, failed := start(t, r.source())
	rec.Await(t, "+x A 10.0.0.1")

	for _, tt := range []struct {
		name string
		do   func()
		want string
	}{
		{"faults", func() { r.put(r.path, "records:\n- {name: y, a: 10.0.0.300}\n- {name: z}\n") },
			r.path + `:2:16: entry "y": a "10.0.0.300" must be an IPv4 address` + "\n" + r.path + `:3:3: entry "z": must have at least one of a, aaaa, cname, srv and txt`},
		{"an empty file", func() { r.put(r.path, "") }, "must have the key records"},
		{"no file", func() { os.Remove(r.path) }, "no such file"},
		{"a directory", func() { os.Mkdir(r.path, 0o755) }, "is not a regular file"},
	} {
		tt.do()
		deadline := time.After(10 * time.Second)
		var last error
		for !(last != nil && strings.Contains(last.Error(), tt.want)) {
			select {
			case last = <-failed:
			case <-deadline:
				t.Fatalf("%s: no error with %q, but %v", tt.name, tt.want, last)
			}
		}
	}
	rec.Want(t, "+x A 10.0.0.1")
	os.Remove(r.path)
	r.list = []string{"{name: x, a: 10.0.0.1}", "{name: y, a: 10.0.0.2}"}
	r.write()
	rec.Await(t, "+x A 10.0.0.1", "+y A 10.0.0.2")
}

// A file that is read while it is written is taken when it has come to rest.
func TestFileThatIsBeingWrittenIsWaitedFor(t *testing.T) {
	r := newRecords(t)
	for i := range 20 {
		r.list = append(r.list, "{name: n"+string(rune('a'+i))+", a: 10.0.0.1}")
	}
	r.write()
	s := r.source()
	s.settle = time.Second
	rec, _ := start(t, s)
	for rec.Syncs() == 0 {
		time.Sleep(quick)
	}
	f, err := os.Create(r.path) // truncates
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	io.WriteString(f, "records:\n")
	for _, l := range r.list {
		io.WriteString(f, "- "+l+"\n")
		time.Sleep(quick) // every part is a whole file by its form
	}
	io.WriteString(f, "- {name: last, a: 10.0.0.2}\n")
	for range 1000 {
		if len(rec.IDs()) == 21 {
			break
		}
		time.Sleep(quick)
	}
	for _, l := range rec.Lines() {
		if strings.HasPrefix(l, "-") {
			t.Errorf("%s, though it was there before and after", l)
		}
	}
	if n := len(rec.IDs()); n != 21 {
		t.Errorf("%d records, want 21", n)
	}
}

func TestNewRefusesAFileThatIsNotGood(t *testing.T) {
	dir := t.TempDir()
	r := &records{t: t, path: filepath.Join(dir, "f")}
	if _, err := New(Options{Path: r.path}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	r.put(r.path, "records: [{name: x}]")
	if _, err := New(Options{Path: r.path}); err == nil || !strings.Contains(err.Error(), `f:1:11: entry "x": must have at least one of`) {
		t.Errorf("faulty file: %v", err)
	}
	r.put(r.path, string(bytes.Repeat([]byte("#"), maxFile+1)))
	if _, err := New(Options{Path: r.path}); err == nil || !strings.Contains(err.Error(), "has more than 16 MiB") {
		t.Errorf("large file: %v", err)
	}
}

// What the zone refuses by itself is told as every source's is.
func TestRecordsThatTheZoneRefusesHarmNoOthers(t *testing.T) {
	z, err := zone.New(zone.Options{Domains: []zone.Name{zone.MustParseName("svc.test")}, MaxInstances: 2})
	if err != nil {
		t.Fatal(err)
	}
	list, err := Parse("f", []byte("records: [{name: x, a: [10.0.0.1, 10.0.0.2, 10.0.0.3]}]"))
	if err != nil {
		t.Fatal(err)
	}
	r := z.Apply(zone.Change{Source: Name, Kind: zone.SyncEnd, Static: list})
	if len(r.Rejected) != 1 || r.Rejected[0].ID != "x A 10.0.0.3" || !errors.Is(r.Rejected[0].Err, zone.ErrFull) {
		t.Errorf("rejected: %v", r.Rejected)
	}
}
