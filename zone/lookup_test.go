package zone_test

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/rollcall-dns/rollcall/zone"
	"github.com/rollcall-dns/rollcall/zone/zonetest"
)

// bigService has n instances on one network, and a tag on every tenth.
func bigService(t testing.TB, z *zone.Zone, service string, n int) {
	c := zone.Change{Source: "test"}
	for i := range n {
		c.Put = append(c.Put, bigMember(service, i))
	}
	apply(t, z, c)
}

func bigMember(service string, i int) zone.Instance {
	in := up(service, fmt.Sprintf("h%d", i), on("red", netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}).String(), named("http", 8080)))
	in.Tags = []string{"eu", "v1"}
	if i%2 == 0 {
		in.Tags = []string{"us", "v1"}
	}
	if i%10 == 0 {
		in.Tags = append(in.Tags, "tenth")
	}
	return in
}

// natted has n instances that differ by their ports alone.
func natted(t testing.TB, z *zone.Zone, service string, n int) {
	c := zone.Change{Source: "nat"}
	for i := range n {
		c.Put = append(c.Put, up(service, fmt.Sprintf("n%d", i), at("192.0.2.1", named("http", uint16(i%60_000+1)))))
	}
	apply(t, z, c)
}

func TestLookupAllocatesNothing(t *testing.T) {
	for _, z := range []*zone.Zone{newZone(t), limited(t, 2)} {
		wantNoAllocations(t, z)
	}
}

func wantNoAllocations(t *testing.T, z *zone.Zone) {
	t.Helper()
	bigService(t, z, "web", 3)
	apply(t, z, put(up("secure", "s", at("192.0.2.1", secure(t, 443, "h2")))))
	apply(t, z, zone.Change{Networks: []zone.Network{{Name: "red", Prefixes: prefixes("10.0.0.0/8")}}})
	apply(t, z, statics(t, "db A 10.0.9.1", "*.any CNAME db", "_pg._tcp.db SRV 0 0 1 db", "_pg._tcp.db SRV 0 0 2 web"))
	s := z.Snapshot()
	for _, ask := range []struct {
		name string
		typ  uint16
	}{
		{"web.svc.test.", zone.TypeA}, {"web.svc.test.", zone.TypeAAAA}, {"_http._tcp.web.svc.test.", zone.TypeSRV},
		{"h1.web.svc.test.", zone.TypeA}, {"tenth.tag.web.svc.test.", zone.TypeA}, {"tenth.tenth.tag.web.svc.test.", zone.TypeSRV},
		{"nope.web.svc.test.", zone.TypeA}, {"1.0.0.10.in-addr.arpa.", zone.TypePTR},
		{"_http._tcp.svc.test.", zone.TypePTR}, {"_services._dns-sd._udp.svc.test.", zone.TypePTR},
		{`h1\@web._http._tcp.svc.test.`, zone.TypeSRV}, {`h1\@web._http._tcp.svc.test.`, zone.TypeTXT},
		{"db.svc.test.", zone.TypeA}, {"x.y.any.svc.test.", zone.TypeA}, {"_pg._tcp.db.svc.test.", zone.TypeSRV}, {"x.y.db.svc.test.", zone.TypeA},
		{"secure.svc.test.", zone.TypeHTTPS}, {"_8443._https.secure.svc.test.", zone.TypeHTTPS},
	} {
		q := zone.Question{Name: zonetest.Wire(t, ask.name), Type: ask.typ}
		var a zone.Answer
		from := netip.MustParseAddr("10.1.2.3")
		if n := testing.AllocsPerRun(100, func() {
			q.Seed++
			q.View = s.View(from)
			s.Lookup(&q, &a)
		}); n != 0 {
			t.Errorf("%s %d: %v allocations", ask.name, ask.typ, n)
		}
	}
}

