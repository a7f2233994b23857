package selfreg_test

import (
	"context"
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rollcall-dns/rollcall/sources/selfreg"
	"github.com/rollcall-dns/rollcall/sources/sourcetest"
	"github.com/rollcall-dns/rollcall/zone"
)

func TestSourceKeepsTheContract(t *testing.T) {
	for name, withDir := range map[string]bool{"in memory": false, "with a directory": true} {
		t.Run(name, func(t *testing.T) {
			sourcetest.TestSource(t, func(t *testing.T) *sourcetest.Origin {
				dir := ""
				if withDir {
					dir = t.TempDir()
				}
				return openOrigin(t, dir)
			})
		})
	}
}

// openOrigin is services that register and leave. They try until the source runs
// and takes it; there is nothing else that could break.
func openOrigin(t *testing.T, dir string) *sourcetest.Origin {
	z, err := zone.New(zone.Options{Domains: []zone.Name{zone.MustParseName("svc.test")}})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	src, err := selfreg.New(selfreg.Options{
		Zone: z, Now: func() int64 { return int64(time.Since(began)) }, DataDir: dir,
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	h := src.Handler(selfreg.Health{})
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	t.Cleanup(func() {
		cancel()
		all.Wait()
		if err := src.Close(); err != nil {
			t.Error(err)
		}
	})
	try := func(method, id string) {
		all.Go(func() {
			for {
				r := httptest.NewRequestWithContext(ctx, method, "/v1/services/"+strings.Replace(id, "/", "/instances/", 1), nil)
				r.RemoteAddr = "10.9.9.9:1"
				rec := httptest.NewRecorder()
				if h.ServeHTTP(rec, r); rec.Code != 503 {
					return
				}
				select {
				case <-ctx.Done():
					return
				case <-time.After(10 * time.Millisecond):
				}
			}
		})
	}
	return &sourcetest.Origin{
		Source: src,
		Add:    func(name string) string { try("PUT", "web/"+name); return "web/" + name },
		Remove: func(id string) { try("DELETE", id) },
	}
}
