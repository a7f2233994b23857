package dnsserver

import (
	"net/netip"
	"testing"

	"github.com/rollcall-dns/rollcall/zone"
)

// aliases are rows of the checklist that ask for static records: question and reply.
var aliases = []struct{ name, ask, want string }{
	{"B9 wildcard", "a.B.any.svc.test. A", "NOERROR aa: a.B.any.svc.test. 5 IN A 10.0.0.1"},
	{"B9 wildcard without the type", "a.any.svc.test. AAAA", "NOERROR aa" + noSvc},
	{"B10 alias", "WWW.svc.test. A", "NOERROR aa: WWW.svc.test. 30 IN CNAME web.svc.test.; web.svc.test. 5 IN A 10.0.0.7"},
	{"B10 alias that is asked for", "www.svc.test. CNAME", "NOERROR aa: www.svc.test. 30 IN CNAME web.svc.test."},
	{"B10 alias of any type", "www.svc.test. ANY", "NOERROR aa: www.svc.test. 30 IN CNAME web.svc.test."},
	{"B10 alias out of the zone", "ext.svc.test. A", "NOERROR aa: ext.svc.test. 5 IN CNAME edge.example."},
	{"B10 alias to nothing", "gone.svc.test. A", "NXDOMAIN aa: gone.svc.test. 5 IN CNAME nope.svc.test." + noSvc},
	{"B10 alias to nothing, any type", "gone.svc.test. ANY", "NOERROR aa: gone.svc.test. 5 IN CNAME nope.svc.test."},
	{"B10 alias to a name without the type", "www.svc.test. MX", "NOERROR aa: www.svc.test. 30 IN CNAME web.svc.test." + noSvc},
	{"B10 circle", "loop.svc.test. A", "NOERROR aa: loop.svc.test. 5 IN CNAME loop.svc.test."},
	{"B10 alias to the domain", "home.svc.test. TXT", "NOERROR aa: home.svc.test. 5 IN CNAME svc.test." + noSvc},
}

func putAliases(t testing.TB, z *zone.Zone) {
	t.Helper()
	r := z.Apply(zone.Change{Source: "static", Static: []zone.Static{
		{ID: "1", Owner: "www", Type: zone.TypeCNAME, Target: "web", TTL: 30e9},
		{ID: "2", Owner: "ext", Type: zone.TypeCNAME, Target: "edge.example."},
		{ID: "3", Owner: "gone", Type: zone.TypeCNAME, Target: "nope"},
		{ID: "4", Owner: "loop", Type: zone.TypeCNAME, Target: "loop"},
		{ID: "5", Owner: "home", Type: zone.TypeCNAME, Target: zone.Apex},
		{ID: "6", Owner: "*.any", Type: zone.TypeA, Data: netip.MustParseAddr("10.0.0.1").AsSlice()},
	}})
	if len(r.Rejected) > 0 {
		t.Fatal(r.Rejected)
	}
}

func TestAuthorityAnswersWithAliases(t *testing.T) {
	z := newZone(t)
	putAliases(t, z)
	everywhere(t, Options{Handler: authorityOf(z)}, func(t *testing.T, open func(testing.TB) *wire) {
		w := open(t)
		for _, tt := range aliases {
			t.Run(tt.name, func(t *testing.T) {
				if got := text(t, w.exchange(query(tt.ask))); got != tt.want {
					t.Errorf("ask %s\n got %s\nwant %s", tt.ask, got, tt.want)
				}
			})
		}
	})
}
