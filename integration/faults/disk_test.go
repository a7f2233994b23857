package faults

import (
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rollcall-dns/rollcall/integration/internal/rollcall"
)

const (
	diskLease = 2 * time.Second
	diskFor   = 3 * time.Second // longer than a lease: without heartbeats all would be gone
)

// tenants are two services on one server: they send heartbeats until the test ends.
type tenants struct {
	*registry
	*checker
	t       testing.TB
	stop    func()
	beating sync.WaitGroup
}

func newTenants(t testing.TB, s *rollcall.Server) *tenants {
	t.Helper()
	stop := make(chan struct{})
	c := &tenants{registry: newRegistry(t, s.HTTP, 8), checker: watch(t, s.DNS[0].String()), t: t}
	c.stop = sync.OnceFunc(func() { close(stop); c.beating.Wait() })
	t.Cleanup(c.stop)
	c.are(changing, "disk", 1, 2, 3)
	for _, port := range []int{1, 2} {
		c.must("register", c.register("disk", port, diskLease), http.StatusCreated)
		c.beating.Go(func() { c.beat("disk", port, diskLease/4, stop) })
	}
	c.truthWithin(soon, "disk", 1, 2)
	return c
}

func (c *tenants) leaveAll() {
	c.are(changing, "disk", 1, 2, 3)
	c.goes("")
	c.stop()
}

// large is a registration that does not fit into what is left of a page.
var large = `{"tags":["last` + strings.Repeat(`","`+strings.Repeat("x", 99), 50) + `"]}`

// refused holds for longer than a lease: what cannot be kept is not taken, and changes
// nothing.
func (c *tenants) refused() {
	c.t.Helper()
	for begun := time.Now(); time.Since(begun) < diskFor; time.Sleep(100 * time.Millisecond) {
		status, later := c.send(http.MethodPut, instance("disk", 3), large)
		if status != http.StatusServiceUnavailable || !later {
			c.t.Fatalf("a registration that cannot be kept is answered with %d, Retry-After: %t", status, later)
		}
	}
}

// TestDiskFull fills the disk under the data directory, and makes room again.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	disk := t.TempDir()
	mount(t, "tmpfs", disk, "-t", "tmpfs", "-o", "size=128k")
	s := serve(t, "--docker", "off", "--data-dir", filepath.Join(disk, "data"))
	c := newTenants(t, s)
	fill(t, filepath.Join(disk, "other"))
	c.refused()
	if err := os.Remove(filepath.Join(disk, "other")); err != nil {
		t.Fatal(err)
	}
	c.are(changing, "disk", 3)
	room := time.Now()
	for c.register("disk", 3, time.Hour) != http.StatusCreated {
		if time.Since(room) > soon {
			t.Fatalf("there is room for %v, and registrations are refused", soon)
		}
		time.Sleep(5 * time.Millisecond)
	}
	took := time.Since(room)
	c.truthWithin(soon, "disk", 1, 2, 3)
	c.leaveAll()
	s.Stop(syscall.SIGKILL)
	s = serve(t, "--docker", "off", "--data-dir", filepath.Join(disk, "data"))
	c.goes(s.DNS[0].String())
	c.truthWithin(soon, "disk", 1, 2, 3)
	results.row(t, "disk full for "+ms(diskFor), "registrations are refused with 503, and taken %s after there is room", ms(took))
	c.are(changing, "disk", 1, 2, 3) // the leases end
}

// fill writes to a file until nothing more can be.
func fill(t testing.TB, name string) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 4096; size > 0; {
		if n, err := f.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
			if n == 0 {
				size /= 2
			}
		} else if err != nil && !errors.Is(err, io.ErrShortWrite) {
			t.Fatal(err)
		}
	}
}

// TestDiskFailsAndIsReadOnly has the kernel find the file system broken, upon which it
// lets nobody write any more. What was confirmed before is there when it is mended.
func TestDiskFailsAndIsReadOnly(t *testing.T) {
	t.Parallel()
	image, disk := filepath.Join(t.TempDir(), "image"), t.TempDir()
	if err := os.WriteFile(image, make([]byte, 8<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	tool(t, "mkfs.ext4", "-q", image)
	unmount := mount(t, image, disk, "-o", "loop")
	data := filepath.Join(disk, "data")
	s := serve(t, "--docker", "off", "--data-dir", data)
	c := newTenants(t, s)
	tool(t, "mount", "-o", "remount,abort", disk)
	c.refused()
	c.must("leave", c.leave("disk", 1), http.StatusServiceUnavailable) // it has not left
	time.Sleep(100 * time.Millisecond)
	c.leaveAll()
	s.Stop(syscall.SIGKILL)

	refused, err := rollcall.Start(exec.Command(program(t), "serve", "--docker", "off", "--dns", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data-dir", data))
	if err == nil {
		refused.Stop(syscall.SIGKILL)
		t.Error("a server starts that cannot keep anything")
	} else if !strings.Contains(err.Error(), "data directory cannot be written") || !strings.Contains(err.Error(), "read-only file system") {
		t.Errorf("a server on a read-only directory says %v", err)
	}
	unmount()
	released(t, image)
	exec.Command("e2fsck", "-fy", image).Run() // it says by its code that it has mended something
	mount(t, image, disk, "-o", "loop")
	s = serve(t, "--docker", "off", "--data-dir", data)
	c.goes(s.DNS[0].String())
	took := c.truthWithin(soon, "disk", 1, 2)
	results.row(t, "disk fails and becomes read-only for "+ms(diskFor), "registrations are refused with 503, and so is a start; on the mended disk all are answered after %s", ms(took))
	c.are(changing, "disk", 1, 2)
}

// mount mounts until the end of the test, or until it is told to unmount.
func mount(t testing.TB, what, where string, options ...string) (unmount func()) {
	t.Helper()
	tool(t, "mount", append(options, what, where)...)
	unmount = sync.OnceFunc(func() {
		if err := syscall.Unmount(where, 0); err != nil {
			t.Errorf("unmount %s: %v", where, err)
		}
	})
	t.Cleanup(unmount)
	return unmount
}

// released waits until no device stands for an image any more: unmounting does not.
func released(t testing.TB, image string) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		backing, _ := filepath.Glob("/sys/block/loop*/loop/backing_file")
		if !slices.ContainsFunc(backing, func(file string) bool {
			name, err := os.ReadFile(file)
			return err == nil && strings.TrimSpace(string(name)) == image
		}) {
			return
		}
	}
	t.Fatalf("a loop device still stands for %s, 10 s after it was unmounted", image)
}

func tool(t testing.TB, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin") // not every PATH has them
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, out)
	}
}
