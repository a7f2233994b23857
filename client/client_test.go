package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rollcall-dns/rollcall/client"
	"github.com/rollcall-dns/rollcall/sources"
	"github.com/rollcall-dns/rollcall/sources/selfreg"
	"github.com/rollcall-dns/rollcall/zone"
	"github.com/rollcall-dns/rollcall/zone/zonetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server is a real registry behind a switch for faults.
type server struct {
	*testing.T
	zone  *zone.Zone
	url   string
	now   func() int64
	fault atomic.Pointer[http.HandlerFunc] // answers instead of the registry

	mu  sync.Mutex // guards the field below
	got []string   // requests, "PUT /heartbeat"
}

func newServer(t *testing.T) *server {
	t.Helper()
	z, err := zone.New(zone.Options{Domains: []zone.Name{zone.MustParseName("svc.test")}})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	s := &server{T: t, zone: z, now: func() int64 { return int64(time.Since(began)) }}
	quiet := slog.New(slog.DiscardHandler)
	src, err := selfreg.New(selfreg.Options{Zone: z, Now: s.now, Logger: quiet, Advertise: []netip.Addr{netip.MustParseAddr("192.0.2.10")}})
	if err != nil {
		t.Fatal(err)
	}
	sup := sources.NewSupervisor(sources.Options{Zone: z, Sources: []sources.Entry{{Source: src}}, Logger: quiet})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { sup.Run(ctx) })
	<-sup.WhenReady()
	h := src.Handler(selfreg.Health{})
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.record(r)
		if f := s.fault.Load(); f != nil {
			(*f)(w, r)
			return
		}
		h.ServeHTTP(w, r)
	}))
	s.url = web.URL
	t.Cleanup(func() { web.Close(); cancel(); running.Wait(); src.Close() })
	return s
}

func (s *server) record(r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, below, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v1/services/web/instances/"), "/")
	s.got = append(s.got, strings.TrimSpace(r.Method+" "+below))
}

// requests are those since the last call.
func (s *server) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	got := s.got
	s.got = nil
	return got
}

// failing makes the server answer with a status until the returned function is called.
func (s *server) failing(status int, header ...string) (mend func()) {
	f := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
	})
	s.fault.Store(&f)
	return func() { s.fault.Store(nil) }
}

// forget removes the registration behind its owner's back.
func (s *server) forget(id string) {
	s.Helper()
	r, _ := http.NewRequest(http.MethodDelete, s.url+"/v1/services/web/instances/"+id, nil)
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		s.Fatal(err)
	}
	resp.Body.Close()
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
}

var ttl = regexp.MustCompile(` [0-9]+ IN `)

// ask puts a question to the zone now, and leaves TTLs out of the answer.
func (s *server) ask(question string) string {
	s.Helper()
	return ttl.ReplaceAllString(zonetest.Ask(s, s.zone, fmt.Sprint(question, " at ", s.now())), " IN ")
}

// eventually waits until the zone answers a question so.
func (s *server) eventually(question, want string) {
	s.Helper()
	var got string
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if got = s.ask(question); got == want {
			return
		}
	}
	s.Fatalf("%s is answered with %s, want %s", question, got, want)
}

// run runs an instance until stop is called, which gives Run's error.
func run(t *testing.T, o client.Options, r client.Registration) (inst *client.Instance, stop func() error) {
	t.Helper()
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	inst, err := client.New(o, r)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	end := make(chan error, 1)
	go func() { end <- inst.Run(ctx) }()
	stop = sync.OnceValue(func() error { cancel(); return <-end })
	t.Cleanup(func() { stop() })
	return inst, stop
}

var web = client.Registration{
	Service: "web", ID: "one", Lease: time.Second,
	Ports: []client.Port{{Name: "http", Number: 8080, ALPN: []string{"h2"}}}, Weight: 7, Tags: []string{"v2"}, Meta: map[string]string{"version": "2.1"},
}

