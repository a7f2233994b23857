package zone_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/rollcall-dns/rollcall/zone"
	"github.com/rollcall-dns/rollcall/zone/zonetest"
)

// static reads "OWNER [TTL] TYPE DATA", the ID of the record too. Names are
// relative to the domain, or end in a dot.
func static(t testing.TB, line string) zone.Static {
	t.Helper()
	f := strings.Fields(line)
	st := zone.Static{ID: line, Owner: f[0]}
	if ttl, err := strconv.Atoi(f[1]); err == nil {
		st.TTL = time.Duration(ttl) * time.Second
		f = f[1:]
	}
	st.Type = dns.StringToType[f[1]]
	switch data := f[2:]; f[1] {
	case "A", "AAAA":
		st.Data = netip.MustParseAddr(data[0]).AsSlice()
	case "TXT":
		for _, s := range data {
			st.Data = append(append(st.Data, byte(len(s))), s...)
		}
	case "SRV":
		for _, s := range data[:3] {
			n, err := strconv.Atoi(s)
			if err != nil {
				t.Fatal(err)
			}
			st.Data = append(st.Data, byte(n>>8), byte(n))
		}
		st.Target = data[3]
	case "CNAME":
		st.Target = data[0]
	default:
		t.Fatalf("record %q: what is %s?", line, f[1])
	}
	return st
}

func statics(t testing.TB, lines ...string) zone.Change {
	t.Helper()
	var c zone.Change
	for _, l := range lines {
		c.Static = append(c.Static, static(t, l))
	}
	return c
}

func TestStaticRecordsAreAnswered(t *testing.T) {
	z := newZone(t, "svc.test.", "other.test.")
	apply(t, z, statics(t,
		"db A 10.0.0.7", "db A 10.0.0.8", "db 3 AAAA 2001:db8::7", "info TXT v=1 b",
		"_pg._tcp.db SRV 10 5 5432 db", "_pg._tcp.db SRV 10 5 5433 ext.example.",
		"@ A 10.0.0.1", "@ TXT apex", "deep.er.name A 10.0.0.9"))
	check(t, z, []ask{
		{"A", "db.svc.test. A", "db.svc.test. 5 IN A 10.0.0.7; db.svc.test. 5 IN A 10.0.0.8"},
		{"own TTL", "db.svc.test. AAAA", "db.svc.test. 3 IN AAAA 2001:db8::7"},
		{"in upper case", "DB.svc.test. AAAA", "DB.svc.test. 3 IN AAAA 2001:db8::7"},
		{"TXT", "info.svc.test. TXT", `info.svc.test. 5 IN TXT "v=1" "b"`},
		{"SRV with the addresses of its target", "_pg._tcp.db.svc.test. SRV",
			"_pg._tcp.db.svc.test. 5 IN SRV 10 5 5432 db.svc.test.; _pg._tcp.db.svc.test. 5 IN SRV 10 5 5433 ext.example." +
				" + db.svc.test. 3 IN AAAA 2001:db8::7; db.svc.test. 5 IN A 10.0.0.7; db.svc.test. 5 IN A 10.0.0.8"},
		{"in every domain", "_pg._tcp.db.other.test. SRV",
			"_pg._tcp.db.other.test. 5 IN SRV 10 5 5432 db.other.test.; _pg._tcp.db.other.test. 5 IN SRV 10 5 5433 ext.example." +
				" + db.other.test. 3 IN AAAA 2001:db8::7; db.other.test. 5 IN A 10.0.0.7; db.other.test. 5 IN A 10.0.0.8"},
		{"the domain itself", "svc.test. A", "svc.test. 5 IN A 10.0.0.1"},
		{"another type of it", "svc.test. TXT", `svc.test. 5 IN TXT "apex"`},
		{"SOA is still there", "svc.test. SOA", "svc.test. 5 IN SOA ns.dns.svc.test. hostmaster.svc.test. 101 5 5 86400 5"},
		{"another type is NODATA", "info.svc.test. A", "NODATA"},
		{"empty non-terminal is NODATA", "_tcp.db.svc.test. SRV", "NODATA"},
		{"empty non-terminal of plain labels", "er.name.svc.test. A", "NODATA"},
		{"below a static name is nothing", "x.db.svc.test. A", "NXDOMAIN"},
		{"beside it is nothing", "x.er.name.svc.test. A", "NXDOMAIN"},
	})
	apply(t, z, zone.Change{Kind: zone.SyncEnd})
	for _, n := range []string{"db", "_tcp.db", "er.name", "name", "info"} {
		if got := zonetest.Ask(t, z, n+".svc.test. A"); got != "NXDOMAIN" {
			t.Errorf("%s after all was removed: %s, want NXDOMAIN", n, got)
		}
	}
}

