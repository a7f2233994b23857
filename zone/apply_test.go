package zone_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-dns/rollcall/zone"
	"github.com/rollcall-dns/rollcall/zone/zonetest"
)

func TestEqualInstanceChangesNothing(t *testing.T) {
	z := newZone(t)
	web := up("web", "a", at("10.0.0.1", tcp(80)))
	web.Lease = zone.NewLease(5)
	first := apply(t, z, put(web))
	if !first.Changed || first.Serial != 101 {
		t.Fatalf("first put: %+v, want changed to serial 101", first)
	}
	before := z.Snapshot()
	web.Lease.Extend(50)
	web.Endpoints = []zone.Endpoint{at("::ffff:10.0.0.1", tcp(80))} // the same address, written another way
	if r := apply(t, z, put(web)); r.Changed || r.Serial != 101 || z.Snapshot() != before {
		t.Errorf("equal put: %+v, want nothing published", r)
	}
	if r := apply(t, z, zone.Change{Drop: []string{"nobody"}}); r.Changed {
		t.Errorf("drop of an unknown ID: %+v", r)
	}
	web.Weight = 1
	if r := apply(t, z, put(web)); !r.Changed || r.Serial != 102 {
		t.Errorf("other weight: %+v, want serial 102", r)
	}
	if got, want := zonetest.Ask(t, z, "web.svc.test. A at 10"), "web.svc.test. 0 IN A 10.0.0.1"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestPublishedSnapshotNeverChanges(t *testing.T) {
	z := newZone(t)
	apply(t, z, put(up("web", "a", at("10.0.0.1", tcp(80)))))
	old := z.Snapshot()
	apply(t, z, put(up("web", "b", at("10.0.0.2", tcp(80)))))
	apply(t, z, zone.Change{Drop: []string{"web/a"}})
	q := zone.Question{Name: zonetest.Wire(t, "web.svc.test."), Type: zone.TypeA}
	var a zone.Answer
	old.Lookup(&q, &a)
	if got, want := zonetest.Text(t, "web.svc.test.", &a), "web.svc.test. 5 IN A 10.0.0.1"; got != want {
		t.Errorf("old snapshot: %s, want %s", got, want)
	}
}

func TestWhatMoreFollowsIsPublishedWithTheNextChange(t *testing.T) {
	z := newZone(t)
	a, b := up("web", "a", at("10.0.0.1", tcp(80))), up("web", "b", at("10.0.0.2", tcp(80)))
	const both = "web.svc.test. 5 IN A 10.0.0.1; web.svc.test. 5 IN A 10.0.0.2"
	for _, next := range []zone.Change{put(b), {}, {Source: "other", Drop: []string{"nobody"}}} {
		before := z.Snapshot()
		page := put(a)
		if next.Put == nil {
			page = put(a, b)
		}
		page.More = true
		if r := apply(t, z, page); r.Changed || r.Serial != before.Serial() || z.Snapshot() != before {
			t.Fatalf("more follows, but: %+v", r)
		}
		if r := apply(t, z, next); !r.Changed || r.Serial != before.Serial()+1 {
			t.Fatalf("%+v, want one snapshot of all", r)
		}
		if got := zonetest.Ask(t, z, "web.svc.test. A"); got != both {
			t.Errorf("%s, want %s", got, both)
		}
		apply(t, z, zone.Change{Drop: []string{a.ID, b.ID}})
	}
}

func TestBadInstanceIsRejectedAlone(t *testing.T) {
	z := newZone(t)
	good := up("web", "a", at("10.0.0.1", tcp(80)))
	bad := up("_web", "b", at("0.0.0.0", tcp(0)))
	r := z.Apply(zone.Change{Source: "test", Put: []zone.Instance{bad, good}})
	if len(r.Rejected) != 1 || r.Rejected[0].ID != "_web/b" {
		t.Fatalf("rejected %+v, want _web/b alone", r.Rejected)
	}
	for _, part := range []string{`Service "_web" must be`, `Endpoints[0].Addr "0.0.0.0" must be`, `Endpoints[0].Ports[0].Number "0" must be`} {
		if !strings.Contains(r.Rejected[0].Err.Error(), part) {
			t.Errorf("reason %q lacks %q", r.Rejected[0].Err, part)
		}
	}
	var fe *zone.FieldError
	if !errors.As(r.Rejected[0].Err, &fe) || fe.Field != "Service" {
		t.Errorf("first field error is %+v, want Service", fe)
	}
	if got := zonetest.Ask(t, z, "web.svc.test. A"); got != "web.svc.test. 5 IN A 10.0.0.1" {
		t.Errorf("the good one: %s", got)
	}
	good.Endpoints = []zone.Endpoint{{}}
	if r := z.Apply(zone.Change{Source: "test", Put: []zone.Instance{good}}); len(r.Rejected) != 1 || !r.Changed {
		t.Errorf("an update that is bad: %+v, want it rejected and the old one gone", r)
	}
	if got := zonetest.Ask(t, z, "web.svc.test. A"); got != "NXDOMAIN" {
		t.Errorf("after the bad update: %s", got)
	}
}

func TestValidate(t *testing.T) {
	long := strings.Repeat("a", 63)
	tests := []struct {
		name  string
		edit  func(*zone.Instance)
		field string // "" is valid
	}{
		{"nothing", func(*zone.Instance) {}, ""},
		{"no ID", func(in *zone.Instance) { in.ID = "" }, "ID"},
		{"no service", func(in *zone.Instance) { in.Service = "" }, "Service"},
		{"final dot", func(in *zone.Instance) { in.Service = "web." }, "Service"},
		{"empty label", func(in *zone.Instance) { in.Service = "web..shop" }, "Service"},
		{"label of 63", func(in *zone.Instance) { in.Service = long }, ""},
		{"label of 64", func(in *zone.Instance) { in.Service = long + "a" }, "Service"},
		{"service of 128 octets", func(in *zone.Instance) { in.Service = long + "." + long }, "Service"},
		{"hyphen at the end", func(in *zone.Instance) { in.Service = "web-" }, "Service"},
		{"underscore inside", func(in *zone.Instance) { in.Service = "my_app" }, ""},
		{"escape", func(in *zone.Instance) { in.Service = `a\.b` }, "Service"},
		{"UTF-8", func(in *zone.Instance) { in.Service = "café" }, "Service"},
		{"tag before another label", func(in *zone.Instance) { in.Service = "tag.shop" }, "Service"},
		{"tag as the last label", func(in *zone.Instance) { in.Service = "web.tag" }, ""},
		{"bad alias", func(in *zone.Instance) { in.Aliases = []string{"ok", "no pe"} }, "Aliases[1]"},
		{"too many aliases", func(in *zone.Instance) { in.Aliases = strings.Split(strings.Repeat("a,", 16)+"a", ",") }, "Aliases"},
		{"host of two labels", func(in *zone.Instance) { in.Host = "a.b" }, "Host"},
		{"host tag", func(in *zone.Instance) { in.Host = "Tag" }, "Host"},
		{"no endpoint", func(in *zone.Instance) { in.Endpoints = nil }, ""},
		{"multicast", func(in *zone.Instance) { in.Endpoints = []zone.Endpoint{at("224.0.0.1")} }, "Endpoints[0].Addr"},
		{"broadcast", func(in *zone.Instance) { in.Endpoints = []zone.Endpoint{at("255.255.255.255")} }, "Endpoints[0].Addr"},
		{"address with a zone", func(in *zone.Instance) { in.Endpoints = []zone.Endpoint{at("fe80::1%eth0")} }, "Endpoints[0].Addr"},
		{"port name with a dot", func(in *zone.Instance) { in.Endpoints = []zone.Endpoint{at("10.0.0.1", named("a.b", 1))} }, "Endpoints[0].Ports[0].Name"},
		{"port name that is a number", func(in *zone.Instance) { in.Endpoints = []zone.Endpoint{at("10.0.0.1", named("80", 1))} }, "Endpoints[0].Ports[0].Name"},
		{"unknown protocol", func(in *zone.Instance) {
			in.Endpoints = []zone.Endpoint{at("10.0.0.1", zone.Port{Number: 1, Proto: 9})}
		}, "Endpoints[0].Ports[0].Proto"},
		{"too many ports", func(in *zone.Instance) {
			in.Endpoints = []zone.Endpoint{at("10.0.0.1", make([]zone.Port, 1025)...)}
			for i := range in.Endpoints[0].Ports {
				in.Endpoints[0].Ports[i].Number = 1
			}
		}, "Ports"},
		{"empty tag", func(in *zone.Instance) { in.Tags = []string{""} }, "Tags[0]"},
		{"key with =", func(in *zone.Instance) { in.Meta = map[string]string{"a=b": ""} }, "Meta"},
		{"pair of 255 octets", func(in *zone.Instance) { in.Meta = map[string]string{"k": strings.Repeat("v", 253)} }, ""},
		{"pair of 256 octets", func(in *zone.Instance) { in.Meta = map[string]string{"k": strings.Repeat("v", 254)} }, `Meta["k"]`},
		{"negative TTL", func(in *zone.Instance) { in.TTL = -1 }, "TTL"},
		{"TTL of 2^31 s", func(in *zone.Instance) { in.TTL = 1 << 31 * time.Second }, "TTL"},
		{"unknown state", func(in *zone.Instance) { in.State = 9 }, "State"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := up("web", "a", at("10.0.0.1", tcp(80)))
			tt.edit(&in)
			err := in.Validate()
			var fe *zone.FieldError
			switch {
			case tt.field == "" && err != nil:
				t.Errorf("Validate: %v, want it valid", err)
			case tt.field != "" && (!errors.As(err, &fe) || fe.Field != tt.field):
				t.Errorf("Validate: %v, want a fault of %s", err, tt.field)
			}
		})
	}
}

