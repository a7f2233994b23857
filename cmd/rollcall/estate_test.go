package main

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-dns/rollcall/sources"
	"github.com/rollcall-dns/rollcall/sources/selfreg"
	"github.com/rollcall-dns/rollcall/zone"
)

func TestWhatASourceReportedIsOfUseForTwoMinutesOfOneBoot(t *testing.T) {
	seen := moment{"boot", time.Hour}
	for _, tt := range []struct {
		name string
		form int
		at   moment
		want string
	}{
		{"at once", estateForm, seen, ""},
		{"just before its end", estateForm, moment{"boot", time.Hour + maxAge - 1}, ""},
		{"too old", estateForm, moment{"boot", time.Hour + maxAge}, "it is 2m0s old, and may be 2m0s"},
		{"another boot", estateForm, moment{"other", time.Hour}, "it is from before the machine was started"},
		{"from the future", estateForm, moment{"boot", time.Minute}, "it is from before the machine was started"},
		{"another form", estateForm + 1, seen, "another version has written it"},
	} {
		head := estateHead{tt.form, seen}
		_, err := head.age(tt.at)
		if got := errorText(err); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	if _, ok := (moment{}).after(moment{}); ok {
		t.Error("the time between moments of no boot is known")
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// leaving gives a directory in which a server has left a state of one source.
func leaving(t *testing.T, seen moment, changes ...zone.Change) string {
	t.Helper()
	var pieces [][]byte
	for _, c := range changes {
		pieces = append(pieces, encodePiece(piece{Change: &c}))
	}
	dir := t.TempDir()
	if err := estateIn(dir).write(seen, slices.Values(pieces), time.Minute); err != nil {
		t.Fatal(err)
	}
	return dir
}

func web(id string) zone.Instance { return zone.Instance{ID: id, Service: "web", State: zone.Up} }

// inherited is a server that has taken over what is in a directory, and does not run.
func inherited(t *testing.T, dir string) *server {
	t.Helper()
	cfg := testConfig()
	cfg.DataDir, cfg.Docker = dir, "unix://"+dir+"/nobody"
	from, err := inherit(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	s, err := newServer(t.Context(), cfg, from, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	return s
}

func this(t *testing.T) moment {
	t.Helper()
	m, err := now()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestWhatIsTakenOverFromAFileHasALease(t *testing.T) {
	seen := this(t)
	seen.Up -= time.Minute
	s := inherited(t, leaving(t, seen, zone.Change{Source: "docker", Put: []zone.Instance{web("a")}}))
	in, ok := s.zone.Snapshot().Instance(zone.Key{Source: "docker", ID: "a"})
	if !ok || in.Lease == nil {
		t.Fatalf("got %+v, %v, want an instance with a lease", in, ok)
	}
	if left := time.Duration(in.Lease.Deadline() - s.clock.Now()); left > maxAge-time.Minute || left < maxAge-time.Minute-10*time.Second {
		t.Errorf("%v are left, want a bit less than %v", left, maxAge-time.Minute)
	}
	docker := statusOf(t, s, "docker")
	if !docker.Stale || docker.Synced {
		t.Errorf("got %+v, want that it is stale", docker)
	}
	if m := s.from.lastSeen(&docker); m == nil || *m != seen {
		t.Errorf("the next server is told %v, want %v: it does not become younger", m, seen)
	}
	if _, _, err := estateIn(s.cfg.DataDir).read(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file that was used: %v, want that there is none", err)
	}
}

func TestWhatNoSourceFollowsIsNotTakenOver(t *testing.T) {
	s := inherited(t, leaving(t, this(t),
		zone.Change{Source: "static", Put: []zone.Instance{web("a")}},
		zone.Change{Source: selfreg.Name, Put: []zone.Instance{web("b")}}))
	if n := s.zone.Snapshot().Count("static"); n != 0 {
		t.Errorf("%d of a source that the settings leave out", n)
	}
	if n := s.zone.Snapshot().Count(selfreg.Name); n != 1 {
		t.Errorf("%d of one that is there, want 1", n)
	}
}

func TestFileThatCannotBeUsedIsIgnoredAndGone(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(estateIn(dir).path, []byte("what?"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := inherited(t, dir)
	if st := statusOf(t, s, "docker"); st.Stale || s.zone.Snapshot().Len() != 0 {
		t.Errorf("got %+v", st)
	}
	if names, _ := os.ReadDir(dir); slices.ContainsFunc(names, func(e fs.DirEntry) bool { return strings.HasPrefix(e.Name(), "reported") }) {
		t.Errorf("still there: %v", names)
	}
}

func TestSourcesThatHaveNotSyncedLeaveNothing(t *testing.T) {
	s := inherited(t, t.TempDir())
	if _, err := s.checks.Send(t.Context(), zone.Change{Source: "docker", Kind: zone.SyncPart, Put: []zone.Instance{web("a")}}); err != nil {
		t.Fatal(err)
	}
	if list := s.worthLeaving(); len(list) != 0 {
		t.Errorf("left: %+v", list)
	}
}

func statusOf(t *testing.T, s *server, name string) sources.Status {
	t.Helper()
	list := s.sources.Status()
	i := slices.IndexFunc(list, func(st sources.Status) bool { return st.Name == name })
	if i < 0 {
		t.Fatalf("there is no source %q", name)
	}
	return list[i]
}
