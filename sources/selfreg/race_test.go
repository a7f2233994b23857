package selfreg_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall-dns/rollcall/sources"
	"github.com/rollcall-dns/rollcall/zone"
)

// soak is how long TestSoak runs in real time:
//
//	go test ./sources/selfreg -run TestSoak -soak 1m
var soak = flag.Duration("soak", 3*time.Second, "how long TestSoak runs")

// leases is how many there are while TestInstanceIsGoneWithin100msAfterItsLeaseEnds
// looks at some:
//
//	go test ./sources/selfreg -run 100ms -v -leases 1000000
var leases = flag.Int("leases", 1000, "how many leases there are while some end")

// Clients that do everything at once, each with an instance of its own and some
// with that of another: what a client was told is true.
func TestWritesHeartbeatsAndEndsOfLeasesRace(t *testing.T) {
	dirs := map[string]string{"in memory": "", "with a directory": t.TempDir()}
	for name, dir := range dirs {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, setup{dir: dir})
			var all sync.WaitGroup
			for i := range 8 {
				all.Go(func() { live(w, i) })
			}
			all.Wait()
			want := w.zone.Snapshot().Len()
			w.stop()
			if dir != "" {
				again := newWorld(t, setup{dir: dir})
				if n := again.zone.Snapshot().Len(); n != want {
					t.Errorf("%d instances after the restart, want %d", n, want)
				}
			}
		})
	}
}

// live is a client that is told the truth about its own instance for half a second.
func live(w *world, i int) {
	r := rand.New(rand.NewPCG(uint64(i), 1))
	own := fmt.Sprintf("/v1/services/s%d/instances/own", i)
	key := zone.Key{Source: "selfreg", ID: fmt.Sprintf("s%d/own", i)}
	shared := fmt.Sprintf("/v1/services/shared/instances/%d", i%3)
	there := false
	for end := time.Now().Add(500 * time.Millisecond); time.Now().Before(end); {
		switch r.IntN(5) {
		case 0, 1:
			want := 201
			if there {
				want = 200
			}
			w.want(want, "PUT", own, fmt.Sprintf(`{"weight":%d}`, r.IntN(3)))
			there = true
		case 2:
			want := 404
			if there {
				want = 204
			}
			w.want(want, "DELETE", own, "")
			there = false
		case 3:
			want := 404
			if there {
				want = 204
			}
			w.want(want, "PUT", own+"/heartbeat", "")
		case 4:
			for _, s := range []struct{ method, path, body string }{
				{"PUT", shared, `{"lease":"1s"}`}, {"PUT", shared + "/heartbeat", ""}, {"PUT", shared + "/state", `{"state":"up"}`},
				{"DELETE", shared, ""}, {"GET", shared, ""}, {"GET", "/v1/services?limit=3", ""},
			} {
				if code := w.send(s.method, s.path, s.body).Code; code >= 500 {
					w.Errorf("%s %s: %d", s.method, s.path, code)
				}
			}
		}
		if _, ok := w.zone.Snapshot().Instance(key); ok != there {
			w.Errorf("%v in the zone: %v, but the client was told %v", key, ok, there)
		}
	}
}

// The same over ends of leases, in time that does not pass while anybody works:
// on a grid of 100 ms, so that requests and ends often meet.
func TestLeasesEndUnderClientsThatRace(t *testing.T) {
	for seed := range uint64(5) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, setup{})
			var all sync.WaitGroup
			for i := range uint64(16) {
				all.Go(func() { leased(w, rand.New(rand.NewPCG(seed, i)), fmt.Sprint(i)) })
			}
			all.Wait()
			time.Sleep(3 * time.Second)
			if n := w.zone.Snapshot().Len(); n != 0 {
				t.Errorf("%d instances after all leases have ended", n)
			}
		})
	}
}

