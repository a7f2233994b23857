package dnsserver

import (
	"context"
	"net/netip"
	"strings"
	"testing"

	"github.com/miekg/dns"

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

// outside are the names of others in the tests of aliases.
var outside = map[string]string{
	"edge.example.":  "edge.example. 60 IN A 192.0.2.1",
	"gone.example.":  "",
	"in.example.":    "in.example. 60 IN CNAME web.svc.test.",
	"lie.example.":   "lie.example. 60 IN CNAME in.example.\nin.example. 60 IN CNAME web.svc.test.\nweb.svc.test. 60 IN A 192.0.2.66",
	"nope.example.":  "nope.example. 60 IN CNAME nope.svc.test.",
	"back.example.":  "back.example. 60 IN CNAME ext.svc.test.",
	"round.example.": "round.example. 60 IN CNAME round.svc.test.",
}

func answerOutside(_ context.Context, q *Query) (*dns.Msg, error) {
	name, _, err := dns.UnpackDomainName(q.Name, 0)
	text, ok := outside[name]
	switch {
	case err != nil:
		return nil, err
	case name == "dead.example.":
		return nil, &Failure{Rcode: dns.RcodeServerFailure, Info: dns.ExtendedErrorCodeNoReachableAuthority}
	case !ok:
		return nil, nil
	}
	m := new(dns.Msg)
	if text == "" {
		m.Rcode, text = dns.RcodeNameError, "example. 60 IN SOA ns.example. nobody.example. 1 2 3 4 5"
	}
	for line := range strings.Lines(text) {
		rr, err := dns.NewRR(line)
		if err != nil {
			return nil, err
		}
		if h := rr.Header(); h.Rrtype == dns.TypeSOA {
			m.Ns = append(m.Ns, rr)
		} else if h.Rrtype == q.Type || h.Rrtype == dns.TypeCNAME {
			m.Answer = append(m.Answer, rr)
		}
	}
	return m, nil
}

// Stub resolvers do not ask again for where an alias leads, and what others say of names
// of ours is not believed.
func TestAliasesAreFollowedOutOfTheZoneAndIn(t *testing.T) {
	z := newZone(t)
	putAliases(t, z)
	if r := z.Apply(zone.Change{Source: "more", Static: []zone.Static{
		{ID: "1", Owner: "out", Type: zone.TypeCNAME, Target: "gone.example."},
		{ID: "2", Owner: "dead", Type: zone.TypeCNAME, Target: "dead.example."},
		{ID: "3", Owner: "nobodys", Type: zone.TypeCNAME, Target: "nobodys.example."},
		{ID: "4", Owner: "round", Type: zone.TypeCNAME, Target: "round.example."},
		{ID: "5", Owner: "sister", Type: zone.TypeCNAME, Target: "web.other.test."},
	}}); len(r.Rejected) > 0 {
		t.Fatal(r.Rejected)
	}
	const ext = "ext.svc.test. 5 IN CNAME edge.example."
	h := Authority(z, always, sinceStart, Recursion(CutAliases(z, handlerFunc(answerOutside))))
	for _, tt := range []struct{ name, from, ask, want string }{
		{"out", "127.0.0.1", "EXT.svc.test. A +rd", "NOERROR aa rd ra: EXT.svc.test. 5 IN CNAME edge.example.; edge.example. 60 IN A 192.0.2.1"},
		{"out, to a name without the type", "127.0.0.1", "ext.svc.test. AAAA +rd", "NOERROR aa rd ra: " + ext},
		{"out, to no name", "127.0.0.1", "out.svc.test. A +rd", "NXDOMAIN aa rd ra: out.svc.test. 5 IN CNAME gone.example. / soa example. 60"},
		{"out, to a name that cannot be had", "127.0.0.1", "dead.svc.test. A +rd +edns", "SERVFAIL rd ra [edns0 1232 ede=22]"},
		{"out, to a name that nobody is asked for", "127.0.0.1", "nobodys.svc.test. A +rd", "NOERROR aa rd ra: nobodys.svc.test. 5 IN CNAME nobodys.example."},
		{"out, and recursion is not desired", "127.0.0.1", "ext.svc.test. A", "NOERROR aa ra: " + ext},
		{"out, and recursion is not allowed", "192.0.2.9", "ext.svc.test. A +rd", "NOERROR aa rd: " + ext},
		{"the alias itself", "127.0.0.1", "ext.svc.test. CNAME +rd", "NOERROR aa rd ra: " + ext},
		{"to another domain of ours", "192.0.2.9", "sister.svc.test. A", "NOERROR aa: sister.svc.test. 5 IN CNAME web.other.test.; web.other.test. 5 IN A 10.0.0.7"},
		{"in", "127.0.0.1", "in.example. A +rd", "NOERROR rd ra: in.example. 60 IN CNAME web.svc.test.; web.svc.test. 5 IN A 10.0.0.7"},
		{"in, to no name", "127.0.0.1", "nope.example. A +rd", "NXDOMAIN rd ra: nope.example. 60 IN CNAME nope.svc.test." + noSvc},
		{"in, with a lie about it", "127.0.0.1", "lie.example. A +rd", "NOERROR rd ra: in.example. 60 IN CNAME web.svc.test.; lie.example. 60 IN CNAME in.example.; web.svc.test. 5 IN A 10.0.0.7"},
		{"in and out", "127.0.0.1", "back.example. A +rd", "NOERROR rd ra: back.example. 60 IN CNAME ext.svc.test.; edge.example. 60 IN A 192.0.2.1; " + ext},
		{"round", "127.0.0.1", "round.example. A +rd", "SERVFAIL rd ra"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := askAs(t, h, &Askers{Local: true}, tt.from, tt.ask); got != tt.want {
				t.Errorf("%s asks %s\n got %s\nwant %s", tt.from, tt.ask, got, tt.want)
			}
		})
	}
}
