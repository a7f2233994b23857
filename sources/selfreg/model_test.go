package selfreg_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall-dns/rollcall/zone"
)

// The interface against a map of deadlines, over random requests, hours, and
// restarts of the server.
func TestRegistrationsAreAMapOfDeadlines(t *testing.T) {
	type lease struct{ deadline, period time.Duration }
	for seed := range uint64(10) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 7))
			dir := t.TempDir()
			w := newWorld(t, setup{dir: dir})
			began := time.Now()
			model := map[string]lease{}
			alive := func(id string) bool { return model[id].deadline > time.Since(began) }
			code := func(id string, there, other int) int {
				if alive(id) {
					return there
				}
				return other
			}
			for range 400 {
				id := fmt.Sprint(r.IntN(12))
				path := "/v1/services/web/instances/" + id
				switch r.IntN(8) {
				case 0, 1, 2:
					period := time.Duration(1000+r.IntN(9000)) * time.Millisecond
					w.want(code(id, 200, 201), "PUT", path, fmt.Sprintf(`{"lease":%q,"weight":%d}`, period, r.IntN(2)))
					model[id] = lease{time.Since(began) + period, period}
				case 3:
					w.want(code(id, 204, 404), "PUT", path+"/heartbeat", "")
					if alive(id) {
						model[id] = lease{time.Since(began) + model[id].period, model[id].period}
					}
				case 4:
					w.want(code(id, 204, 404), "PUT", path+"/state", `{"state":"up"}`)
				case 5:
					w.want(code(id, 204, 404), "DELETE", path, "")
					delete(model, id)
				case 6:
					time.Sleep(time.Duration(r.IntN(4000)) * time.Millisecond)
				case 7:
					if r.IntN(10) > 0 {
						break
					}
					time.Sleep(20 * time.Millisecond) // until what has ended is removed
					w.stop()
					w = newWorld(t, setup{dir: dir})
					for id, l := range model {
						if alive(id) {
							model[id] = lease{time.Since(began) + l.period, l.period}
						}
					}
				}
				for id := range model {
					_, there := w.zone.Snapshot().Instance(zone.Key{Source: "selfreg", ID: "web/" + id})
					if alive(id) && !there {
						t.Fatalf("seed %d: %s is not in the zone %v before its lease ends", seed, id, model[id].deadline-time.Since(began))
					}
					if late := time.Since(began) - model[id].deadline; there && late > 10*time.Millisecond {
						t.Fatalf("seed %d: %s is in the zone %v after its lease has ended", seed, id, late)
					}
				}
			}
		})
	}
}

func TestLogIsCompactedWhileClientsWrite(t *testing.T) {
	dir := t.TempDir()
	w := newWorld(t, setup{dir: dir})
	size := func() int64 {
		info, err := os.Stat(filepath.Join(dir, "registrations.log"))
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	w.want(201, "PUT", "/v1/services/web/instances/first", `{"weight":149}`)
	each := size()
	var all sync.WaitGroup
	for i := range 100 {
		all.Go(func() {
			for n := range 150 {
				w.want([]int{200, 201}[btoi(n == 0)], "PUT", fmt.Sprintf("/v1/services/web/instances/%d", i), fmt.Sprintf(`{"weight":%d}`, n))
			}
		})
	}
	all.Wait()
	for end := time.Now().Add(10 * time.Second); size() > 15_000*each/2; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the log of 15,000 writes has %d octets, as many as %d of them", size(), size()/each)
		}
	}
	w.stop()
	again := newWorld(t, setup{dir: dir})
	if n := again.zone.Snapshot().Len(); n != 101 {
		t.Fatalf("%d instances after the restart, want 101", n)
	}
	for k, in := range again.zone.Snapshot().Instances() {
		if in.Weight != 149 {
			t.Errorf("%v has the weight %d, want that of the last write", k, in.Weight)
		}
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
