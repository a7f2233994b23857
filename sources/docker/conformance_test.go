package docker

import (
	"context"
	"net/http"
	"strconv"
	"testing"

	api "github.com/docker/docker/api/types/container"

	"github.com/rollcall-dns/rollcall/sources/sourcetest"
)

func TestSourceKeepsTheContract(t *testing.T) {
	sourcetest.TestSource(t, func(t *testing.T) *sourcetest.Origin {
		f := newFake(t)
		n := 0
		return &sourcetest.Origin{
			Source: newWorld(t, Options{Host: f.host()}).source,
			Add: func(name string) string {
				n++
				return f.run(n, func(c *fakeContainer) { c.Name = name })
			},
			Remove: f.die,
			Break: func() {
				f.with(func() { f.listStatus = http.StatusInternalServerError })
				f.hangUp()
			},
			Cut:  func() { f.with(func() { f.cut = true }) },
			Mend: func() { f.with(func() { f.listStatus, f.cut = 0, false }) },
		}
	})
}

// The same on a real engine of the test's own, which stops and starts.
func TestRealSourceKeepsTheContract(t *testing.T) {
	sourcetest.TestSource(t, func(t *testing.T) *sourcetest.Origin {
		d := newDaemon(t, "--live-restore")
		l := newLab(t, d.client())
		t.Cleanup(func() { // runs first: what lives on without the engine needs it to be removed
			if Available(context.Background(), d.host()) != nil {
				d.start()
			}
		})
		n := 0
		return &sourcetest.Origin{
			Source: newWorld(t, Options{Host: d.host()}).source,
			Add: func(name string) string {
				n++
				return l.run(name+strconv.Itoa(n), func(s *spec) { s.host.NetworkMode = "host" })
			},
			Remove: func(id string) { l.must(l.api.ContainerRemove(t.Context(), id, api.RemoveOptions{Force: true})) },
			Break:  d.halt,
			Mend:   d.start,
		}
	})
}