func TestFullZoneRefusesNewInstancesOnly(t *testing.T) {
	z, err := zone.New(zone.Options{Domains: []zone.Name{zone.MustParseName("svc.test")}, MaxInstances: 1})
	if err != nil {
		t.Fatal(err)
	}
	web := up("web", "a", at("10.0.0.1", tcp(80)))
	apply(t, z, put(web))
	web.Weight = 7
	apply(t, z, put(web))
	r := z.Apply(put(up("web", "b", at("10.0.0.2", tcp(80)))))
	if len(r.Rejected) != 1 || !errors.Is(r.Rejected[0].Err, zone.ErrFull) || z.Snapshot().Len() != 1 {
		t.Errorf("second instance: %+v with %d instances, want ErrFull", r, z.Snapshot().Len())
	}
}

func TestSyncRemovesWhatItDoesNotList(t *testing.T) {
	z := newZone(t)
	a, b, c, d := up("web", "a", at("10.0.0.1")), up("web", "b", at("10.0.0.2")), up("web", "c", at("10.0.0.3")), up("web", "d", at("10.0.0.4"))
	other := zone.Change{Source: "other", Put: []zone.Instance{up("web", "z", at("10.0.0.9"))}}
	apply(t, z, other)
	want := func(step, hosts string) {
		t.Helper()
		var got []string
		for k := range z.Snapshot().Instances() {
			if k.Source == "test" {
				got = append(got, strings.TrimPrefix(k.ID, "web/"))
			}
		}
		if s := sorted(got); s != hosts {
			t.Errorf("%s: instances %q, want %q", step, s, hosts)
		}
	}
	send := func(run uint64, k zone.Kind, drop string, in ...zone.Instance) {
		t.Helper()
		ch := zone.Change{Run: run, Kind: k, Put: in}
		if drop != "" {
			ch.Drop = []string{drop}
		}
		apply(t, z, ch)
	}
	send(1, zone.SyncPart, "", a, b)
	want("first page", "a b")
	send(1, zone.SyncEnd, "", c)
	want("first sync", "a b c")
	send(1, zone.Delta, "", d)
	send(1, zone.SyncPart, "", a)
	want("page of a resync removes nothing", "a b c d")
	send(1, zone.SyncEnd, "", b)
	want("resync removes c, and d that came before it began", "a b")
	send(1, zone.SyncPart, "", a)
	send(1, zone.Delta, "", c)
	send(1, zone.SyncEnd, "web/a")
	want("put during the sync counts, drop too", "c")
	send(1, zone.SyncPart, "", a, b)
	send(2, zone.SyncEnd, "", d)
	want("a new run forgets the pages of the old one", "d")
	send(2, zone.SyncEnd, "")
	want("empty set", "")
	if got, want := zonetest.Ask(t, z, "web.svc.test. A"), "web.svc.test. 5 IN A 10.0.0.9"; got != want {
		t.Errorf("other source: %s, want %s", got, want)
	}
}

