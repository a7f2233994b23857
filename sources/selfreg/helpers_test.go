package selfreg_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rollcall-dns/rollcall/sources"
	"github.com/rollcall-dns/rollcall/sources/selfreg"
	"github.com/rollcall-dns/rollcall/zone"
	"github.com/rollcall-dns/rollcall/zone/zonetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const one = "/v1/services/web/instances/one"

// world is a zone with a source of self-registrations, and perhaps others.
type world struct {
	testing.TB
	zone *zone.Zone
	src  *selfreg.Source
	sup  *sources.Supervisor
	h    http.Handler
	now  func() int64
	stop func() // ends the source, and closes its directory
}

type setup struct {
	max    int
	domain string // "" is svc.test
	dir    string
	adv    []netip.Addr
	log    *slog.Logger
	others []sources.Entry
	sink   func(sources.Sink) sources.Sink
}

func newWorld(t testing.TB, s setup) *world {
	t.Helper()
	z, err := zone.New(zone.Options{Domains: []zone.Name{zone.MustParseName(cmp.Or(s.domain, "svc.test"))}, MaxInstances: s.max, Serial: 100})
	if err != nil {
		t.Fatal(err)
	}
	if s.log == nil {
		s.log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	began := time.Now()
	now := func() int64 { return int64(time.Since(began)) }
	src, err := selfreg.New(selfreg.Options{Zone: z, Now: now, Advertise: s.adv, DataDir: s.dir, Logger: s.log})
	if err != nil {
		t.Fatal(err)
	}
	sink := sources.Into(z)
	if s.sink != nil {
		sink = s.sink(sink)
	}
	sup := sources.NewSupervisor(sources.Options{Zone: z, Sink: sink, Logger: s.log, Sources: append([]sources.Entry{{Source: src}}, s.others...)})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		sup.Run(ctx)
	}()
	<-sup.WhenReady()
	w := &world{t, z, src, sup, src.Handler(selfreg.Health{Waiting: sup.Waiting, Status: sup.Status}), now, nil}
	w.stop = sync.OnceFunc(func() {
		cancel()
		<-done
		if err := src.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	t.Cleanup(w.stop)
	return w
}

// send makes a request from 10.9.9.9.
func (w *world) send(method, path, body string) *httptest.ResponseRecorder {
	return w.from("10.9.9.9:1234", method, path, body)
}

func (w *world) from(sender, method, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.RemoteAddr = sender
	rec := httptest.NewRecorder()
	w.h.ServeHTTP(rec, r)
	return rec
}

// want makes a request and fails the test unless it is answered with status.
func (w *world) want(status int, method, path, body string) *httptest.ResponseRecorder {
	w.Helper()
	rec := w.send(method, path, body)
	if rec.Code != status {
		w.Fatalf("%s %s %s: %d %s, want %d", method, path, body, rec.Code, rec.Body, status)
	}
	return rec
}

// ask puts a question to the zone, now.
func (w *world) ask(question string) string {
	w.Helper()
	return zonetest.Ask(w, w.zone, fmt.Sprint(question, " at ", w.now()))
}

// wantAnswer fails the test unless the zone answers so.
func (w *world) wantAnswer(question, want string) {
	w.Helper()
	if got := w.ask(question); got != want {
		w.Errorf("%s: %s, want %s", question, got, want)
	}
}

// reply is what the interface answers, as far as tests look at it.
type reply struct {
	Instance struct {
		Service, ID, Source, State, Reason, Host, TTL string
		Endpoints                                     []struct {
			Address, Network string
			Ports            []struct {
				Name     string
				Number   int
				Protocol string
			}
		}
		Priority, Weight int
		Tags             []string
		Meta             map[string]string
	}
	Names    []string
	Lease    *struct{ Duration, Remaining string }
	Services []struct {
		Service   string
		Instances []reply
	}
	Instances []reply
	Service   string
	Next      string
	Sources   []struct {
		Name      string
		Synced    bool
		Instances int
		Error     string
		Rejected  []struct{ ID, Reason string }
	}
	Title, Detail string
	Status        int
	Errors        []struct{ Field, Reason string }
	Waiting       []string
}

func read(t testing.TB, rec *httptest.ResponseRecorder) reply {
	t.Helper()
	var r reply
	if err := json.Unmarshal(rec.Body.Bytes(), &r); err != nil {
		t.Fatalf("answer %s: %v", rec.Body, err)
	}
	return r
}
