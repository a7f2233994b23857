package selfreg_test

import (
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall-dns/rollcall/sources"
	"github.com/rollcall-dns/rollcall/sources/selfreg"
	"github.com/rollcall-dns/rollcall/zone"
)

func healthOf(waiting ...string) selfreg.Health {
	return selfreg.Health{Waiting: func() []string { return waiting }}
}

// late is a source that reports nothing until it is told to.
type late struct{ free chan struct{} }

func (late) Name() string { return "late" }

func (l late) Run(ctx context.Context, sink sources.Sink) error {
	<-l.free
	sink.Send(ctx, zone.Change{Kind: zone.SyncEnd})
	<-ctx.Done()
	return nil
}

// other is another source, with these instances.
type other struct {
	name string
	ins  []zone.Instance
}

func (o other) Name() string { return o.name }

func (o other) Run(ctx context.Context, sink sources.Sink) error {
	sink.Send(ctx, zone.Change{Kind: zone.SyncEnd, Put: o.ins})
	<-ctx.Done()
	return nil
}

func container(id, service string, state zone.State, aliases ...string) zone.Instance {
	return zone.Instance{ID: id, Service: service, Aliases: aliases, State: state, Reason: map[bool]string{true: "it is paused"}[state == zone.Down],
		Endpoints: []zone.Endpoint{{Network: "shop", Addr: netip.MustParseAddr("172.17.0.2"), Ports: []zone.Port{{Number: 80}}}}}
}

func withContainers(t *testing.T, ins ...zone.Instance) *world {
	return newWorld(t, setup{others: []sources.Entry{{Source: other{"docker", ins}}}})
}

// ids are "source/id state" of the instances in a listing.
func ids(list []reply) string {
	var s []string
	for _, r := range list {
		s = append(s, r.Instance.Source+"/"+r.Instance.ID+" "+r.Instance.State)
	}
	return strings.Join(s, ", ")
}

func TestListingsHaveTheInstancesOfAllSources(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := withContainers(t, container("c1", "web", zone.Up), container("c2:80/tcp", "db.shop", zone.Down, "db"), container("c3", "not a name", zone.Up))
		w.want(201, "PUT", one, whole)
		w.want(201, "PUT", "/v1/services/web/instances/two", `{"state":"draining"}`)

		all := read(t, w.want(200, "GET", "/v1/services", ""))
		if len(all.Services) != 2 || all.Services[0].Service != "db.shop" || all.Services[1].Service != "web" || all.Next != "" {
			t.Fatalf("all: %+v", all)
		}
		if got, want := ids(all.Services[1].Instances), "docker/c1 up, selfreg/one up, selfreg/two draining"; got != want {
			t.Errorf("web has %s, want %s", got, want)
		}
		db := all.Services[0].Instances[0]
		if db.Instance.Reason != "it is paused" || db.Instance.Endpoints[0].Network != "shop" || db.Lease != nil || len(db.Names) == 0 {
			t.Errorf("the container of db: %+v", db)
		}
		if len(all.Sources) != 2 || all.Sources[1].Name != "docker" || all.Sources[1].Instances != 2 || len(all.Sources[1].Rejected) != 1 || all.Sources[1].Rejected[0].ID != "c3" {
			t.Errorf("sources: %+v, want one container rejected", all.Sources)
		}
		for path, want := range map[string]string{
			"web": "docker/c1 up, selfreg/one up, selfreg/two draining", "WEB": "docker/c1 up, selfreg/one up, selfreg/two draining",
			"db.shop": "docker/c2:80/tcp down", "db": "docker/c2:80/tcp down",
		} {
			if r := read(t, w.want(200, "GET", "/v1/services/"+path, "")); ids(r.Instances) != want || r.Service != strings.ToLower(path) {
				t.Errorf("%s: %s, want %s", path, ids(r.Instances), want)
			}
		}
		w.want(404, "GET", "/v1/services/nobody", "")
	})
}

func TestListingOfNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, setup{})
		if r := read(t, w.want(200, "GET", "/v1/services", "")); r.Services == nil || len(r.Services) != 0 || len(r.Sources) != 1 {
			t.Errorf("listing of an empty zone: %+v", r)
		}
	})
}