func TestSyncRemovesAttachments(t *testing.T) {
	z := newZone(t)
	c := put(up("web", "a", on("red", "172.18.0.2")), up("web", "p", at("192.0.2.1")))
	c.Kind = zone.SyncEnd
	c.Attach = []zone.Attachment{{ID: "c", Prefixes: prefixes("10.9.9.9/32"), Networks: []string{"red"}}}
	apply(t, z, c)
	if got := zonetest.Ask(t, z, "a.web.svc.test. A from 10.9.9.9"); got != "a.web.svc.test. 5 IN A 172.18.0.2" {
		t.Errorf("attached asker: %s", got)
	}
	c.Attach = nil
	apply(t, z, c)
	if got := zonetest.Ask(t, z, "web.svc.test. A from 10.9.9.9"); got != "web.svc.test. 5 IN A 192.0.2.1" {
		t.Errorf("asker that is attached no more: %s", got)
	}
}

func TestTwoSourcesOfOneServiceAreUnited(t *testing.T) {
	z := newZone(t)
	a := up("web", "same", at("10.0.0.1", tcp(80)))
	apply(t, z, zone.Change{Source: "one", Put: []zone.Instance{a}})
	a.Endpoints = []zone.Endpoint{at("10.0.0.2", tcp(80))}
	apply(t, z, zone.Change{Source: "two", Put: []zone.Instance{a}})
	if got, want := zonetest.Ask(t, z, "web.svc.test. A"), "web.svc.test. 5 IN A 10.0.0.1; web.svc.test. 5 IN A 10.0.0.2"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	apply(t, z, zone.Change{Source: "one", Drop: []string{"web/same"}})
	if got, want := zonetest.Ask(t, z, "web.svc.test. A"), "web.svc.test. 5 IN A 10.0.0.2"; got != want {
		t.Errorf("after one left: %s, want %s", got, want)
	}
}