// leased is a client that knows when its lease ends.
func leased(w *world, r *rand.Rand, id string) {
	path := "/v1/services/web/instances/" + id
	var deadline, period int64
	for range 100 {
		status := func(alive, ended int) int {
			if deadline > w.now() {
				return alive
			}
			return ended
		}
		switch r.IntN(6) {
		case 0, 1:
			period = int64(time.Duration(10+r.IntN(20)) * 100 * time.Millisecond)
			w.want(status(200, 201), "PUT", path, fmt.Sprintf(`{"lease":%q,"weight":%d}`, time.Duration(period), r.IntN(2)))
			deadline = w.now() + period
		case 2, 3:
			want := status(204, 404)
			w.want(want, "PUT", path+"/heartbeat", "")
			if want == 204 {
				deadline = w.now() + period
			}
		case 4:
			w.want(status(204, 404), "PUT", path+"/state", `{"state":"up"}`)
		case 5:
			w.want(status(204, 404), "DELETE", path, "")
			deadline = 0
		}
		w.send("PUT", "/v1/services/web/instances/shared/heartbeat", "")
		w.send([]string{"PUT", "DELETE"}[r.IntN(2)], "/v1/services/web/instances/shared", `{"lease":"1s"}`)
		in, there := w.zone.Snapshot().Instance(zone.Key{Source: "selfreg", ID: "web/" + id})
		if deadline > w.now() && (!there || in.Lease.Deadline() != deadline) {
			w.Errorf("%s in the zone: %v, want it until %v", id, there, time.Duration(deadline))
		}
		time.Sleep(time.Duration(r.IntN(12)) * 100 * time.Millisecond)
	}
}

// A minute of 10,000 instances that renew every 2 s, in time that does not pass.
func TestTenThousandHeartbeatsForAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, setup{})
		const n = 10_000
		for i := range n {
			w.want(201, "PUT", fmt.Sprintf("/v1/services/web/instances/%d", i), `{"lease":"3s"}`)
		}
		for beat := range 300 { // 200 ms each; every instance has its turn at each tenth
			time.Sleep(200 * time.Millisecond)
			for i := beat % 10; i < n; i += 10 {
				if code := w.send("PUT", fmt.Sprintf("/v1/services/web/instances/%d/heartbeat", i), "").Code; code != 204 {
					t.Fatalf("heartbeat of %d after %v: %d", i, time.Duration(beat)*200*time.Millisecond, code)
				}
			}
		}
		if got := w.zone.Snapshot().Len(); got != n {
			t.Errorf("%d instances, want %d", got, n)
		}
		time.Sleep(3100 * time.Millisecond)
		if got := w.zone.Snapshot().Len(); got != 0 {
			t.Errorf("%d instances without heartbeats, want none", got)
		}
	})
}

// The same in real time, with writers and beats side by side.
func TestSoak(t *testing.T) {
	w := newWorld(t, setup{})
	const n, workers = 10_000, 4
	var all sync.WaitGroup
	var beats, wrong atomic.Int64
	for k := range workers {
		all.Go(func() {
			for i := k; i < n; i += workers {
				w.want(201, "PUT", fmt.Sprintf("/v1/services/web/instances/%d", i), `{"lease":"10s"}`)
			}
			ctx, cancel := context.WithTimeout(t.Context(), *soak) // registering is not part of it
			defer cancel()
			for tick := time.NewTicker(2 * time.Second); ; {
				for i := k; i < n && ctx.Err() == nil; i += workers {
					if w.send("PUT", fmt.Sprintf("/v1/services/web/instances/%d/heartbeat", i), "").Code != 204 {
						wrong.Add(1)
					}
					beats.Add(1)
				}
				select {
				case <-tick.C:
				case <-ctx.Done():
					tick.Stop()
					return
				}
			}
		})
	}
	all.Wait()
	if wrong.Load() > 0 || beats.Load() < n {
		t.Errorf("%d of %d heartbeats were refused", wrong.Load(), beats.Load())
	}
	if got := w.zone.Snapshot().Len(); got != n {
		t.Errorf("%d instances, want %d", got, n)
	}
	t.Logf("%d heartbeats in %v", beats.Load(), *soak)
}

