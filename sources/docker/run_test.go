package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-dns/rollcall/zone"
)

func TestRunReportsWhatRunsThenWhatChanges(t *testing.T) {
	f := newFake(t)
	one := f.run(1)
	w := newWorld(t, Options{Host: f.host()})
	_, stop := w.follow()
	w.want("web-1:up")

	two := f.run(2, func(c *fakeContainer) { c.Health = "starting" })
	w.want("web-1:up web-2:starting")
	f.with(func() { f.containers[two].Health = "healthy" })
	f.emit("container", "health_status: healthy", two)
	w.want("web-1:up web-2:up")
	f.with(func() { f.containers[one].Paused = true })
	f.emit("container", "pause", one)
	w.want("web-1:down web-2:up")
	f.with(func() { f.containers[one].Name = "renamed" })
	f.emit("container", "rename", one, "oldName=/web-1")
	w.want("renamed:down web-2:up")
	f.die(one)
	w.want("web-2:up")
	f.with(func() { delete(f.containers, two) })
	f.emit("container", "destroy", two)
	w.want("")

	stop()
	if n := len(w.changes()); w.changes()[n-1].Kind != zone.Delta {
		t.Error("the last change is no delta")
	}
}

func TestNothingIsSentBeforeTheSet(t *testing.T) {
	f := newFake(t)
	for n := range 1200 {
		f.run(n)
	}
	w := newWorld(t, Options{Host: f.host()})
	w.start()
	for n := range 100 {
		f.run(2000 + n)
	}
	w.until("1300 instances", func() bool { return w.ends() == 1 && strings.Count(w.names(), "up") == 1300 })
	ended := false
	for i, c := range w.changes() {
		if !ended && c.Kind == zone.Delta {
			t.Errorf("change %d is a delta, but the set has not ended", i)
		}
		if len(c.Put) > pageSize+inspectors {
			t.Errorf("change %d puts %d instances", i, len(c.Put))
		}
		ended = ended || c.Kind == zone.SyncEnd
	}
}

func TestEndOfTheEventStreamRemovesNothing(t *testing.T) {
	f := newFake(t)
	one, two := f.run(1), f.run(2)
	w := newWorld(t, Options{Host: f.host()})
	result, _ := w.follow()
	f.hangUp()
	if err := failed(t, result); !errors.Is(err, io.EOF) {
		t.Errorf("Run: %v, want EOF", err)
	}
	w.keeps("web-1:up web-2:up", 10*time.Millisecond)

	// What happens while nobody listens is found by the next Run.
	f.die(one)
	f.with(func() { f.containers[two].Health = "unhealthy" })
	f.run(3)
	w.keeps("web-1:up web-2:up", 10*time.Millisecond)
	w.follow()
	w.want("web-2:down web-3:up")
}

func TestDeathsBeforeTheEndOfTheStreamCount(t *testing.T) {
	f := newFake(t)
	one := f.run(1)
	f.run(2)
	w := newWorld(t, Options{Host: f.host()})
	result, _ := w.follow()
	// The inspection hangs, so that the end of the stream comes first.
	f.with(func() { f.stuck[one] = make(chan struct{}) })
	f.die(one)
	f.hangUp()
	failed(t, result)
	w.want("web-2:up")
}

func TestLostEventsAreFoundBySurvey(t *testing.T) {
	f := newFake(t)
	one := f.run(1)
	w := newWorld(t, Options{Host: f.host(), Resync: 50 * time.Millisecond})
	w.follow()
	f.with(func() { f.deaf = true })
	f.run(2)
	w.want("web-1:up web-2:up")
	f.die(one)
	w.want("web-2:up")
}