func TestStaticRecordsAreUnitedWithThoseOfInstances(t *testing.T) {
	z := newZone(t)
	web := up("web", "w", on("red", "172.18.0.2", named("http", 80)))
	web.Meta, web.TTL = map[string]string{"v": "1"}, 3*time.Second
	c := statics(t, "web A 10.0.0.7", "web 9 A 172.18.0.2", "web TXT v=1", "web TXT own", "_http._tcp.web SRV 0 0 80 w.web", "_http._tcp.web SRV 1 0 81 old")
	c.Put = []zone.Instance{web}
	apply(t, z, c)
	check(t, z, []ask{
		{"repeated ones once, with the smallest TTL", "web.svc.test. A", "web.svc.test. 3 IN A 10.0.0.7; web.svc.test. 3 IN A 172.18.0.2"},
		{"TXT", "web.svc.test. TXT", `web.svc.test. 3 IN TXT "own"; web.svc.test. 3 IN TXT "v=1"`},
		{"a port", "_http._tcp.web.svc.test. SRV", "_http._tcp.web.svc.test. 3 IN SRV 0 0 80 w.web.svc.test.; " +
			"_http._tcp.web.svc.test. 3 IN SRV 1 0 81 old.svc.test. + w.web.svc.test. 3 IN A 172.18.0.2"},
		{"what instances alone have", "w.web.svc.test. A", "w.web.svc.test. 3 IN A 172.18.0.2"},
	})
	apply(t, z, zone.Change{Drop: []string{web.ID}})
	check(t, z, []ask{
		{"when the instances have gone", "web.svc.test. A", "web.svc.test. 5 IN A 10.0.0.7; web.svc.test. 5 IN A 172.18.0.2"},
		{"its hosts have gone", "w.web.svc.test. A", "NXDOMAIN"},
		{"the port is still there", "_http._tcp.web.svc.test. SRV", "_http._tcp.web.svc.test. 5 IN SRV 0 0 80 w.web.svc.test.; _http._tcp.web.svc.test. 5 IN SRV 1 0 81 old.svc.test."},
	})
}