// From the end of a lease to the first lookup without the name, in real time, among
// others of which some are renewed and each hundredth ends at that time too.
func TestInstanceIsGoneWithin100msAfterItsLeaseEnds(t *testing.T) {
	w := newWorld(t, setup{max: *leases + 100})
	const n = 100
	crowd(w, "stays", *leases*99/100, func(int) string { return "1h" })
	ctx, cancel := context.WithCancel(t.Context())
	var beating sync.WaitGroup
	defer beating.Wait()
	defer cancel()
	beating.Go(func() {
		for i := 0; ctx.Err() == nil; i = (i + 1) % (*leases * 99 / 100) {
			w.want(204, "PUT", fmt.Sprintf("/v1/services/stays%d/instances/%d/heartbeat", i%1000, i), "")
			time.Sleep(100 * time.Microsecond)
		}
	})
	first := time.Second + time.Duration(*leases)*4*time.Microsecond // after all are there
	crowd(w, "ends", *leases/100, func(i int) string { return (first + time.Duration(i*70_000/(*leases))*time.Millisecond).String() })
	names := make([]string, n)
	ends := make([]int64, n)
	for i := range n {
		names[i] = fmt.Sprintf("s%d.svc.test.", i)
		w.want(201, "PUT", fmt.Sprintf("/v1/services/s%d/instances/one", i), fmt.Sprintf(`{"lease":"%v","addresses":["10.0.0.1"]}`, first+time.Duration(7*i)*time.Millisecond))
		in, _ := w.zone.Snapshot().Instance(zone.Key{Source: "selfreg", ID: fmt.Sprintf("s%d/one", i)})
		ends[i] = in.Lease.Deadline()
	}
	var late []time.Duration // how long after its end each was last seen
	for i := range n {
		last := time.Duration(0)
		for {
			before := w.now()
			got := w.ask(names[i] + " A")
			if before >= ends[i] && got != "NXDOMAIN" && got != "NODATA" {
				t.Fatalf("%s: %s after the end of its lease", names[i], got)
			}
			if got == "NXDOMAIN" {
				if w.now() < ends[i] {
					t.Fatalf("%s: gone before its lease ended", names[i])
				}
				late = append(late, last)
				break
			}
			last = max(last, time.Duration(before-ends[i]))
			time.Sleep(time.Millisecond)
		}
	}
	slices.Sort(late)
	t.Logf("%d leases; last seen after the end: median %v, longest %v", *leases, late[n/2], late[n-1])
	if late[n-1] > 100*time.Millisecond {
		t.Errorf("an instance was still there %v after its lease had ended", late[n-1])
	}
}

// crowd registers n instances, of up to 1,000 services.
func crowd(w *world, name string, n int, lease func(i int) string) {
	const clients = 64 // so that they are taken in together
	var all sync.WaitGroup
	for c := range clients {
		all.Go(func() {
			for i := c; i < n; i += clients {
				path := fmt.Sprintf("/v1/services/%s%d/instances/%d", name, i%1000, i)
				if rec := w.send("PUT", path, fmt.Sprintf(`{"lease":"%s","addresses":["10.1.%d.%d"]}`, lease(i), i>>8&255, i&255)); rec.Code != 201 {
					w.Errorf("%s: %d %s", path, rec.Code, rec.Body)
					return
				}
			}
		})
	}
	all.Wait()
}

// The source fails and runs again while clients write.
func TestWritesWhileTheSourceFails(t *testing.T) {
	fails := new(failing)
	w := newWorld(t, setup{sink: func(s sources.Sink) sources.Sink { fails.Sink = s; return fails }})
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for n := range 10 {
				path := fmt.Sprintf("/v1/services/web/instances/%d-%d", i, n)
				for w.send("PUT", path, "").Code == 503 {
					time.Sleep(time.Millisecond)
				}
				w.want(204, "PUT", path+"/heartbeat", "")
			}
		})
	}
	all.Wait()
	if n := w.zone.Snapshot().Len(); n != 40 {
		t.Errorf("%d instances, want 40", n)
	}
}

