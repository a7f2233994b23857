package docker

import (
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	api "github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"

	"github.com/rollcall-dns/rollcall/zone"
)

// TestTenThousandContainers measures the time to synced, and that of an event
// while the next survey is under way. The fake engine shares the processor.
func TestTenThousandContainers(t *testing.T) {
	f := newFake(t)
	for n := range 10000 {
		f.run(n)
	}
	w := newWorld(t, Options{Host: f.host(), Resync: time.Second})
	before := heap()
	begun := time.Now()
	w.start()
	w.until("it has synced", func() bool { return w.ends() == 1 })
	synced := time.Since(begun)
	used := heap() - before
	w.mu.Lock()
	w.sent, w.at = nil, nil
	w.mu.Unlock()

	// An event in the middle of a survey waits for none of it.
	w.until("a survey is under way", func() bool {
		c := w.changes()
		return len(c) > 2 && c[len(c)-1].Kind == zone.SyncPart
	})
	begun = time.Now()
	f.run(20000)
	w.until("the container is there", func() bool { return hasPut(w.changes(), fakeID(20000)) })
	event := time.Since(begun)
	t.Logf("10,000 containers: synced after %s, %d bytes each in source and zone, an event during a survey is sent after %s",
		synced.Round(time.Millisecond), used/10000, event.Round(time.Millisecond))
	if synced > 60*time.Second || event > 2*time.Second {
		t.Errorf("that is too slow")
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func hasPut(changes []zone.Change, id string) bool {
	return slices.ContainsFunc(changes, func(c zone.Change) bool {
		return slices.ContainsFunc(c.Put, func(in zone.Instance) bool { return in.ID == id })
	})
}

// TestRealPropagation measures the time from an engine's own time of an event to
// the end of Send, for containers that start and die at once.
func TestRealPropagation(t *testing.T) {
	const n = 12
	l := newLab(t)
	w := newWorld(t, Options{})
	w.follow()
	happened, stop := l.eventTimes()
	var ids []string
	for i := range n {
		ids = append(ids, l.create("web"+strconv.Itoa(i)))
	}
	each(ids, func(id string) error { return l.api.ContainerStart(t.Context(), id, api.StartOptions{}) }, l)
	w.until("all are there", func() bool { return len(l.mine(w)) == n })
	there := w.appliedAt()
	each(ids, func(id string) error { return l.api.ContainerKill(t.Context(), id, "KILL") }, l)
	w.until("none is there", func() bool { return len(l.mine(w)) == 0 })
	gone := w.appliedAt()
	time.Sleep(100 * time.Millisecond) // for the events that the test itself reads
	stop()
	var up, down []time.Duration
	for _, id := range ids {
		up = append(up, there["+"+id].Sub(happened()["start "+id]))
		down = append(down, gone["-"+id].Sub(happened()["die "+id]))
	}
	slices.Sort(up)
	slices.Sort(down)
	t.Logf("start: p50 %s, max %s; die: p50 %s, max %s", up[n/2], up[n-1], down[n/2], down[n-1])
	if up[n-1] > time.Second || down[n-1] > time.Second {
		t.Errorf("that is too slow")
	}
}

// each does something to all containers at once.
func each(ids []string, do func(id string) error, l *lab) {
	var wg sync.WaitGroup
	for _, id := range ids {
		wg.Go(func() {
			if err := do(id); err != nil {
				l.t.Error(err)
			}
		})
	}
	wg.Wait()
}

// eventTimes notes when the engine says that events happened, by "action ID".
func (l *lab) eventTimes() (seen func() map[string]time.Time, stop func()) {
	var mu sync.Mutex
	times := map[string]time.Time{}
	messages, errs := l.api.Events(l.t.Context(), events.ListOptions{Filters: filters.NewArgs(filters.Arg("label", testLabel+"="+l.prefix))})
	over, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case m := <-messages:
				mu.Lock()
				times[string(m.Action)+" "+m.Actor.ID] = time.Unix(0, m.TimeNano)
				mu.Unlock()
			case <-errs:
				return
			case <-over:
				return
			}
		}
	}()
	return func() map[string]time.Time { mu.Lock(); defer mu.Unlock(); return times }, func() { close(over); <-done }
}