func TestWildcards(t *testing.T) {
	z := newZone(t)
	web := up("web", "w", at("10.1.0.1", named("http", 80)))
	web.Tags = []string{"v1", "v2"}
	c := statics(t, "*.apps A 10.0.0.1", "*.apps TXT any", "real.apps TXT real", "x.sub.apps A 10.0.0.2", "*.web A 10.0.0.3", "*.host.x A 10.0.0.5", "*.deep.apps A 10.0.0.4")
	c.Put = []zone.Instance{web}
	apply(t, z, c)
	check(t, z, []ask{
		{"covers one level", "a.apps.svc.test. A", "a.apps.svc.test. 5 IN A 10.0.0.1"},
		{"covers any depth", "a.b.c.apps.svc.test. A", "a.b.c.apps.svc.test. 5 IN A 10.0.0.1"},
		{"the case of the question", "A.b.apps.svc.test. A", "A.b.apps.svc.test. 5 IN A 10.0.0.1"},
		{"underscores too", "_x._tcp.apps.svc.test. TXT", `_x._tcp.apps.svc.test. 5 IN TXT "any"`},
		{"its own name", "*.apps.svc.test. A", "*.apps.svc.test. 5 IN A 10.0.0.1"},
		{"not below its own name", "a.*.apps.svc.test. A", "NXDOMAIN"},
		{"another type is NODATA", "a.apps.svc.test. AAAA", "NODATA"},
		{"its parent is an empty non-terminal", "apps.svc.test. A", "NODATA"},
		{"a name that exists is not covered, whatever the type", "real.apps.svc.test. A", "NODATA"},
		{"nor one below it", "a.real.apps.svc.test. A", "NXDOMAIN"},
		{"nor an empty non-terminal", "sub.apps.svc.test. A", "NODATA"},
		{"nor a name below that", "a.sub.apps.svc.test. A", "NXDOMAIN"},
		{"a closer wildcard", "a.deep.apps.svc.test. A", "a.deep.apps.svc.test. 5 IN A 10.0.0.4"},
		{"a name beside the instances of a service", "other.web.svc.test. A", "other.web.svc.test. 5 IN A 10.0.0.3"},
		{"a port that is there is not covered", "_http._tcp.web.svc.test. A", "NODATA"},
		{"nor the empty non-terminal of ports", "_tcp.web.svc.test. A", "NODATA"},
		{"nor what is below that", "_nope._tcp.web.svc.test. A", "NXDOMAIN"},
		{"a protocol without ports is", "_x._udp.web.svc.test. A", "_x._udp.web.svc.test. 5 IN A 10.0.0.3"},
		{"a host is not covered", "w.web.svc.test. AAAA", "NODATA"},
		{"nor what is below it", "x.w.web.svc.test. A", "NXDOMAIN"},
		{"a tag is not covered", "v1.tag.web.svc.test. A", "v1.tag.web.svc.test. 5 IN A 10.1.0.1"},
		{"nor tags that stand together", "v2.v1.tag.web.svc.test. AAAA", "NODATA"},
		{"nor an unknown tag before one that is there", "v3.v1.tag.web.svc.test. A", "NXDOMAIN"},
		{"nor an unknown tag", "v3.tag.web.svc.test. A", "NXDOMAIN"},
		{"not the service itself", "web.svc.test. A", "web.svc.test. 5 IN A 10.1.0.1"},
		{"no wildcard is no cover", "a.b.svc.test. A", "NXDOMAIN"},
	})
	apply(t, z, zone.Change{Drop: []string{"*.apps A 10.0.0.1", "*.apps TXT any"}})
	if got := zonetest.Ask(t, z, "a.apps.svc.test. A"); got != "NXDOMAIN" {
		t.Errorf("after the wildcard was removed: %s, want NXDOMAIN", got)
	}
}

func TestWildcardOfTheDomainSparesTheNameServer(t *testing.T) {
	z := newZone(t)
	apply(t, z, statics(t, "* A 10.0.0.1"))
	check(t, z, []ask{
		{"any name", "a.b.svc.test. A", "a.b.svc.test. 5 IN A 10.0.0.1"},
		{"the domain exists", "svc.test. A", "NODATA"},
		{"the name server exists", "ns.dns.svc.test. A", "NODATA"},
		{"its parent exists", "dns.svc.test. A", "NODATA"},
		{"below the name server", "x.ns.dns.svc.test. A", "NXDOMAIN"},
		{"beside the name server", "x.dns.svc.test. A", "NXDOMAIN"},
	})
}