func TestSecondInstanceWithOneHostGetsAStableSuffix(t *testing.T) {
	hosts := func(z *zone.Zone, id string) string {
		ns := z.Snapshot().Names(zone.Key{Source: "test", ID: id})
		return strings.TrimSuffix(ns[len(ns)-1].String(), ".web.svc.test.")
	}
	a, b := up("web", "w", at("10.0.0.1", tcp(80))), up("web", "w", at("10.0.0.2", tcp(80)))
	a.ID, b.ID = "a", "b"
	z := newZone(t)
	apply(t, z, put(a, b))
	suffixed := hosts(z, "b")
	if hosts(z, "a") != "w" || !strings.HasPrefix(suffixed, "w-") {
		t.Fatalf("hosts are %q and %q, want w and w-…", hosts(z, "a"), suffixed)
	}
	b.Weight = 1
	apply(t, z, put(b))
	if got := hosts(z, "b"); got != suffixed {
		t.Errorf("b was %q and is %q after a change", suffixed, got)
	}
	again := newZone(t)
	apply(t, again, put(a, b))
	if got := hosts(again, "b"); got != suffixed {
		t.Errorf("b is %q in another zone, want %q", got, suffixed)
	}
	if got, want := zonetest.Ask(t, z, suffixed+".web.svc.test. A"), suffixed+".web.svc.test. 5 IN A 10.0.0.2"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	apply(t, z, zone.Change{Drop: []string{"a"}})
	check(t, z, []ask{
		{"the name that became free", "w.web.svc.test. A", "w.web.svc.test. 5 IN A 10.0.0.2"},
		{"that with the suffix, which SRV records in caches point to", suffixed + ".web.svc.test. A", suffixed + ".web.svc.test. 5 IN A 10.0.0.2"},
		{"that with another suffix", "w-aaaaaa.web.svc.test. A", "NXDOMAIN"},
	})
}

