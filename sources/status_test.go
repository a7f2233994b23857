package sources_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/rollcall-dns/rollcall/sources"
	"github.com/rollcall-dns/rollcall/zone"
)

func bad(ids ...string) []zone.Instance {
	list := ups(ids...)
	for i := range list {
		list[i].Service = "not a name"
	}
	return list
}

func alias(id, owner string) []zone.Static {
	return []zone.Static{{ID: id, Owner: owner, Type: zone.TypeCNAME, Target: "x."}}
}

func TestRejectedObjectsAreListedWhileTheyAreRejected(t *testing.T) {
	steps := []struct {
		name string
		c    zone.Change
		want string
	}{
		{"a sync with a bad one", zone.Change{Kind: zone.SyncEnd, Put: append(ups("a"), bad("b")...)}, "b"},
		{"another becomes bad", zone.Change{Put: bad("a")}, "a b"},
		{"one becomes good", zone.Change{Put: ups("a")}, "b"},
		{"one is dropped", zone.Change{Drop: []string{"b"}}, ""},
		{"bad ones", zone.Change{Put: bad("c", "d")}, "c d"},
		{"a page lists one", zone.Change{Kind: zone.SyncPart, Put: bad("c")}, "c d"},
		{"the sync ends", zone.Change{Kind: zone.SyncEnd, Put: bad("e")}, "c e"},
		{"the next sync is empty", zone.Change{Kind: zone.SyncEnd}, ""},
		{"an alias beside an instance", zone.Change{Put: ups("a"), Static: alias("s", "web")}, "s"},
		{"the instance is dropped", zone.Change{Drop: []string{"a"}}, ""},
		{"a bad alias", zone.Change{Static: alias("t", "not..a.name")}, "t"},
		{"it becomes good", zone.Change{Static: alias("t", "www")}, ""},
	}
	synctest.Test(t, func(t *testing.T) {
		next := make(chan zone.Change)
		src := &scripted{name: "src", run: func(ctx context.Context, sink sources.Sink, _ int) error {
			for {
				select {
				case c := <-next:
					sink.Send(ctx, c)
				case <-ctx.Done():
					return nil
				}
			}
		}}
		s, _ := supervise(t, newZone(t), new(logs), sources.Entry{Source: src})
		for _, step := range steps {
			next <- step.c
			synctest.Wait()
			var ids []string
			for _, r := range s.Status()[0].Rejected {
				ids = append(ids, r.ID)
				if fe := new(zone.FieldError); !errors.As(r.Err, &fe) {
					t.Errorf("%s: reason of %s is %v, want a field error", step.name, r.ID, r.Err)
				}
			}
			if got := strings.Join(ids, " "); got != step.want {
				t.Errorf("%s: rejected %q, want %q", step.name, got, step.want)
			}
		}
	})
}

func TestListOfRejectedIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &scripted{name: "src", run: func(ctx context.Context, sink sources.Sink, _ int) error {
			for i := range 1500 {
				sink.Send(ctx, zone.Change{Put: bad(fmt.Sprint(i))})
			}
			<-ctx.Done()
			return nil
		}}
		s, _ := supervise(t, newZone(t), new(logs), sources.Entry{Source: src})
		synctest.Wait()
		if st := s.Status()[0]; len(st.Rejected) != 1000 || !st.More {
			t.Errorf("%d rejected are listed, more %v; want 1000 and more", len(st.Rejected), st.More)
		}
	})
}

// rejecter tells of an object of its own.
type rejecter struct{ *scripted }

func (rejecter) Rejections() []zone.Rejection {
	return []zone.Rejection{{ID: "0", Err: errors.New("has no address")}}
}

func TestRejectionsOfTheSourceItselfAreListed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := supervise(t, newZone(t), new(logs), sources.Entry{Source: rejecter{steady("src", "a", "")}})
		synctest.Wait()
		got := s.Status()[0].Rejected
		if len(got) != 2 || got[0].ID != "" || got[1].ID != "0" || got[1].Err.Error() != "has no address" {
			t.Errorf("rejected %v, want the one without an ID, then 0", got)
		}
	})
}