func TestAliases(t *testing.T) {
	z := newZone(t)
	lines := []string{
		"www CNAME web", "ext CNAME edge.example.", "*.any 9 CNAME www", "full CNAME web.svc.test.", "home CNAME @", "@ A 10.0.0.1",
		"gone CNAME nope", "dry CNAME notext", "notext TXT x", "loop CNAME pool", "pool CNAME loop", "self CNAME self", "*.rec CNAME a.b.rec",
		"ns CNAME ns.dns", "_x._tcp CNAME _http._tcp.web", "srv SRV 0 0 1 www",
	}
	for i := range 10 {
		lines = append(lines, fmt.Sprintf("c%d CNAME c%d", i, i+1))
	}
	c := statics(t, lines...)
	c.Put = []zone.Instance{up("web", "w", at("10.0.0.7", named("http", 80)))}
	apply(t, z, c)
	const www, web = "www.svc.test. 5 IN CNAME web.svc.test.", "web.svc.test. 5 IN A 10.0.0.7"
	check(t, z, []ask{
		{"is followed", "www.svc.test. A", web + "; " + www},
		{"is not followed when it is asked for", "www.svc.test. CNAME", www},
		{"with the case of the question", "WWW.svc.test. CNAME", "WWW.svc.test. 5 IN CNAME web.svc.test."},
		{"out of the zone", "ext.svc.test. A", "ext.svc.test. 5 IN CNAME edge.example."},
		{"from a wildcard, in two steps", "a.b.any.svc.test. A", "a.b.any.svc.test. 9 IN CNAME www.svc.test.; " + web + "; " + www},
		{"to a full name in the zone", "full.svc.test. A", "full.svc.test. 5 IN CNAME web.svc.test.; " + web},
		{"to the domain itself", "home.svc.test. A", "home.svc.test. 5 IN CNAME svc.test.; svc.test. 5 IN A 10.0.0.1"},
		{"to a port", "_x._tcp.svc.test. SRV", "_http._tcp.web.svc.test. 5 IN SRV 0 0 80 w.web.svc.test.; _x._tcp.svc.test. 5 IN CNAME _http._tcp.web.svc.test." +
			" + w.web.svc.test. 5 IN A 10.0.0.7"},
		{"to a name that does not exist", "gone.svc.test. A", "NXDOMAIN gone.svc.test. 5 IN CNAME nope.svc.test."},
		{"to a name without the type", "dry.svc.test. A", "NODATA dry.svc.test. 5 IN CNAME notext.svc.test."},
		{"in a circle", "loop.svc.test. A", "loop.svc.test. 5 IN CNAME pool.svc.test.; pool.svc.test. 5 IN CNAME loop.svc.test."},
		{"to itself", "self.svc.test. A", "self.svc.test. 5 IN CNAME self.svc.test."},
		{"a wildcard to itself", "x.rec.svc.test. A", "a.b.rec.svc.test. 5 IN CNAME a.b.rec.svc.test.; x.rec.svc.test. 5 IN CNAME a.b.rec.svc.test."},
		{"to the name server", "ns.svc.test. A", "ns.svc.test. 5 IN CNAME ns.dns.svc.test."},
		{"is no target of SRV", "srv.svc.test. SRV", "srv.svc.test. 5 IN SRV 0 0 1 www.svc.test."},
	})
	var a zone.Answer
	z.Snapshot().Lookup(&zone.Question{Name: zonetest.Wire(t, "c0.svc.test."), Type: zone.TypeA}, &a)
	if len(a.Answer) != 8 || a.Code != zone.Success {
		t.Errorf("a chain of 10 gives %d records with code %d, want the first 8 and Success", len(a.Answer), a.Code)
	}
}