func TestHostYieldsToAServiceOfItsName(t *testing.T) {
	z := newZone(t)
	host := up("shop", "web", at("10.0.0.1", tcp(80)))
	svc := up("web.shop", "1", at("10.0.0.2", tcp(80)))
	for _, order := range [][]zone.Instance{{host, svc}, {svc, host}} {
		apply(t, z, zone.Change{Kind: zone.SyncEnd})
		for _, in := range order {
			apply(t, z, put(in))
		}
		if got, want := zonetest.Ask(t, z, "web.shop.svc.test. A"), "web.shop.svc.test. 5 IN A 10.0.0.2"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		got := zonetest.Ask(t, z, "shop.svc.test. SRV")
		if strings.Contains(got, " web.shop.svc.test.") || !strings.Contains(got, "IN A 10.0.0.1") {
			t.Errorf("the host's SRV record still names the service: %s", got)
		}
	}
}

func TestInstanceWhoseAliasTakesItsOwnHost(t *testing.T) {
	z := newZone(t)
	in := up("shop", "web", at("10.0.0.1", tcp(80)))
	in.Aliases = []string{"web.shop", "shop", "SHOP"}
	apply(t, z, put(in))
	if got, want := zonetest.Ask(t, z, "web.shop.svc.test. A"), "web.shop.svc.test. 5 IN A 10.0.0.1"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	apply(t, z, zone.Change{Drop: []string{in.ID}})
	for _, q := range []string{"web.shop.svc.test. A", "shop.svc.test. A"} {
		if got := zonetest.Ask(t, z, q); got != "NXDOMAIN" {
			t.Errorf("after drop, ask %s = %s", q, got)
		}
	}
}

func TestEveryDomainHasTheSameContent(t *testing.T) {
	z := newZone(t, "svc.test.", "old.example.")
	apply(t, z, put(up("web", "a", at("10.0.0.1", tcp(80)))))
	check(t, z, []ask{
		{"first", "web.svc.test. SRV", "web.svc.test. 5 IN SRV 0 0 80 a.web.svc.test. + a.web.svc.test. 5 IN A 10.0.0.1"},
		{"second", "web.old.example. SRV", "web.old.example. 5 IN SRV 0 0 80 a.web.old.example. + a.web.old.example. 5 IN A 10.0.0.1"},
		{"its apex", "old.example. NS", "old.example. 5 IN NS ns.dns.old.example."},
		{"PTR points into the first", "1.0.0.10.in-addr.arpa. PTR", "1.0.0.10.in-addr.arpa. 5 IN PTR a.web.svc.test."},
	})
}