func TestNothingNewPublishesNothing(t *testing.T) {
	f := newFake(t)
	one := f.run(1)
	w := newWorld(t, Options{Host: f.host(), Resync: 20 * time.Millisecond})
	w.follow()
	before := w.zone.Snapshot().Serial()
	for range 5 {
		f.emit("container", "start", one)
		f.emit("container", "exec_start: /bin/true", one)
		f.emit("container", "exec_die", one)
		f.emit("container", "health_status: healthy", one)
		f.emit("container", "start", fakeID(99)) // gone before anyone looked
		f.emit("image", "pull", "web")
	}
	ends := w.ends()
	w.until("two more surveys", func() bool { return w.ends() > ends+2 })
	if after := w.zone.Snapshot().Serial(); after != before {
		t.Errorf("the serial went from %d to %d", before, after)
	}
}

func TestVersionsOfTheAPI(t *testing.T) {
	for _, v := range []struct{ engine, client string }{{"1.41", "1.41"}, {"1.44", "1.44"}, {"1.51", "1.51"}, {"1.56", "1.51"}} {
		t.Run(v.engine, func(t *testing.T) {
			f := newFake(t)
			f.version, f.modern = v.engine, v.engine > "1.51"
			w := newWorld(t, Options{Host: f.host()})
			w.follow()
			one := f.run(1)
			w.want("web-1:up")
			f.die(one)
			w.want("")
			f.with(func() {
				if f.clientTalks != v.client {
					t.Errorf("the client speaks %s, want %s", f.clientTalks, v.client)
				}
			})
		})
	}
}

func TestKillDrains(t *testing.T) {
	f := newFake(t)
	zero := 0
	id := f.run(1, func(c *fakeContainer) { c.StopSignal, c.Stop = "SIGQUIT", &zero })
	w := newWorld(t, Options{Host: f.host(), Resync: 50 * time.Millisecond})
	w.follow()
	for _, harmless := range []string{"signal=1", "signal=15", "signal=10", "signal=", "signal=999", "signal=-1"} {
		f.emit("container", "kill", id, harmless)
	}
	w.keeps("web-1:up", 30*time.Millisecond)

	f.emit("container", "kill", id, "signal=3")
	w.want("web-1:draining")
	ends := w.ends()
	w.until("a survey", func() bool { return w.ends() > ends+1 })
	w.keeps("web-1:draining", 0)
	w.want("web-1:up") // it lives on

	f.emit("container", "kill", id, "signal=9")
	w.want("web-1:draining")
	f.die(id)
	w.want("")
	f.run(1)
	w.want("web-1:up")
}

func TestSharedNetworkFollowsItsOwner(t *testing.T) {
	f := newFake(t)
	vpn := f.run(1, func(c *fakeContainer) { c.Name = "vpn" })
	f.with(func() { f.containers["vpn"] = f.containers[vpn] }) // it answers to its name
	f.run(2, func(c *fakeContainer) { c.Mode, c.IP = "container:vpn", "" })
	w := newWorld(t, Options{Host: f.host()})
	w.follow()
	w.want("vpn:up web-2:up")
	if got := w.find("web-2").Endpoints[0].Addr.String(); got != "10.0.0.1" {
		t.Errorf("the address is %s", got)
	}
	f.die(vpn)
	w.want("")
	f.with(func() { f.containers[vpn].Running, f.containers[vpn].Started = true, time.Now() })
	f.emit("container", "start", vpn)
	w.want("vpn:up web-2:down")
	f.with(func() { f.containers[fakeID(2)].Started = time.Now() })
	f.emit("container", "start", fakeID(2))
	w.want("vpn:up web-2:up")
}

func TestRestartingContainersAreNotThere(t *testing.T) {
	f := newFake(t)
	id := f.run(1)
	w := newWorld(t, Options{Host: f.host()})
	w.follow()
	f.with(func() { f.containers[id].Restarting = true })
	f.emit("container", "die", id)
	w.want("")
	w.until("it is rejected", func() bool {
		r := w.source.Rejections()
		return len(r) == 1 && strings.Contains(r[0].Err.Error(), "waits to be restarted")
	})
	f.with(func() { delete(f.containers, id) })
	f.emit("container", "destroy", id)
	w.until("nothing is rejected", func() bool { return len(w.source.Rejections()) == 0 })
}

