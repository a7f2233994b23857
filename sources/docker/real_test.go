package docker

import (
	"fmt"
	"maps"
	"net/netip"
	"strings"
	"testing"
	"time"

	api "github.com/docker/docker/api/types/container"
	apinetwork "github.com/docker/docker/api/types/network"
	"github.com/docker/go-connections/nat"
)

// wantMine waits until the lab's containers came to exactly this.
func (l *lab) wantMine(w *world, want map[string]string) {
	l.t.Helper()
	defer func() {
		if l.t.Failed() {
			l.t.Logf("got %v", l.mine(w))
		}
	}()
	w.until(fmt.Sprint(want), func() bool { return maps.Equal(l.mine(w), want) })
}

// address gives a container's address on a network of the engine.
func (l *lab) address(id, network string) string {
	l.t.Helper()
	raw, err := l.api.ContainerInspect(l.t.Context(), id)
	l.must(err)
	e := raw.NetworkSettings.Networks[network]
	if e == nil || e.IPAddress == "" {
		l.t.Fatalf("container %s has no address on %s", short(id), network)
	}
	return e.IPAddress
}

func TestRealLifeOfAContainer(t *testing.T) {
	l := newLab(t)
	w := newWorld(t, Options{})
	w.follow()
	ctx := t.Context()

	id := l.run("web", func(s *spec) { s.config.ExposedPorts = nat.PortSet{"80/tcp": {}} })
	at := l.address(id, "bridge") + "@bridge 80/tcp"
	l.wantMine(w, map[string]string{"web": "up " + at})
	l.must(l.api.ContainerPause(ctx, id))
	l.wantMine(w, map[string]string{"web": "down " + at})
	l.must(l.api.ContainerUnpause(ctx, id))
	l.wantMine(w, map[string]string{"web": "up " + at})
	l.must(l.api.ContainerRename(ctx, id, l.name("shop")))
	l.wantMine(w, map[string]string{"shop": "up " + at})
	l.must(l.api.ContainerKill(ctx, id, "SIGKILL"))
	l.wantMine(w, map[string]string{})
	l.must(l.api.ContainerStart(ctx, id, api.StartOptions{}))
	at = l.address(id, "bridge") + "@bridge 80/tcp"
	l.wantMine(w, map[string]string{"shop": "up " + at})
	l.must(l.api.ContainerRestart(ctx, id, api.StopOptions{}))
	at = l.address(id, "bridge") + "@bridge 80/tcp"
	l.wantMine(w, map[string]string{"shop": "up " + at})
	l.must(l.api.ContainerRemove(ctx, id, api.RemoveOptions{Force: true}))
	l.wantMine(w, map[string]string{})

	// --rm, and a container that ends by itself
	l.run("once", func(s *spec) { s.host.AutoRemove = true; s.config.Cmd = []string{"/bin/busybox", "sleep", "1"} })
	w.until("it is there", func() bool { return len(l.mine(w)) == 1 })
	l.wantMine(w, map[string]string{})
}

func TestRealHealthCheck(t *testing.T) {
	l := newLab(t)
	w := newWorld(t, Options{})
	w.follow()
	id := l.run("web", func(s *spec) {
		s.config.Cmd = []string{"/bin/busybox", "sh", "-c", "/bin/busybox sleep 1; >/ok; /bin/busybox sleep 600"}
		s.config.Healthcheck = &api.HealthConfig{Test: []string{"CMD", "/bin/busybox", "test", "-e", "/ok"},
			Interval: 200 * time.Millisecond, Timeout: 5 * time.Second, Retries: 1, StartPeriod: 30 * time.Second}
	})
	at := l.address(id, "bridge") + "@bridge"
	l.wantMine(w, map[string]string{"web": "starting " + at})
	l.wantMine(w, map[string]string{"web": "up " + at})
	l.exec(id, "/bin/busybox", "rm", "/ok")
	l.wantMine(w, map[string]string{"web": "down " + at})
	l.exec(id, "/bin/busybox", "touch", "/ok")
	l.wantMine(w, map[string]string{"web": "up " + at})
}

func (l *lab) exec(id string, cmd ...string) {
	l.t.Helper()
	made, err := l.api.ContainerExecCreate(l.t.Context(), id, api.ExecOptions{Cmd: cmd})
	l.must(err)
	l.must(l.api.ContainerExecStart(l.t.Context(), made.ID, api.ExecStartOptions{}))
}

func TestRealStopDrains(t *testing.T) {
	l := newLab(t)
	w := newWorld(t, Options{})
	w.follow()
	two := 2
	id := l.run("web", func(s *spec) {
		s.config.StopSignal, s.config.StopTimeout = "SIGUSR1", &two
		s.config.Cmd = []string{"/bin/busybox", "sh", "-c", "trap : USR1 HUP; while :; do /bin/busybox sleep 0.1; done"}
	})
	at := l.address(id, "bridge") + "@bridge"
	l.wantMine(w, map[string]string{"web": "up " + at})
	l.must(l.api.ContainerKill(t.Context(), id, "HUP"))
	time.Sleep(50 * time.Millisecond)
	l.wantMine(w, map[string]string{"web": "up " + at})
	stopped := make(chan error, 1)
	go func() { stopped <- l.api.ContainerStop(t.Context(), id, api.StopOptions{}) }()
	l.wantMine(w, map[string]string{"web": "draining " + at})
	l.wantMine(w, map[string]string{})
	l.must(<-stopped)
}