// What a client was told has failed has not happened, also to what was there.
func TestWriteThatTheSinkRefusesChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		var refuse atomic.Bool
		w := newWorld(t, setup{dir: dir, sink: func(s sources.Sink) sources.Sink {
			return sinkFunc(func(ctx context.Context, c zone.Change) (zone.Result, error) {
				if refuse.CompareAndSwap(true, false) {
					return zone.Result{}, errors.New("not now")
				}
				return s.Send(ctx, c)
			})
		}})
		w.want(201, "PUT", one, whole)
		const answer = "web.svc.test. 5 IN SRV 10 11 8080 web-1.web.svc.test. + web-1.web.svc.test. 5 IN A 10.0.0.5"
		for _, s := range []struct{ method, path, body string }{
			{"PUT", one, `{"weight":7,"lease":"1h"}`}, {"PUT", one + "/state", `{"state":"down"}`}, {"DELETE", one, ""},
			{"PUT", "/v1/services/web/instances/two", ""},
		} {
			refuse.Store(true)
			w.want(503, s.method, s.path, s.body)
			time.Sleep(time.Second) // the source runs again
			w.wantAnswer("web.svc.test. SRV", answer)
			w.want(404, "PUT", "/v1/services/web/instances/two/heartbeat", "")
			if r := read(t, w.want(200, "GET", one, "")); r.Lease.Duration != "30s" {
				t.Errorf("after %s: the lease is one of %s", s.method, r.Lease.Duration)
			}
			w.want(204, "PUT", one+"/heartbeat", "")
		}
		w.stop()
		w = newWorld(t, setup{dir: dir})
		w.wantAnswer("web.svc.test. SRV", answer)
		if n := w.zone.Snapshot().Len(); n != 1 {
			t.Errorf("%d instances after the restart, want 1", n)
		}
	})
}

type sinkFunc func(context.Context, zone.Change) (zone.Result, error)

func (f sinkFunc) Send(ctx context.Context, c zone.Change) (zone.Result, error) { return f(ctx, c) }

// failing is a sink that refuses each tenth change.
type failing struct {
	sources.Sink
	n int
}

func (f *failing) Send(ctx context.Context, c zone.Change) (zone.Result, error) {
	if f.n++; f.n%10 == 0 {
		return zone.Result{}, fmt.Errorf("change %d is one too many", f.n)
	}
	return f.Sink.Send(ctx, c)
}

func BenchmarkHeartbeat(b *testing.B) {
	w := newWorld(b, setup{})
	w.want(201, "PUT", one, `{"lease":"1h"}`)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		r := httptest.NewRequest("PUT", one+"/heartbeat", nil)
		for pb.Next() {
			rec := httptest.ResponseRecorder{}
			w.h.ServeHTTP(&rec, r)
			if rec.Code != 204 {
				b.Error(rec.Code)
			}
		}
	})
}

func BenchmarkRegister(b *testing.B) {
	for name, dir := range map[string]string{"memory": "", "disk": b.TempDir()} {
		for _, clients := range []int{1, 100} {
			b.Run(fmt.Sprintf("%s/%d", name, clients), func(b *testing.B) {
				s := setup{}
				if dir != "" {
					s.dir = b.TempDir()
				}
				w := newWorld(b, s)
				var next atomic.Int64
				b.SetParallelism(max(1, clients/2))
				if clients == 1 {
					for b.Loop() {
						w.want(201, "PUT", fmt.Sprintf("/v1/services/web-%d/instances/%d", next.Load()%1000, next.Add(1)), whole)
					}
					return
				}
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						n := next.Add(1)
						if code := w.send("PUT", fmt.Sprintf("/v1/services/web-%d/instances/%d", n%1000, n), whole).Code; code != 201 {
							b.Error(code)
						}
					}
				})
			})
		}
	}
}
