package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	api "github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	apinetwork "github.com/docker/docker/api/types/network"
	"github.com/docker/docker/client"
)

// testLabel marks what these tests make in a real engine.
const testLabel = "rollcall-docker-test"

// lab is a corner of a real engine. All that is made in it goes with the test.
type lab struct {
	t      *testing.T
	api    *client.Client
	prefix string // of the names of what is made
	image  string
}

// newLab uses the engine of DOCKER_HOST, or the local one. Tests that need it fail
// without it: a skipped test says nothing.
func newLab(t *testing.T, opts ...client.Opt) *lab {
	t.Helper()
	c, err := client.NewClientWithOpts(append([]client.Opt{client.FromEnv, client.WithAPIVersionNegotiation()}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{t: t, api: c, prefix: "rct-" + rand.Text()[:8]}
	if _, err := c.Ping(t.Context()); err != nil {
		t.Fatalf("this test needs a Docker engine, which make test provides: %v", err)
	}
	l.image = "rollcall-docker-test:" + l.prefix
	t.Cleanup(l.clean)
	l.importImage()
	return l
}

// importImage makes an image of busybox alone: nothing is pulled.
func (l *lab) importImage() {
	l.t.Helper()
	binary, err := os.ReadFile("/bin/busybox")
	if err != nil {
		l.t.Fatalf("this test needs the package busybox-static, which make test installs: %v", err)
	}
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, name := range []string{"bin/busybox", "bin/sh"} {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(binary))}); err != nil {
			l.t.Fatal(err)
		}
		if _, err := w.Write(binary); err != nil {
			l.t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		l.t.Fatal(err)
	}
	answer, err := l.api.ImageImport(l.t.Context(), image.ImportSource{Source: &buf, SourceName: "-"}, l.image, image.ImportOptions{})
	l.must(err)
	_, err = io.Copy(io.Discard, answer)
	l.must(err)
	l.must(answer.Close())
}

// clean removes everything that was made, also after a failure.
func (l *lab) clean() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	mine := filters.NewArgs(filters.Arg("label", testLabel+"="+l.prefix))
	found, err := l.api.ContainerList(ctx, api.ListOptions{All: true, Filters: mine})
	if err != nil {
		l.t.Errorf("clean up: %v", err)
	}
	for _, c := range found {
		_ = l.api.ContainerRemove(ctx, c.ID, api.RemoveOptions{Force: true}) // one with --rm may be going
	}
	nets, err := l.api.NetworkList(ctx, apinetwork.ListOptions{Filters: mine})
	if err != nil {
		l.t.Errorf("clean up: %v", err)
	}
	for _, n := range nets {
		if err := l.api.NetworkRemove(ctx, n.ID); err != nil {
			l.t.Errorf("clean up: %v", err)
		}
	}
	_, _ = l.api.ImageRemove(ctx, l.image, image.RemoveOptions{Force: true, PruneChildren: true})
	_ = l.api.Close()
}

func (l *lab) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

// spec is a container to be made; each option changes it.
type spec struct {
	config  *api.Config
	host    *api.HostConfig
	network *apinetwork.NetworkingConfig
}

// run starts a container. Its name gets the lab's prefix; its command sleeps.
func (l *lab) run(name string, opts ...func(*spec)) string {
	l.t.Helper()
	id := l.create(name, opts...)
	l.must(l.api.ContainerStart(l.t.Context(), id, api.StartOptions{}))
	return id
}

func (l *lab) create(name string, opts ...func(*spec)) string {
	l.t.Helper()
	s := spec{
		config: &api.Config{Image: l.image, Cmd: []string{"/bin/busybox", "sleep", "600"}, StopSignal: "SIGKILL",
			Labels: map[string]string{testLabel: l.prefix}},
		host:    &api.HostConfig{},
		network: &apinetwork.NetworkingConfig{},
	}
	for _, o := range opts {
		o(&s)
	}
	made, err := l.api.ContainerCreate(l.t.Context(), s.config, s.host, s.network, nil, l.name(name))
	l.must(err)
	return made.ID
}

func (l *lab) name(short string) string { return l.prefix + "-" + short }

// addNetwork makes a network. Subnets are given, so that runs side by side choose
// different ones: "" lets the engine choose.
func (l *lab) addNetwork(name string, ipv6 bool, subnets ...string) (id string) {
	l.t.Helper()
	o := apinetwork.CreateOptions{Driver: "bridge", EnableIPv6: &ipv6, Labels: map[string]string{testLabel: l.prefix}}
	for _, s := range subnets {
		if o.IPAM == nil {
			o.IPAM = &apinetwork.IPAM{}
		}
		o.IPAM.Config = append(o.IPAM.Config, apinetwork.IPAMConfig{Subnet: s})
	}
	made, err := l.api.NetworkCreate(l.t.Context(), l.name(name), o)
	l.must(err)
	return made.ID
}

// mine are the instances that this lab's containers came to, by service, as
// written has them.
func (l *lab) mine(w *world) map[string]string {
	m := map[string]string{}
	for _, in := range w.zone.Snapshot().Instances() {
		if name, ok := cutPrefix(in.Service, l.prefix); ok {
			m[name] = in.State.String()
			for _, e := range in.Endpoints {
				m[name] += " " + e.Addr.String() + "@" + e.Network
				for _, p := range e.Ports {
					m[name] += fmt.Sprintf(" %d/%s", p.Number, p.Proto)
				}
			}
		}
	}
	return m
}

func cutPrefix(service, prefix string) (string, bool) {
	prefix = dotted(prefix) + "-"
	if len(service) <= len(prefix) || service[:len(prefix)] != prefix {
		return "", false
	}
	return service[len(prefix):], true
}