func TestRealNetworks(t *testing.T) {
	l := newLab(t)
	w := newWorld(t, Options{})
	w.follow()
	ctx := t.Context()
	front, back := l.addNetwork("front", false), l.addNetwork("back", false)
	frontName, backName := l.name("front"), l.name("back")
	id := l.run("web", func(s *spec) { s.host.NetworkMode = api.NetworkMode(frontName) })
	onFront := l.address(id, frontName) + "@" + frontName
	l.wantMine(w, map[string]string{"web": "up " + onFront})

	l.must(l.api.NetworkConnect(ctx, back, id, nil))
	onBack := l.address(id, backName) + "@" + backName
	l.wantMine(w, map[string]string{"web": "up " + onBack + " " + onFront})
	l.must(l.api.NetworkDisconnect(ctx, front, id, false))
	l.wantMine(w, map[string]string{"web": "up " + onBack})

	l.run("byid", func(s *spec) { s.host.NetworkMode = api.NetworkMode(front) })
	w.until("it has the network's name", func() bool { return strings.HasSuffix(l.mine(w)["byid"], "@"+frontName) })
}

func TestRealNetworkModes(t *testing.T) {
	l := newLab(t)
	w := newWorld(t, Options{})
	w.follow()
	host := func(s *spec) {
		s.host.NetworkMode = "host"
		s.config.ExposedPorts = nat.PortSet{"8080/tcp": {}}
	}
	owner := l.run("owner", func(s *spec) {
		s.config.ExposedPorts = nat.PortSet{"80/tcp": {}, "81/tcp": {}}
		s.host.PortBindings = nat.PortMap{"80/tcp": {{HostIP: "127.0.0.1"}}, "81/tcp": {{HostIP: "127.0.0.9"}}}
	})
	l.run("sharer", func(s *spec) {
		s.host.NetworkMode = api.NetworkMode("container:" + l.name("owner"))
		s.config.Labels["rollcall.port.9000.name"] = "api"
	})
	l.run("host", host)
	none := l.run("none", func(s *spec) { s.host.NetworkMode = "none" })
	addr := l.address(owner, "bridge")
	want := map[string]string{
		"owner":  "up " + addr + "@bridge 80/tcp 81/tcp",
		"sharer": "up " + addr + "@bridge 9000/tcp",
		"host":   "up 192.0.2.10@ 8080/tcp",
	}
	l.wantMine(w, want)
	w.until("it is rejected", func() bool {
		for _, r := range w.source.Rejections() {
			if r.ID == none {
				return strings.Contains(r.Err.Error(), "network mode is none")
			}
		}
		return false
	})
	// The network of the sharer dies with the owner.
	l.must(l.api.ContainerKill(t.Context(), owner, "KILL"))
	l.wantMine(w, map[string]string{"host": want["host"]})
	l.must(l.api.ContainerStart(t.Context(), owner, api.StartOptions{}))
	w.until("the sharer is down", func() bool { return strings.HasPrefix(l.mine(w)["sharer"], "down ") })
}

func TestRealPublishedPorts(t *testing.T) {
	l := newLab(t)
	w := newWorld(t, Options{Advertise: []netip.Addr{netip.MustParseAddr("192.0.2.10"), netip.MustParseAddr("2001:db8::10")}})
	w.follow()
	id := l.run("web", func(s *spec) {
		s.config.ExposedPorts = nat.PortSet{"80/tcp": {}, "53/udp": {}, "81/tcp": {}, "82/tcp": {}}
		s.host.PortBindings = nat.PortMap{"80/tcp": {{}}, "53/udp": {{HostIP: "0.0.0.0"}}, "81/tcp": {{HostIP: "127.0.0.1"}}}
	})
	raw, err := l.api.ContainerInspect(t.Context(), id)
	l.must(err)
	ports := raw.NetworkSettings.Ports
	want := "up " + l.address(id, "bridge") + "@bridge 53/udp 80/tcp 81/tcp 82/tcp" +
		" 192.0.2.10@ " + ports["53/udp"][0].HostPort + "/udp"
	for _, b := range ports["80/tcp"] {
		if b.HostIP == "0.0.0.0" {
			want += " " + b.HostPort + "/tcp"
		}
	}
	for _, b := range ports["80/tcp"] {
		if b.HostIP == "::" { // where the engine has IPv6
			want += " 2001:db8::10@ " + b.HostPort + "/tcp"
		}
	}
	l.wantMine(w, map[string]string{"web": want})
}

func TestRealIPv6(t *testing.T) {
	l := newLab(t)
	w := newWorld(t, Options{})
	w.follow()
	l.addNetwork("six", true, "10.213.77.0/24", "fd77:213::/64")
	name := l.name("six")
	l.run("web", func(s *spec) {
		s.host.NetworkMode = api.NetworkMode(name)
		s.network.EndpointsConfig = map[string]*apinetwork.EndpointSettings{
			name: {IPAMConfig: &apinetwork.EndpointIPAMConfig{IPv4Address: "10.213.77.7", IPv6Address: "fd77:213::7"}}}
	})
	l.wantMine(w, map[string]string{"web": "up 10.213.77.7@" + name + " fd77:213::7@" + name})
}

func TestRealRestartPolicy(t *testing.T) {
	l := newLab(t)
	w := newWorld(t, Options{})
	w.follow()
	l.run("web", func(s *spec) {
		s.host.RestartPolicy = api.RestartPolicy{Name: api.RestartPolicyAlways}
		s.config.Cmd = []string{"/bin/busybox", "sleep", "1"}
	})
	there := func() bool { return strings.HasPrefix(l.mine(w)["web"], "up ") }
	for range 2 {
		w.until("it is there", there)
		w.until("it is not there", func() bool { return len(l.mine(w)) == 0 })
	}
	w.until("it is there again", there)
}