func TestAliasBesideOtherDataIsNotAnswered(t *testing.T) {
	z := newZone(t)
	apply(t, z, statics(t, "web CNAME edge.example.", "two CNAME b.", "two CNAME a.", "mixed CNAME b.", "mixed TXT x", "w.shop CNAME c.", "_tcp.shop CNAME d."))
	shadowed := func() string {
		var ids []string
		for k, err := range z.Snapshot().Shadowed() {
			if !strings.Contains(err.Error(), "must stand alone") {
				t.Errorf("%s: %v", k.ID, err)
			}
			ids = append(ids, k.ID)
		}
		return sorted(ids)
	}
	if got, want := shadowed(), "mixed CNAME b. two CNAME b."; got != want {
		t.Errorf("shadowed: %s, want %s", got, want)
	}
	check(t, z, []ask{
		{"alone", "web.svc.test. A", "web.svc.test. 5 IN CNAME edge.example."},
		{"one of two", "two.svc.test. A", "two.svc.test. 5 IN CNAME a."},
		{"static data wins", "mixed.svc.test. A", "NODATA"},
		{"also when the CNAME is asked for", "mixed.svc.test. CNAME", "NODATA"},
	})
	down := up("web", "w", at("10.0.0.7"))
	down.State = zone.Down
	apply(t, z, put(down, up("shop", "w", at("10.0.0.8", tcp(80)))))
	if got, want := shadowed(), "mixed CNAME b. two CNAME b. w.shop CNAME c. web CNAME edge.example."; got != want {
		t.Errorf("with instances, shadowed: %s, want %s", got, want)
	}
	check(t, z, []ask{
		{"while an instance is there, up or not", "web.svc.test. A", "NODATA"},
		{"a host", "w.shop.svc.test. A", "w.shop.svc.test. 5 IN A 10.0.0.8"},
		{"an empty non-terminal is no data", "_tcp.shop.svc.test. A", "_tcp.shop.svc.test. 5 IN CNAME d."},
	})
	apply(t, z, zone.Change{Drop: []string{"web/w", "shop/w"}})
	if got, want := zonetest.Ask(t, z, "web.svc.test. A"), "web.svc.test. 5 IN CNAME edge.example."; got != want {
		t.Errorf("when the instance has gone: %s, want %s", got, want)
	}
}

func TestAliasOfANameToBrowseIsNotAnswered(t *testing.T) {
	z := newZone(t)
	apply(t, z, statics(t, "b._dns-sd._udp CNAME x."))
	check(t, z, []ask{{"browsing wins", "b._dns-sd._udp.svc.test. PTR", "b._dns-sd._udp.svc.test. 5 IN PTR svc.test."}})
	for k, err := range z.Snapshot().Shadowed() {
		if want := "has names to browse too"; !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", k.ID, err, want)
		}
		return
	}
	t.Error("nothing is shadowed")
}

func TestStaticRecordsThatBreakARuleAreRejectedAlone(t *testing.T) {
	long := strings.Repeat("a.", 90) + "a"
	for _, tt := range []struct {
		record zone.Static
		field  string
	}{
		{zone.Static{}, "ID"},
		{zone.Static{ID: "x", Type: zone.TypeTXT, Data: []byte{0}}, "Owner"},
		{zone.Static{ID: "x", Owner: "db.", Type: zone.TypeTXT, Data: []byte{0}}, "Owner"},
		{zone.Static{ID: "x", Owner: `db\\.`, Type: zone.TypeTXT, Data: []byte{0}}, "Owner"},
		{zone.Static{ID: "x", Owner: long, Type: zone.TypeTXT, Data: []byte{0}}, "Owner"},
		{zone.Static{ID: "x", Owner: "a.*", Type: zone.TypeTXT, Data: []byte{0}}, "Owner"},
		{zone.Static{ID: "x", Owner: "*.*", Type: zone.TypeTXT, Data: []byte{0}}, "Owner"},
		{zone.Static{ID: "x", Owner: "NS.dns", Type: zone.TypeTXT, Data: []byte{0}}, "Owner"},
		{zone.Static{ID: "x", Owner: zone.Apex, Type: zone.TypeCNAME, Target: "db"}, "Owner"},
		{zone.Static{ID: "x", Owner: "db", Type: zone.TypeTXT, Data: []byte{0}, TTL: -1}, "TTL"},
		{zone.Static{ID: "x", Owner: "db", Type: zone.TypeSOA}, "Type"},
		{zone.Static{ID: "x", Owner: "db", Type: zone.TypeA, Data: make([]byte, 16)}, "Data"},
		{zone.Static{ID: "x", Owner: "db", Type: zone.TypeAAAA, Data: make([]byte, 4)}, "Data"},
		{zone.Static{ID: "x", Owner: "db", Type: zone.TypeTXT}, "Data"},
		{zone.Static{ID: "x", Owner: "db", Type: zone.TypeTXT, Data: []byte{2, 'a'}}, "Data"},
		{zone.Static{ID: "x", Owner: "db", Type: zone.TypeTXT, Data: make([]byte, 5000)}, "Data"},
		{zone.Static{ID: "x", Owner: "db", Type: zone.TypeSRV, Data: make([]byte, 6)}, "Target"},
		{zone.Static{ID: "x", Owner: "db", Type: zone.TypeSRV, Data: make([]byte, 5), Target: "db"}, "Data"},
		{zone.Static{ID: "x", Owner: "db", Type: zone.TypeCNAME, Target: "."}, "Target"},
		{zone.Static{ID: "x", Owner: "db", Type: zone.TypeCNAME, Target: "a..b"}, "Target"},
		{zone.Static{ID: "x", Owner: "db", Type: zone.TypeA, Data: make([]byte, 4), Target: "a"}, "Target"},
	} {
		z := newZone(t)
		apply(t, z, statics(t, "ok A 10.0.0.1"))
		r := z.Apply(zone.Change{Source: "test", Static: []zone.Static{tt.record, static(t, "also A 10.0.0.2")}})
		fault := new(zone.FieldError)
		if len(r.Rejected) != 1 || r.Rejected[0].ID != tt.record.ID || !errors.As(r.Rejected[0].Err, &fault) || fault.Field != tt.field {
			t.Errorf("%+v: rejected %v, want %s", tt.record, r.Rejected, tt.field)
		}
		if got := zonetest.Ask(t, z, "also.svc.test. A"); got != "also.svc.test. 5 IN A 10.0.0.2" {
			t.Errorf("beside %+v: %s", tt.record, got)
		}
	}
}