func TestAnswerIsCutAtMax(t *testing.T) {
	z := newZone(t)
	bigService(t, z, "web", 5000)
	s := z.Snapshot()
	for _, tt := range []struct {
		max, want int
		cut       bool
	}{{7, 7, true}, {0, 4096, true}, {5000, 5000, false}} {
		q := zone.Question{Name: zonetest.Wire(t, "web.svc.test."), Type: zone.TypeSRV, Max: tt.max}
		var a zone.Answer
		s.Lookup(&q, &a)
		if len(a.Answer) != tt.want || a.Cut != tt.cut || len(a.Additional) > tt.want {
			t.Errorf("Max %d: %d records, %d additional, cut %v, want %d and %v", tt.max, len(a.Answer), len(a.Additional), a.Cut, tt.want, tt.cut)
		}
	}
}

func TestWhatFewOfThousandsHaveIsFound(t *testing.T) {
	z := newZone(t)
	bigService(t, z, "web", 20_000)
	natted(t, z, "nat", 20_000)
	both := up("web", "both", at("2001:db8::1", tcp(80)))
	both.Tags = []string{"eu", "us"}
	apply(t, z, put(both))
	for seed := range uint32(20) {
		for _, tt := range []struct {
			name string
			typ  uint16
			code zone.Code
			want int
		}{
			{"web.svc.test.", zone.TypeAAAA, zone.Success, 1},
			{"web.svc.test.", zone.TypeTXT, zone.NoData, 0},
			{"nat.svc.test.", zone.TypeA, zone.Success, 1},
			{"nat.svc.test.", zone.TypeAAAA, zone.NoData, 0},
			{"eu.us.tag.web.svc.test.", zone.TypeAAAA, zone.Success, 1},
			{"eu.us.tag.web.svc.test.", zone.TypeA, zone.NoData, 0},
			{"eu.us.tenth.tag.web.svc.test.", zone.TypeAAAA, zone.NXDomain, 0},
			{"v1.us.tenth.tag.web.svc.test.", zone.TypeA, zone.Success, 2000},
		} {
			q := zone.Question{Name: zonetest.Wire(t, tt.name), Type: tt.typ, Seed: seed * 997}
			var a zone.Answer
			if z.Snapshot().Lookup(&q, &a); a.Code != tt.code || len(a.Answer) != tt.want || a.Cut {
				t.Errorf("%s %d: code %d, %d records, cut %v; want code %d, %d records", tt.name, tt.typ, a.Code, len(a.Answer), a.Cut, tt.code, tt.want)
			}
		}
	}
}

func TestRecordsThatRepeatComeOnce(t *testing.T) {
	z := newZone(t)
	c := zone.Change{}
	for i := range 100 {
		in := up("web", fmt.Sprintf("h%d", i), at(fmt.Sprintf("10.0.0.%d", i%40+1), tcp(80)))
		in.Meta = map[string]string{"version": "1"}
		c.Put = append(c.Put, in)
	}
	apply(t, z, c)
	s := z.Snapshot()
	var a zone.Answer
	for _, tt := range []struct {
		typ  uint16
		want int
	}{{zone.TypeA, 40}, {zone.TypeTXT, 1}, {zone.TypeSRV, 100}} {
		for range 2 { // the second time, what the first has seen is left over
			s.Lookup(&zone.Question{Name: zonetest.Wire(t, "web.svc.test."), Type: tt.typ}, &a)
			if len(a.Answer) != tt.want {
				t.Errorf("type %d: %d records, want %d", tt.typ, len(a.Answer), tt.want)
			}
		}
	}
}

// The same set has the same TTL, wherever an answer begins.
func TestRecordThatRepeatsCountsForTheTTL(t *testing.T) {
	z := newZone(t)
	for i, ttl := range []time.Duration{9 * time.Second, 7 * time.Second, 8 * time.Second} {
		in := up("web", fmt.Sprintf("h%d", i), at("10.0.0.1"))
		in.TTL, in.Meta = ttl, map[string]string{"version": "1"}
		apply(t, z, put(in))
	}
	s := z.Snapshot()
	var a zone.Answer
	for _, typ := range []uint16{zone.TypeA, zone.TypeTXT} {
		for seed := range uint32(20) {
			s.Lookup(&zone.Question{Name: zonetest.Wire(t, "web.svc.test."), Type: typ, Seed: seed << 27}, &a)
			if len(a.Answer) != 1 || a.Answer[0].TTL != 7 {
				t.Errorf("type %d, seed %d: %d records, TTL %d, want one of 7 s", typ, seed, len(a.Answer), a.Answer[0].TTL)
			}
		}
	}
}