const (
	question = "_http._tcp.web.svc.test SRV"
	answered = "_http._tcp.web.svc.test. IN SRV 0 7 8080 one.web.svc.test. + one.web.svc.test. IN A 192.0.2.10"
	gone     = "NXDOMAIN"
	nodata   = "NODATA"
)

func TestInstanceIsThereWhileRunLasts(t *testing.T) {
	s := newServer(t)
	inst, stop := run(t, client.Options{Servers: []string{s.url}}, web)
	<-inst.Registered()
	s.eventually(question, answered)
	time.Sleep(2 * web.Lease)
	s.eventually(question, answered)
	s.eventually("_8080._https.web.svc.test HTTPS", `_8080._https.web.svc.test. IN HTTPS 1 one.web.svc.test. alpn="h2" no-default-alpn="" port="8080" ipv4hint="192.0.2.10" + one.web.svc.test. IN A 192.0.2.10`)
	if err := stop(); err != nil {
		t.Error(err)
	}
	s.eventually(question, gone)
	got := s.requests()
	if got[0] != "PUT" || got[len(got)-1] != "DELETE" {
		t.Errorf("requests %v", got)
	}
	for _, r := range got[1 : len(got)-1] {
		if r != "PUT heartbeat" {
			t.Errorf("requests %v", got)
		}
	}
}

func TestStateIsToldAtOnceAndLasts(t *testing.T) {
	s := newServer(t)
	long := web
	long.Lease, long.State = time.Hour, client.Starting
	inst, _ := run(t, client.Options{Servers: []string{s.url}}, long)
	<-inst.Registered()
	s.eventually(question, nodata)
	inst.SetState(client.Up)
	s.eventually(question, answered)
	inst.SetState(client.Draining)
	s.eventually(question, nodata)
	s.forget("one")
	inst.SetState(client.Up) // it hears 404
	s.eventually(question, answered)
}

func TestForgottenInstanceRegistersAgain(t *testing.T) {
	s := newServer(t)
	inst, _ := run(t, client.Options{Servers: []string{s.url}}, web)
	<-inst.Registered()
	s.forget("one")
	s.eventually(question, gone)
	s.eventually(question, answered)
}

