package health

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall-dns/rollcall/sources"
	"github.com/rollcall-dns/rollcall/zone"
)

func TestOnlyWhatHasPassedIsBroughtBack(t *testing.T) {
	tests := []struct {
		name  string
		found []string // one after another; "" passes
		edit  func(*zone.Check)
		want  bool
	}{
		{"it never passed", []string{"refused"}, nil, false},
		{"nor did what is up at first", []string{"refused"}, func(c *zone.Check) { c.Initial = zone.Up }, false},
		{"it passed", []string{"", "refused"}, nil, true},
		{"up at first, and then it passed", []string{"", "refused"}, func(c *zone.Check) { c.Initial = zone.Up }, true},
		{"less often than it has to", []string{"", "refused"}, func(c *zone.Check) { c.Rise = 10 }, false},
		{"it failed, passed and failed", []string{"refused", "", "refused"}, nil, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				z, w := newZone(t), newWorld()
				g := w.gate(t, sources.Into(z), 8)
				c := path("/")
				if tt.edit != nil {
					tt.edit(c)
				}
				in := checked("a", c)
				in.Fallback = zone.FallbackAll
				w.set("/", tt.found[0])
				send(t, g, zone.Change{Put: []zone.Instance{in}})
				for _, fails := range tt.found {
					w.set("/", fails)
					time.Sleep(4*c.Interval + 4*time.Second)
				}
				if got := shown(z, "a"); got != "down refused" {
					t.Fatalf("it is %q, want down refused", got)
				}
				services := z.Snapshot().Fallback(zone.Key{Source: "test", ID: "a"})
				if got := len(services) > 0; got != tt.want {
					t.Errorf("brought back in %q, want that it is: %v", services, tt.want)
				}
			})
		})
	}
}

func TestEveryCheckMustHavePassedToBringItBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z, w := newZone(t), newWorld()
		g := w.gate(t, sources.Into(z), 8)
		in := checked("a", path("/one"), path("/two"))
		in.Fallback = zone.FallbackAll
		w.set("/two", "refused")
		send(t, g, zone.Change{Put: []zone.Instance{in}})
		brought := func() bool { return len(z.Snapshot().Fallback(zone.Key{Source: "test", ID: "a"})) > 0 }
		time.Sleep(time.Minute)
		if brought() {
			t.Error("one of two checks has never passed, and it is brought back")
		}
		w.set("/two", "")
		time.Sleep(time.Minute)
		w.set("/one", "refused")
		time.Sleep(time.Minute)
		if !brought() {
			t.Error("both have passed and one fails, and it is not brought back")
		}
		w.set("/two", "refused") // worse changes nothing
		time.Sleep(time.Minute)
		if !brought() {
			t.Error("both have passed and both fail, and it is not brought back")
		}
	})
}

// Those that lose something in common find it one after another.
func TestLastBringsBackWhatFailedTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z, w := newZone(t), newWorld()
		g := w.gate(t, sources.Into(z), 8)
		c := zone.Change{}
		for _, id := range []string{"early", "b", "c"} {
			in := checked(id, path("/"+id))
			in.Fallback = zone.FallbackLast
			c.Put = append(c.Put, in)
		}
		send(t, g, c)
		time.Sleep(time.Minute)
		w.set("/early", "refused")
		time.Sleep(3 * time.Minute)
		w.set("/b", "refused")
		w.set("/c", "refused")
		time.Sleep(time.Minute)
		for id, want := range map[string]int{"early": 0, "b": 1, "c": 1} {
			if got := len(z.Snapshot().Fallback(zone.Key{Source: "test", ID: id})); got != want {
				t.Errorf("%s is brought back in %d services, want %d", id, got, want)
			}
		}
	})
}

func TestWhatFailedIsKnownToTheProcessThatTakesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z, w := newZone(t), newWorld()
		old := w.gate(t, sources.Into(z), 8)
		in := checked("a", path("/"))
		in.Fallback = zone.FallbackLast
		send(t, old, zone.Change{Put: []zone.Instance{in}})
		time.Sleep(time.Minute)
		w.set("/", "refused")
		time.Sleep(time.Minute)
		second := newZone(t)
		next := newWorld().gate(t, sources.Into(second), 8)
		for _, c := range z.Reported("test", 10) {
			send(t, next, c)
		}
		if got := second.Snapshot().Fallback(zone.Key{Source: "test", ID: "a"}); len(got) != 1 {
			t.Errorf("after taking over it is brought back in %q, want web", got)
		}
	})
}
