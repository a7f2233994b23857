package docker

import (
	"strings"
	"testing"
	"time"
)

func TestUpgradeOfTheEngine(t *testing.T) {
	f := newFake(t)
	f.version = "1.41"
	f.run(1)
	w := newWorld(t, Options{Host: f.host(), Resync: 20 * time.Millisecond})
	result, _ := w.follow()
	f.with(func() { f.version, f.minimum = "1.51", "1.44" }) // the stream lives on, as through a proxy
	if err := failed(t, result); !strings.Contains(err.Error(), "too old") {
		t.Errorf("Run: %v", err)
	}
	w.follow()
	w.want("web-1:up")
}

func TestAnUnreadableContainerEndsNoSet(t *testing.T) {
	f := newFake(t)
	var ids []string
	for n := range 5 {
		ids = append(ids, f.run(n))
	}
	w := newWorld(t, Options{Host: f.host(), Resync: 50 * time.Millisecond})
	result, _ := w.follow()
	w.want("web-0:up web-1:up web-2:up web-3:up web-4:up")
	f.hangUp()
	failed(t, result)

	ends := w.ends()
	f.with(func() { f.broken[ids[2]] = 500 })
	f.die(ids[3])
	w.start()
	w.want("web-0:up web-1:up web-2:up web-4:up") // what is known to be gone goes, what is unknown stays
	f.run(5)
	w.want("web-0:up web-1:up web-2:up web-4:up web-5:up") // and the others are followed
	if w.ends() != ends {
		t.Error("a set that could not be read was ended")
	}
	if r := w.source.Rejections(); len(r) != 1 || r[0].ID != ids[2] || !strings.Contains(r[0].Err.Error(), "the container is broken") {
		t.Errorf("rejected: %v", r)
	}
	f.with(func() { delete(f.broken, ids[2]) })
	w.until("the set ends", func() bool { return w.ends() > ends })
	if r := w.source.Rejections(); len(r) != 0 {
		t.Errorf("rejected: %v", r)
	}
}

func TestABrokenEngineEndsNoSet(t *testing.T) {
	f := newFake(t)
	for n := range 100 {
		id := f.run(n)
		f.broken[id] = 500
	}
	w := newWorld(t, Options{Host: f.host()})
	result, _ := w.start()
	if err := failed(t, result); !strings.Contains(err.Error(), "the container is broken") {
		t.Errorf("Run: %v", err)
	}
	f.with(func() { f.listStatus, f.broken = 500, map[string]int{} })
	result, _ = w.start()
	if err := failed(t, result); !strings.Contains(err.Error(), "list containers: ") {
		t.Errorf("Run: %v", err)
	}
	if w.ends() != 0 {
		t.Error("a set that could not be read was ended")
	}
}

func TestAnEngineThatDoesNotAnswer(t *testing.T) {
	f := newFake(t)
	f.stuck["events"] = make(chan struct{})
	w := newWorld(t, Options{Host: f.host(), Timeout: 50 * time.Millisecond})
	result, _ := w.start()
	if err := failed(t, result); !strings.Contains(err.Error(), "has not answered within 50ms") {
		t.Errorf("Run: %v", err)
	}
}

func TestADeathThatCannotBeInspectedCounts(t *testing.T) {
	f := newFake(t)
	one := f.run(1)
	w := newWorld(t, Options{Host: f.host()})
	w.follow()
	f.with(func() { f.broken[one] = 500 })
	f.emit("container", "pause", one)
	w.until("it is rejected", func() bool { return len(w.source.Rejections()) == 1 })
	w.keeps("web-1:up", 0)
	f.die(one)
	w.want("")

	two := fakeID(2) // one that cannot be read at first
	f.with(func() { f.broken[two] = 500 })
	f.run(2)
	w.until("it is rejected", func() bool { return len(w.source.Rejections()) == 1 })
	f.with(func() { delete(f.broken, two) })
	w.want("web-2:up")
}

func TestADeathIsNotLookedUpFirst(t *testing.T) {
	f := newFake(t)
	one := f.run(1)
	w := newWorld(t, Options{Host: f.host()})
	w.follow()
	f.with(func() { f.stuck[one] = make(chan struct{}) }) // as while its network is torn down
	f.die(one)
	w.want("")
	if len(w.source.Rejections()) > 0 {
		t.Errorf("rejected: %v", w.source.Rejections())
	}
	f.with(func() { close(f.stuck[one]); delete(f.stuck, one) })
	f.run(1)
	w.want("web-1:up")
}

func TestADeathThatANewStartHasOvertakenIsNone(t *testing.T) {
	f := newFake(t)
	one := f.run(1)
	w := newWorld(t, Options{Host: f.host()})
	w.follow()
	f.with(func() { f.containers[one].Started, f.containers[one].Name = time.Now().Add(time.Hour), "new" })
	f.emit("container", "rename", one)
	w.want("new:up")
	inspections := func() (n int) {
		f.with(func() { n = f.requests["/containers/"+one+"/json"] })
		return n
	}
	before := w.zone.Snapshot().Serial()
	f.emit("container", "die", one)
	w.until("it is looked at again", func() bool { return inspections() == 3 })
	w.keeps("new:up", 10*time.Millisecond)
	if after := w.zone.Snapshot().Serial(); after != before {
		t.Errorf("the serial went from %d to %d", before, after)
	}
}

func TestASignalThatANewStartHasOvertakenIsNone(t *testing.T) {
	f := newFake(t)
	one := f.run(1)
	w := newWorld(t, Options{Host: f.host()})
	w.follow()
	f.with(func() { f.containers[one].Started, f.containers[one].Name = time.Now().Add(time.Hour), "new" })
	f.emit("container", "rename", one)
	w.want("new:up")
	before := w.zone.Snapshot().Serial()
	f.emit("container", "kill", one, "signal", "15")
	f.run(2) // comes behind the signal
	w.want("new:up web-2:up")
	if after := w.zone.Snapshot().Serial(); after != before+1 {
		t.Errorf("the serial went from %d to %d, for one new container", before, after)
	}
}

func TestAStuckContainerStopsNoOther(t *testing.T) {
	f := newFake(t)
	one := f.run(1)
	w := newWorld(t, Options{Host: f.host()})
	w.follow()
	f.with(func() { f.stuck[one] = make(chan struct{}) })
	f.emit("container", "rename", one)
	begun := time.Now()
	f.run(2)
	w.want("web-1:up web-2:up")
	if took := time.Since(begun); took > 2*time.Second {
		t.Errorf("it took %s", took)
	}
}