func TestFailuresThatMayPassAreOutlasted(t *testing.T) {
	for _, status := range []int{401, 403, 408, 429, 500, 503} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			s := newServer(t)
			mend := s.failing(status)
			inst, stop := run(t, client.Options{Servers: []string{s.url}}, web)
			for len(s.requests()) == 0 {
				time.Sleep(time.Millisecond)
			}
			select {
			case <-inst.Registered():
				t.Error("registered")
			default:
			}
			mend()
			s.eventually(question, answered)
			if err := stop(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestLogSaysWhatTheServerDoesNotTake(t *testing.T) {
	s := newServer(t)
	mend := s.failing(http.StatusServiceUnavailable)
	var log strings.Builder
	fast := web
	fast.Lease = time.Second
	inst, stop := run(t, client.Options{Servers: []string{s.url}, Logger: slog.New(slog.NewTextHandler(&log, nil))}, fast)
	for len(s.requests()) == 0 {
		time.Sleep(time.Millisecond)
	}
	mend()
	<-inst.Registered()
	s.failing(http.StatusServiceUnavailable)
	s.requests()
	for n := 0; n < 2; n += len(s.requests()) { // behind the log of the first
		time.Sleep(time.Millisecond)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	rest := log.String()
	for _, what := range []string{"does not take the registration", "msg=registered", "does not take the heartbeat", "could not be removed"} {
		at := strings.Index(rest, what)
		if at < 0 {
			t.Fatalf("no %q at its place in the log:\n%s", what, &log)
		}
		rest = rest[at:]
	}
}

func TestServerSaysWhenToTryAgain(t *testing.T) {
	s := newServer(t)
	mend := s.failing(http.StatusServiceUnavailable, "Retry-After", "2")
	began := time.Now()
	inst, _ := run(t, client.Options{Servers: []string{s.url}}, web)
	for len(s.requests()) == 0 {
		time.Sleep(time.Millisecond)
	}
	mend()
	<-inst.Registered()
	if took := time.Since(began); took < 2*time.Second {
		t.Errorf("tried again after %s", took)
	}
}

func TestRefusedRegistrationEndsRun(t *testing.T) {
	s := newServer(t)
	wrong := web
	wrong.Ports = []client.Port{{Number: 0}}
	inst, err := client.New(client.Options{Servers: []string{s.url}}, wrong)
	if err != nil {
		t.Fatal(err)
	}
	err = inst.Run(t.Context())
	refused := new(client.RefusedError)
	if !errors.As(err, &refused) || refused.Status != 400 || !strings.Contains(err.Error(), "ports[0].number must be") {
		t.Errorf("got error %v", err)
	}
	if err := inst.Run(t.Context()); err == nil {
		t.Error("ran twice")
	}
}

func TestRefusalLaterIsOutlasted(t *testing.T) {
	s := newServer(t)
	inst, stop := run(t, client.Options{Servers: []string{s.url}}, web)
	<-inst.Registered()
	mend := s.failing(http.StatusBadRequest)
	s.eventually(question, gone)
	mend()
	s.eventually(question, answered)
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func TestNextServerTakesOver(t *testing.T) {
	a, b := newServer(t), newServer(t)
	dead := httptest.NewServer(nil)
	dead.Close()
	inst, stop := run(t, client.Options{Servers: []string{dead.URL, a.url, b.url}}, web)
	<-inst.Registered()
	a.eventually(question, answered)
	if got := b.requests(); len(got) != 0 {
		t.Errorf("the third server heard %v", got)
	}
	mend := a.failing(http.StatusInternalServerError)
	b.eventually(question, answered)
	mend()
	if err := stop(); err != nil {
		t.Error(err)
	}
	a.eventually(question, gone) // wherever it may be it is removed
	b.eventually(question, gone)
}

// A registration whose answer is not waited for must not arrive after the removal.
func TestNothingFollowsTheRemoval(t *testing.T) {
	s := newServer(t)
	for range 50 {
		inst, err := client.New(client.Options{Servers: []string{s.url}, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}, web)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		go cancel()
		if err := inst.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if got := s.ask(question); got != gone {
			t.Fatalf("after Run: %s", got)
		}
		if got := s.requests(); len(got) > 0 && got[len(got)-1] != "DELETE" {
			t.Fatalf("requests %v", got)
		}
	}
}

func TestNewNamesAllFaults(t *testing.T) {
	tests := []struct {
		name    string
		servers []string
		reg     client.Registration
		want    []string
	}{
		{"nothing given", nil, client.Registration{}, []string{"at least one server", "Service must be given"}},
		{"no URL", []string{"localhost:8054", "http://"}, web, []string{`"localhost:8054"`, `"http://" must be http://HOST:PORT`}},
		{"short lease", []string{"http://x"}, client.Registration{Service: "a", Lease: time.Millisecond}, []string{"Lease 1ms must be at least 1s"}},
	}
	for _, tt := range tests {
		_, err := client.New(client.Options{Servers: tt.servers}, tt.reg)
		for _, w := range tt.want {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("%s: got error %v, want %q in it", tt.name, err, w)
			}
		}
	}
}

func TestIDIsStableOverRestarts(t *testing.T) {
	id := func(port uint16) string {
		inst, err := client.New(client.Options{Servers: []string{"http://x"}}, client.Registration{Service: "a", Ports: []client.Port{{Number: port}}})
		if err != nil {
			t.Fatal(err)
		}
		return inst.ID()
	}
	if first, again := id(80), id(80); first != again || first == id(81) {
		t.Errorf("IDs %q and %q for 80, %q for 81", first, again, id(81))
	}
}