func TestReadersSeeWholeChangesWhileTheZoneChurns(t *testing.T) {
	z := newZone(t)
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			q := zone.Question{Name: zonetest.Wire(t, "web.svc.test."), Type: zone.TypeSRV}
			var a zone.Answer
			for {
				select {
				case <-stop:
					return
				default:
				}
				z.Snapshot().Lookup(&q, &a)
				if n := len(a.Answer); n != 0 && n != 200 {
					t.Errorf("%d members, want all 200 or none", n)
					return
				}
			}
		})
	}
	var all []zone.Instance
	var ids []string
	for i := range 200 {
		all = append(all, up("web", fmt.Sprintf("h%d", i), at(fmt.Sprintf("10.0.%d.%d", i/100, i), tcp(80))))
		ids = append(ids, all[i].ID)
	}
	for range 30 {
		apply(t, z, put(all...))
		apply(t, z, zone.Change{Drop: ids})
	}
	close(stop)
	readers.Wait()
}

// Any name can be asked: nothing panics, and what is answered is well formed.
func FuzzLookup(f *testing.F) {
	z := newZone(f)
	web := up("web", "w", at("10.0.0.1", tcp(80)), at("2001:db8::1", tcp(81), secure(f, 8443, "h2")))
	web.Tags, web.Meta = []string{"v1", "v2"}, map[string]string{"a": "b"}
	apply(f, z, put(web, up("a.web", "x", at("10.0.0.2", tcp(80)))))
	apply(f, z, statics(f, "* CNAME web", "*.db CNAME x.db", "x.db CNAME @", "@ TXT x", "_pg._tcp.db SRV 1 2 3 y", "loop CNAME loop", "web A 10.0.0.3"))
	for _, n := range []string{"web.svc.test.", "_http._tcp.web.svc.test.", "v1.v2.tag.web.svc.test.", "w-2.web.svc.test.", "1.0.0.10.in-addr.arpa.", "1.ip6.arpa.",
		"a.b.svc.test.", "a.db.svc.test.", "_pg._tcp.db.svc.test.", "loop.svc.test.",
		"b._dns-sd._udp.svc.test.", "_http._tcp.svc.test.", "_v1._sub._http._tcp.svc.test.", `w\@web._http._tcp.svc.test.`, "b._dns-sd._udp.1.0.0.10.in-addr.arpa.", "_8443._https.web.svc.test."} {
		f.Add(zonetest.Wire(f, n), zone.TypeA)
	}
	f.Fuzz(func(t *testing.T, name []byte, qtype uint16) {
		var a zone.Answer
		z.Snapshot().Lookup(&zone.Question{Name: name, Type: qtype}, &a)
		aliased := len(a.Answer) > 0 && a.Answer[0].Type == zone.TypeCNAME
		if !aliased && (a.Code == zone.Success) != (len(a.Answer) > 0) || (a.Code == zone.NotZone) != (a.Apex == "") {
			t.Fatalf("%q %d: code %d with %d records of %q", name, qtype, a.Code, len(a.Answer), a.Apex)
		}
		for i := range a.Answer {
			owner := a.Answer[i].AppendOwner(nil, a.Apex)
			if (len(owner) == 0) != (i == 0 || a.Answer[0].Type != zone.TypeCNAME) {
				t.Fatalf("%q %d: record %d is owned by %q", name, qtype, i, owner)
			}
			if len(owner) == 0 {
				owner = name
			}
			zonetest.Line(t, owner, &a.Answer[i])
		}
		for i := range a.Additional {
			zonetest.Line(t, a.Additional[i].AppendOwner(nil, a.Apex), &a.Additional[i])
		}
	})
}
