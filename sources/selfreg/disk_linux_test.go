package selfreg_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestFullDiskRefusesAndChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		w := newWorld(t, setup{dir: dir})
		w.want(201, "PUT", one, whole)
		away := breakDisk(t, dir)
		rec := w.want(503, "PUT", "/v1/services/web/instances/two", whole)
		if rec.Header().Get("Retry-After") == "" || !strings.Contains(rec.Body.String(), "data directory") || strings.Contains(rec.Body.String(), dir) {
			t.Errorf("refusal: %v %s", rec.Header(), rec.Body)
		}
		w.want(503, "PUT", one, `{"weight":9}`)
		w.want(503, "PUT", one+"/state", `{"state":"down"}`)
		w.want(503, "DELETE", one, "")
		w.want(404, "PUT", "/v1/services/web/instances/two/heartbeat", "")
		w.wantAnswer("web.svc.test. SRV", "web.svc.test. 5 IN SRV 10 11 8080 web-1.web.svc.test. + web-1.web.svc.test. 5 IN A 10.0.0.5")
		w.want(204, "PUT", one+"/heartbeat", "") // nothing is written for these
		w.want(200, "PUT", one, whole)

		if err := os.Rename(away, dir); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		w.want(201, "PUT", "/v1/services/web/instances/two", whole)
		w.want(204, "DELETE", one, "")
		w.stop()
		w = newWorld(t, setup{dir: dir})
		if n := w.zone.Snapshot().Len(); n != 1 {
			t.Errorf("%d instances after the restart, want two alone", n)
		}
	})
}

// breakDisk makes the open log a file on a full disk, and takes the directory
// away, to where it says.
func breakDisk(t *testing.T, dir string) (away string) {
	t.Helper()
	full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	open, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range open {
		if name, _ := os.Readlink(link); name == filepath.Join(dir, "registrations.log") {
			fd, _ := strconv.Atoi(filepath.Base(link))
			if err := syscall.Dup3(int(full.Fd()), fd, 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	away = dir + ".away"
	if err := os.Rename(dir, away); err != nil {
		t.Fatal(err)
	}
	return away
}