func TestNetworksAndWhoIsOnThem(t *testing.T) {
	f := newFake(t)
	f.run(1)
	f.run(2, func(c *fakeContainer) { c.Labels = map[string]string{"rollcall.ignore": ""} })
	w := newWorld(t, Options{Host: f.host()})
	w.follow()
	seen := func() string {
		var nets []zone.Network
		attached := map[string]string{}
		for _, c := range w.changes() {
			if c.Networks != nil {
				nets = c.Networks
			}
			for _, a := range c.Attach {
				attached[strings.TrimLeft(a.ID, "0")] = fmt.Sprint(a.Prefixes, a.Networks)
			}
			for _, id := range c.Detach {
				delete(attached, strings.TrimLeft(id, "0"))
			}
		}
		return fmt.Sprint(nets, attached)
	}
	const host = "host:[10.255.255.254/32 127.0.0.0/8 192.0.2.10/32 ::1/128] [bridge]"
	want := "[{bridge [10.0.0.0/8] false}] map[1:[10.0.0.1/32] [bridge] 2:[10.0.0.2/32] [bridge] " + host + "]"
	if got := seen(); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	f.with(func() {
		f.networks = append(f.networks, map[string]any{"Name": "lan", "Id": "n9", "Driver": "macvlan",
			"IPAM": map[string]any{"Config": []map[string]string{{"Subnet": "192.0.2.0/24", "Gateway": "192.0.2.1"}}}})
	})
	f.emit("network", "create", "n9", "name=lan")
	f.die(fakeID(2))
	want = "[{bridge [10.0.0.0/8] false} {lan [192.0.2.0/24] true}] map[1:[10.0.0.1/32] [bridge] " + host + "]"
	w.until(want, func() bool { return seen() == want })
}

func TestNoEngineAndNoPermissionAreToldApart(t *testing.T) {
	dir := t.TempDir()
	for _, host := range []string{"unix://" + filepath.Join(dir, "none.sock"), "tcp://127.0.0.1:1"} {
		if err := Available(t.Context(), host); !errors.Is(err, ErrNoEngine) {
			t.Errorf("%s: %v", host, err)
		}
		if err := New(Options{Host: host}).Run(t.Context(), nil); !errors.Is(err, ErrNoEngine) {
			t.Errorf("Run at %s: %v", host, err)
		}
	}
	if err := Available(t.Context(), "ssh://somewhere"); err == nil || errors.Is(err, ErrNoEngine) {
		t.Errorf("ssh: %v", err)
	}
	f := newFake(t)
	if err := Available(t.Context(), f.host()); err != nil {
		t.Error(err)
	}
	t.Setenv("DOCKER_HOST", f.host())
	if err := Available(t.Context(), ""); err != nil {
		t.Error(err)
	}
}

func TestAdviceNamesTheGroupOfTheSocket(t *testing.T) {
	f := newFake(t)
	if err := os.Chown(f.socket, -1, os.Getgid()); err != nil {
		t.Fatal(err)
	}
	if got, want := adviceOn(f.socket), fmt.Sprintf("--group-add %d", os.Getgid()); !strings.Contains(got, want) {
		t.Errorf("%q does not say %q", got, want)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	f := newFake(t)
	f.run(1)
	w := newWorld(t, Options{Host: f.host()})
	result, stop := w.follow()
	stop()
	if err := <-result; err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("Run: %v", err)
	}
	// And when the engine does not even answer.
	f.with(func() { f.stuck[fakeID(1)] = make(chan struct{}) })
	result, stop = w.start()
	time.Sleep(20 * time.Millisecond)
	stop()
	if err := <-result; err != nil {
		t.Errorf("Run: %v", err)
	}
}