func TestNewNamesEachFault(t *testing.T) {
	_, err := zone.New(zone.Options{
		Domains: []zone.Name{zone.MustParseName("a.test"), zone.MustParseName("b.a.test"), zone.Root},
		TTL:     -1, NegativeTTL: time.Minute, MaxInstances: -1,
	})
	for _, part := range []string{`"b.a.test." is the same as, or below, "a.test."`, `domain "."`, "TTL -1ns", "negative TTL 1m0s", "-1 instances"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("error %v lacks %q", err, part)
		}
	}
	if _, err := zone.New(zone.Options{}); err == nil {
		t.Error("a zone without a domain was made")
	}
}

func TestNamesOfPortsAndTagsGoWithTheLastThatHasThem(t *testing.T) {
	z := newZone(t)
	in := up("web", "a", at("10.0.0.1", named("http", 80)))
	in.Tags = []string{"v1"}
	apply(t, z, put(in))
	in.Tags, in.Endpoints = nil, []zone.Endpoint{at("10.0.0.1", zone.Port{Number: 53, Proto: zone.UDP})}
	apply(t, z, put(in))
	check(t, z, []ask{
		{"port", "_http._tcp.web.svc.test. SRV", "NXDOMAIN"},
		{"protocol", "_tcp.web.svc.test. A", "NXDOMAIN"},
		{"new protocol", "_udp.web.svc.test. A", "NODATA"},
		{"tag", "v1.tag.web.svc.test. A", "NXDOMAIN"},
		{"parent of tags", "tag.web.svc.test. A", "NXDOMAIN"},
	})
}

func TestServiceCalledDNSLeavesTheNameServerItsName(t *testing.T) {
	z := newZone(t)
	apply(t, z, put(up("dns", "ns", at("10.0.0.1", tcp(53))), up("dns", "b", at("10.0.0.2", tcp(53)))))
	var a zone.Answer
	z.Snapshot().Lookup(&zone.Question{Name: zonetest.Wire(t, "ns.dns.svc.test."), Type: zone.TypeA}, &a)
	if !a.Self || a.Code != zone.NoData {
		t.Errorf("ns.dns: self %v, code %d", a.Self, a.Code)
	}
	if got, want := zonetest.Ask(t, z, "dns.svc.test. A"), "dns.svc.test. 5 IN A 10.0.0.1; dns.svc.test. 5 IN A 10.0.0.2"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	in := up("ns.dns", "a", at("10.0.0.1"))
	if in.Validate() == nil {
		t.Error("a service may be called ns.dns")
	}
}

func TestReplacementTakesTheNameAndTheRoomOfWhatItReplaces(t *testing.T) {
	for _, kind := range []zone.Kind{zone.Delta, zone.SyncEnd} {
		z, err := zone.New(zone.Options{Domains: []zone.Name{zone.MustParseName("svc.test")}, MaxInstances: 1})
		if err != nil {
			t.Fatal(err)
		}
		old, next := up("web", "w", at("10.0.0.1")), up("web", "w", at("10.0.0.2"))
		old.ID, next.ID = "old", "next"
		apply(t, z, put(old))
		c := zone.Change{Kind: kind, Put: []zone.Instance{next}}
		if kind == zone.Delta {
			c.Drop = []string{"old"}
		}
		apply(t, z, c)
		if got, want := zonetest.Ask(t, z, "w.web.svc.test. A"), "w.web.svc.test. 5 IN A 10.0.0.2"; got != want {
			t.Errorf("kind %d: %s, want %s", kind, got, want)
		}
		apply(t, z, zone.Change{Put: []zone.Instance{next}, Drop: []string{"next"}})
		if n := z.Snapshot().Len(); n != 0 {
			t.Errorf("kind %d: %d instances after a put and drop of the same", kind, n)
		}
	}
}

func TestTagMayBeginWithAnUnderscore(t *testing.T) {
	z := newZone(t)
	in := up("web", "w", at("10.0.0.1"))
	in.Tags = []string{"_canary"}
	apply(t, z, put(in))
	if got, want := zonetest.Ask(t, z, "_canary.tag.web.svc.test. A"), "_canary.tag.web.svc.test. 5 IN A 10.0.0.1"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
