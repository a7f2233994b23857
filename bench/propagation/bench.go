package main

import (
	"fmt"
	"io"
	"slices"
	"time"
)

// port is exposed by each container.
const port = 7000

// bench measures kinds of events, and keeps the times of each.
type bench struct {
	engine *engine
	asker  *asker
	kinds  []string
	took   map[string][]time.Duration
}

// plain measures containers without a health check, all of which live at once.
func (b *bench) plain(n int) error {
	ids := make([]string, n)
	names := make([]string, n)
	for i := range n {
		var err error
		names[i] = fmt.Sprintf("%s-%d", b.engine.label, i)
		if ids[i], err = b.engine.create(names[i], false); err != nil {
			return err
		}
	}
	type step struct {
		kind, action string
		up           bool
		do           func(id string) error
	}
	kill := func(signal string) func(string) error {
		return func(id string) error { return b.engine.kill(id, signal) }
	}
	for _, s := range []step{
		{"start", "start", true, b.engine.start},
		{"pause", "pause", false, b.engine.pause},
		{"unpause", "unpause", true, b.engine.unpause},
		{"kill -9", "kill", false, kill("KILL")},
		{"start again", "start", true, b.engine.start},
		{"die", "die", false, kill("USR1")}, // the process ends by itself
	} {
		for i, id := range ids {
			if err := b.measure(s.kind, eventKey{id, s.action}, names[i], s.up, func() error { return s.do(id) }); err != nil {
				return err
			}
		}
	}
	return nil
}

// checked measures containers with a health check, one after another, because
// the checks of many would be what is measured.
func (b *bench) checked(n int) error {
	for i := range n {
		name := fmt.Sprintf("%s-checked-%d", b.engine.label, i)
		id, err := b.engine.create(name, true)
		if err != nil {
			return err
		}
		err = b.measure("healthy", eventKey{id, "health_status: healthy"}, name, true,
			func() error { return b.engine.start(id) })
		if err != nil {
			return err
		}
		err = b.measure("unhealthy", eventKey{id, "health_status: unhealthy"}, name, false,
			func() error { return b.engine.exec(id, "rm", "/ok") })
		if err != nil {
			return err
		}
		if err := b.engine.kill(id, "KILL"); err != nil {
			return err
		}
	}
	return nil
}

// measure does something to a container and asks until the answer shows it: with
// the container when up is set, else without.
func (b *bench) measure(kind string, k eventKey, name string, up bool, do func() error) error {
	b.engine.forget(k)
	answered := make(chan error, 1)
	var at time.Time
	var got reply
	go func() {
		var err error
		at, got, err = b.until(name+".svc.internal", up)
		answered <- err
	}()
	if err := do(); err != nil {
		return err
	}
	if err := <-answered; err != nil {
		return fmt.Errorf("%s: %s: %w", kind, name, err)
	}
	event, err := b.engine.happened(k)
	if err != nil {
		return err
	}
	if up {
		if want, err := b.engine.address(k.container); err != nil || got.addr != want || got.port != port {
			return fmt.Errorf("%s: %s: answered %v:%d, want %v:%d (%v)", kind, name, got.addr, got.port, want, port, err)
		}
	}
	b.add(kind, at.Sub(event))
	return nil
}

// until asks until there is a record, or none any more.
func (b *bench) until(name string, up bool) (time.Time, reply, error) {
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Microsecond) {
		r, err := b.asker.ask(name)
		if err != nil || r.records > 0 == up {
			return time.Now(), r, err
		}
	}
	return time.Time{}, reply{}, fmt.Errorf("for 10 s the answer did not change")
}

func (b *bench) add(kind string, d time.Duration) {
	if b.took == nil {
		b.took = make(map[string][]time.Duration)
	}
	if !slices.Contains(b.kinds, kind) {
		b.kinds = append(b.kinds, kind)
	}
	b.took[kind] = append(b.took[kind], d)
}

func (b *bench) print(w io.Writer) {
	fmt.Fprintf(w, "%-12s %6s %8s %8s %8s\n", "event", "n", "p50", "p99", "max")
	for _, kind := range b.kinds {
		d := b.took[kind]
		slices.Sort(d)
		at := func(q float64) float64 { return float64(d[int(q*float64(len(d)-1)+0.5)]) / 1e6 }
		fmt.Fprintf(w, "%-12s %6d %8.1f %8.1f %8.1f\n", kind, len(d), at(0.5), at(0.99), at(1))
	}
}