func TestOneInstanceOfAnySource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := withContainers(t, container("one", "web", zone.Up), container("c2:80/tcp", "db.shop", zone.Up, "db"))
		for _, tt := range []struct{ path, want string }{
			{one, "docker"},
			{one + "?source=docker", "docker"},
			{one + "?source=selfreg", ""},
			{"/v1/services/db.shop/instances/" + url.PathEscape("c2:80/tcp"), "docker"},
			{"/v1/services/db/instances/" + url.PathEscape("c2:80/tcp"), "docker"},
			{"/v1/services/web/instances/" + url.PathEscape("c2:80/tcp"), ""},
		} {
			switch rec := w.send("GET", tt.path, ""); {
			case tt.want == "" && rec.Code != 404:
				t.Errorf("%s: %d %s, want 404", tt.path, rec.Code, rec.Body)
			case tt.want != "" && (rec.Code != 200 || read(t, rec).Instance.Source != tt.want):
				t.Errorf("%s: %d %s, want that of %s", tt.path, rec.Code, rec.Body, tt.want)
			}
		}
		w.want(404, "DELETE", one, "") // writes touch self-registrations alone
		w.want(404, "PUT", one+"/state", `{"state":"down"}`)
		w.want(201, "PUT", one, whole)
		if r := read(t, w.want(200, "GET", one, "")); r.Instance.Source != "selfreg" {
			t.Errorf("of two with one ID: that of %s, want the one that registered itself", r.Instance.Source)
		}
		if r := read(t, w.want(200, "GET", one+"?source=docker", "")); r.Instance.Source != "docker" {
			t.Errorf("of the source named: that of %s", r.Instance.Source)
		}
	})
}

// The status of all sources is counted over the whole zone.
func TestInstanceThatIsFoundAtOnceAsksForNoStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, setup{})
		w.want(201, "PUT", one, whole)
		asked := 0
		w.h = w.src.Handler(selfreg.Health{Status: func() []sources.Status { asked++; return nil }})
		w.want(200, "GET", one, "")
		w.want(404, "GET", "/v1/services/web/instances/two?source=docker", "")
		if asked != 0 {
			t.Errorf("asked for %d times", asked)
		}
		if w.want(404, "GET", "/v1/services/web/instances/two", ""); asked != 1 {
			t.Errorf("for an unknown instance asked for %d times, want once", asked)
		}
	})
}

func TestListingsArePaged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, setup{})
		for i := range 25 {
			w.want(201, "PUT", fmt.Sprintf("/v1/services/s%d/instances/%02d", i/10, i), "")
		}
		for _, path := range []string{"/v1/services", "/v1/services/s1"} {
			var got []string
			pages := 0
			for after := ""; ; pages++ {
				r := read(t, w.want(200, "GET", path+"?limit=4&after="+after, ""))
				if pages > 0 && r.Sources != nil {
					t.Errorf("%s: page %d has the sources again", path, pages)
				}
				n := 0
				for _, list := range append([]reply{{Instances: r.Instances}}, servicesOf(r)...) {
					for _, in := range list.Instances {
						got = append(got, in.Instance.ID)
						n++
					}
				}
				if r.Next == "" {
					break
				}
				if n != 4 {
					t.Fatalf("%s: page %d has %d instances, want 4", path, pages, n)
				}
				after = r.Next
			}
			want := 25
			if path != "/v1/services" {
				want = 10
			}
			if len(got) != want || strings.Join(got, " ") != strings.Join(slices.Sorted(slices.Values(got)), " ") {
				t.Errorf("%s: %d instances %q in %d pages, want %d in order", path, len(got), got, pages, want)
			}
		}
		for _, q := range []string{"limit=0", "limit=10001", "limit=x", "after=x", "after=%FF"} {
			if r := read(t, w.want(400, "GET", "/v1/services?"+q, "")); len(r.Errors) != 1 || !strings.HasPrefix(q, r.Errors[0].Field) {
				t.Errorf("?%s: %+v", q, r.Errors)
			}
		}
	})
}

func servicesOf(r reply) (list []reply) {
	for _, s := range r.Services {
		list = append(list, reply{Instances: s.Instances})
	}
	return list
}

func TestHeadIsGetWithoutABody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, setup{})
		w.want(201, "PUT", one, whole)
		w.want(200, "HEAD", one, "")
		w.want(404, "HEAD", "/v1/services/web/instances/two", "")
	})
}

func TestWhatHasEndedIsNotListed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, setup{})
		w.want(201, "PUT", one, `{"lease":"1005ms"}`)
		time.Sleep(1005 * time.Millisecond) // between two ticks: it is still in the zone
		if w.zone.Snapshot().Len() != 1 {
			t.Fatal("it was removed already")
		}
		w.want(404, "GET", "/v1/services/web", "")
		if r := read(t, w.want(200, "GET", "/v1/services", "")); len(r.Services) != 0 {
			t.Errorf("listed: %+v", r.Services)
		}
	})
}
