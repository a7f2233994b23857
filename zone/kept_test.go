package zone_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rollcall-dns/rollcall/zone"
)

// An instance is kept without what can be made of the rest: what is given back is what was
// reported, and reporting that again changes nothing.
func TestInstancesAreGivenBackAsTheyWereReported(t *testing.T) {
	z := newZone(t)
	var all []zone.Instance
	add := func(service, host string, eps ...zone.Endpoint) *zone.Instance {
		in := up(service, host, eps...)
		in.ID = fmt.Sprint(len(all))
		all = append(all, in)
		return &all[len(all)-1]
	}
	for _, service := range []string{"web", "web.shop", "Web.Shop", "a-b_c.d", `\119eb`} {
		for _, host := range []string{"", "h1", "H1", "h1", strings.Repeat("h", 63)} {
			add(service, host, at("192.0.2.1", tcp(80)))
		}
	}
	add("web", "none").State = zone.Down
	add("web", "six", at("2001:db8::1", named("http", 80)))
	add("web", "named", on("red", "172.18.0.9", tcp(80)), on("blue", "172.18.0.9"))
	add("web", "open", at("172.18.0.9", tcp(80), tcp(81)), at("2001:db8::2", tcp(80)))
	add("web", "aliased", at("192.0.2.2")).Aliases = []string{"old", "WEB.old"}
	c := put(all...)
	c.Networks = []zone.Network{{Name: "red", Prefixes: prefixes("172.18.0.0/16")}}
	apply(t, z, c)
	wantKept(t, z, all)
	for i := range all {
		all[i].Weight++
	}
	apply(t, z, put(all...))
	wantKept(t, z, all)
	apply(t, z, zone.Change{Drop: []string{all[1].ID}}) // another gets its name
	wantKept(t, z, append(all[:1:1], all[2:]...))
}

func wantKept(t *testing.T, z *zone.Zone, all []zone.Instance) {
	t.Helper()
	for i := range all {
		got, ok := z.Snapshot().Instance(zone.Key{Source: "test", ID: all[i].ID})
		if !ok || !got.Equal(&all[i]) {
			t.Errorf("kept %+v\nwant %+v", got, all[i])
		}
	}
	if r := z.Apply(zone.Change{Source: "test", Put: all}); r.Changed || len(r.Rejected) > 0 {
		t.Errorf("what is reported again changes something: %+v", r)
	}
}