func TestIDIsOfAnInstanceOrAStaticRecord(t *testing.T) {
	z := newZone(t)
	in, st := up("web", "w", at("10.0.0.1")), static(t, "db A 10.0.0.2")
	st.ID = in.ID
	for range 2 {
		apply(t, z, put(in))
		check(t, z, []ask{{"instance", "web.svc.test. A", "web.svc.test. 5 IN A 10.0.0.1"}, {"no record", "db.svc.test. A", "NXDOMAIN"}})
		apply(t, z, zone.Change{Static: []zone.Static{st}})
		check(t, z, []ask{{"no instance", "web.svc.test. A", "NXDOMAIN"}, {"record", "db.svc.test. A", "db.svc.test. 5 IN A 10.0.0.2"}})
	}
	if r := apply(t, z, zone.Change{Static: []zone.Static{st}}); r.Changed {
		t.Error("the same record again changed the zone")
	}
}

func TestStaticRecordsAreBounded(t *testing.T) {
	z := newZone(t)
	var c zone.Change
	for i := range 4097 {
		c.Static = append(c.Static, static(t, fmt.Sprintf("db A 10.0.%d.%d", i>>8, i&255)))
	}
	c.Source = "test"
	r := z.Apply(c)
	if len(r.Rejected) != 1 || !strings.Contains(r.Rejected[0].Err.Error(), "at most 4096 static records") {
		t.Errorf("rejected %v, want the last alone", r.Rejected)
	}
}

func TestInstancesAndStaticRecordsAreEachFirstEquallyOften(t *testing.T) {
	z := newZone(t)
	c := statics(t, "web A 10.0.9.1", "web A 10.0.9.2")
	c.Put = []zone.Instance{up("web", "a", at("10.0.0.1")), up("web", "b", at("10.0.0.2"))}
	apply(t, z, c)
	first := map[string]int{}
	var a zone.Answer
	rng := rand.New(rand.NewPCG(1, 1))
	for range 4000 {
		z.Snapshot().Lookup(&zone.Question{Name: zonetest.Wire(t, "web.svc.test."), Type: zone.TypeA, Seed: rng.Uint32()}, &a)
		first[string(a.Answer[0].AppendRdata(nil))]++
	}
	for ip, n := range first {
		if n < 850 || n > 1150 || len(first) != 4 {
			t.Errorf("%v came first %d times of 4000, want about 1000", []byte(ip), n)
		}
	}
}
