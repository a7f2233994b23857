package zone_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-dns/rollcall/zone"
	"github.com/rollcall-dns/rollcall/zone/zonetest"
)

// worn is an instance with a check and a fallback, at an address of its own.
func worn(service, host string, address byte, f zone.Fallback) zone.Instance {
	in := up(service, host, at(fmt.Sprintf("10.0.0.%d", address), named("http", 80)))
	c := zone.DefaultCheck
	c.Target = "/"
	in.Checks, in.Revision, in.Fallback = []zone.Check{c}, 1, f
	return in
}

// found is what the checks of an instance have found, after so many seconds when it
// failed, and 0 when it had not passed.
func found(id string, s zone.State, failed int) zone.Verdict {
	v := zone.Verdict{Key: zone.Key{Source: "test", ID: id}, Revision: 1, State: s, Failed: int64(failed) * int64(time.Second)}
	if s != zone.Up {
		v.Reason = "refused"
	}
	return v
}

func verdicts(list ...zone.Verdict) zone.Change {
	return zone.Change{Source: "health", Verdicts: list}
}

// answered is the last octets of the addresses that a name has, with their TTL.
func answered(t *testing.T, z *zone.Zone, name string) string {
	t.Helper()
	text := zonetest.Ask(t, z, name+".svc.test. A")
	if !strings.Contains(text, " IN A ") {
		return text
	}
	var octets []string
	for line := range strings.SplitSeq(text, "; ") {
		octets = append(octets, line[strings.LastIndexByte(line, '.')+1:])
	}
	return sorted(octets) + " for " + strings.Fields(text)[1] + " s"
}

func TestFallbackBringsBackWhoFailedWhenNoneIsUp(t *testing.T) {
	z := newZone(t)
	all, last := zone.FallbackAll, zone.FallbackLast
	apply(t, z, put(worn("web", "a", 1, all), worn("web", "b", 2, last), worn("web", "c", 3, last), worn("web", "d", 4, zone.FallbackNone)))
	drained, paused := worn("web", "e", 5, all), worn("web", "f", 6, all)
	drained.State, paused.State = zone.Draining, zone.Down
	steps := []struct {
		name string
		c    zone.Change
		want string
	}{
		{"none has passed yet", zone.Change{}, "NODATA"},
		{"one fails that has not passed", verdicts(found("web/a", zone.Down, 0)), "NODATA"},
		{"all pass", verdicts(found("web/a", zone.Up, 0), found("web/b", zone.Up, 0), found("web/c", zone.Up, 0), found("web/d", zone.Up, 0)), "1 2 3 4 for 5 s"},
		{"three fail", verdicts(found("web/a", zone.Down, 100), found("web/b", zone.Down, 200), found("web/d", zone.Down, 270)), "3 for 5 s"},
		{"the last one fails", verdicts(found("web/c", zone.Down, 260)), "1 2 3 for 1 s"},
		{"it fails for another reason", verdicts(found("web/c", zone.Down, 260)), "1 2 3 for 1 s"},
		{"it fails later", verdicts(found("web/c", zone.Down, 261)), "1 3 for 1 s"},
		{"the last one drains", put(func() zone.Instance { in := worn("web", "c", 3, last); in.State = zone.Draining; return in }()), "1 2 for 1 s"},
		{"it leaves", zone.Change{Drop: []string{"web/c"}}, "1 2 for 1 s"},
		{"others drain and are paused", put(drained, paused), "1 2 for 1 s"},
		{"whatever their checks find", verdicts(found("web/e", zone.Down, 300), found("web/f", zone.Down, 300)), "1 2 for 1 s"},
		{"one is up", verdicts(found("web/d", zone.Up, 0)), "4 for 5 s"},
		{"and fails", verdicts(found("web/d", zone.Down, 300)), "1 2 for 1 s"},
		{"one does not want it any more", put(worn("web", "a", 1, zone.FallbackNone)), "2 for 1 s"},
		{"another begins anew", put(func() zone.Instance { in := worn("web", "b", 2, last); in.Revision = 2; return in }()), "NODATA"},
	}
	for _, s := range steps {
		apply(t, z, s.c)
		if got := answered(t, z, "web"); got != s.want {
			t.Errorf("%s: %s, want %s", s.name, got, s.want)
		}
	}
}

// Each question has the answer that it had while the instance was up, but for the TTL.
func TestInstanceThatIsBroughtBackHasAllItsNames(t *testing.T) {
	z := newZone(t)
	in := worn("web.shop", "web-1", 1, zone.FallbackLast)
	in.Endpoints = []zone.Endpoint{
		on("red", "172.18.0.2", named("http", 80), secure(t, 443, "h2")),
		on("red", "fd18::2", named("http", 80), secure(t, 443, "h2")),
		at("198.51.100.1", zone.Port{Number: 32768, Known: 80}),
	}
	in.Aliases, in.Tags, in.Meta = []string{"web"}, []string{"v1", "eu"}, map[string]string{"txtvers": "1"}
	c := put(in)
	c.Networks = []zone.Network{{Name: "red", Prefixes: prefixes("172.18.0.0/16", "fd18::/64")}}
	apply(t, z, c)
	apply(t, z, verdicts(found(in.ID, zone.Up, 0)))
	var asks, was []string
	for _, name := range []string{
		"web", "web.shop", "_http._tcp.web", "_8443._tcp.web.shop", "v1.tag.web", "eu.v1.tag.web.shop", "web-1.web", "web-1.web.shop",
		"_8443._https.web", "_http._tcp", "_services._dns-sd._udp", "_v1._sub._http._tcp", `web-1\@web\.shop._http._tcp`,
	} {
		for _, typ := range []string{"A", "AAAA", "SRV", "TXT", "HTTPS", "PTR"} {
			for _, from := range []string{"172.18.0.9", "203.0.113.1"} {
				asks = append(asks, name+".svc.test. "+typ+" from "+from)
			}
		}
	}
	for _, e := range in.Endpoints {
		asks = append(asks, zone.ReverseName(e.Addr).String()+" PTR")
	}
	for _, ask := range asks {
		was = append(was, zonetest.Ask(t, z, ask))
	}
	if n := len(slices.Compact(slices.Sorted(slices.Values(was)))); n < 30 {
		t.Fatalf("while it is up there are %d answers that differ, want at least 30", n)
	}
	short := func(s string) string { return strings.ReplaceAll(s, " 5 IN ", " 1 IN ") }
	records := zoneText(t, z)
	apply(t, z, verdicts(found(in.ID, zone.Down, 7)))
	for i, ask := range asks {
		if got, want := zonetest.Ask(t, z, ask), short(was[i]); got != want {
			t.Errorf("ask %s\n got %s\nwant %s", ask, got, want)
		}
	}
	always := func(s string) string { // what depends on no instance
		var kept []string
		for line := range strings.Lines(s) {
			if !strings.Contains(line, "SOA") && !strings.Contains(line, "IN NS") && !strings.Contains(line, "b._dns-sd") {
				kept = append(kept, line)
			}
		}
		return strings.Join(kept, "")
	}
	if got, want := always(zoneText(t, z)), short(always(records)); got != want {
		t.Errorf("records\n%swant\n%s", got, want)
	}
	in.State = zone.Draining
	apply(t, z, put(in))
	for _, ask := range asks {
		if got := zonetest.Ask(t, z, ask); strings.Contains(got, " IN ") {
			t.Errorf("it drains: ask %s\n got %s", ask, got)
		}
	}
}

func TestFallbackIsOfEachServiceOfAnInstance(t *testing.T) {
	z := newZone(t)
	a := worn("web", "a", 1, zone.FallbackAll)
	a.Aliases = []string{"old"}
	apply(t, z, put(a, worn("old", "b", 2, zone.FallbackAll)))
	apply(t, z, verdicts(found("web/a", zone.Up, 0), found("old/b", zone.Up, 0)))
	apply(t, z, verdicts(found("web/a", zone.Down, 1)))
	key := zone.Key{Source: "test", ID: "web/a"}
	check(t, z, []ask{
		{"where none is up", "web.svc.test. A", "web.svc.test. 1 IN A 10.0.0.1"},
		{"where one is up", "old.svc.test. A", "old.svc.test. 5 IN A 10.0.0.2"},
		{"its own name there", "a.old.svc.test. A", "NODATA"},
		{"the pointer is to its first service", "1.0.0.10.in-addr.arpa. PTR", "1.0.0.10.in-addr.arpa. 1 IN PTR a.web.svc.test."},
	})
	if got := z.Snapshot().Fallback(key); !slices.Equal(got, []string{"web"}) {
		t.Errorf("brought back in %q, want web", got)
	}
	apply(t, z, put(up("web", "c", at("10.0.0.3"))))
	apply(t, z, verdicts(found("old/b", zone.Down, 2)))
	check(t, z, []ask{
		{"and the other way about", "old.svc.test. A", "old.svc.test. 1 IN A 10.0.0.1; old.svc.test. 1 IN A 10.0.0.2"},
		{"no pointer", "1.0.0.10.in-addr.arpa. PTR", "NODATA"},
		{"not browsed", `a\@web._http._tcp.svc.test. SRV`, "NODATA"},
	})
	if got := z.Snapshot().Fallback(key); !slices.Equal(got, []string{"old"}) {
		t.Errorf("brought back in %q, want old", got)
	}
}

func TestFallbackEndsWithTheLease(t *testing.T) {
	z := newZone(t)
	in := worn("web", "a", 1, zone.FallbackAll)
	in.Lease = zone.NewLease(int64(10 * time.Second))
	apply(t, z, put(in))
	apply(t, z, verdicts(found("web/a", zone.Up, 0)))
	apply(t, z, verdicts(found("web/a", zone.Down, 1)))
	check(t, z, []ask{
		{"before", "web.svc.test. A at 9000000000", "web.svc.test. 1 IN A 10.0.0.1"},
		{"in its last second", "web.svc.test. A at 9500000000", "web.svc.test. 0 IN A 10.0.0.1"},
		{"at its end", "web.svc.test. A at 10000000000", "NODATA"},
	})
}

func TestManyThatFailAndRecoverTogether(t *testing.T) {
	z := newZone(t)
	const n = 1000
	var first zone.Change
	var fail, pass []zone.Verdict
	for i := range n {
		in := worn("web", fmt.Sprintf("h%d", i), 0, zone.FallbackLast)
		in.Endpoints[0] = at(fmt.Sprintf("10.1.%d.%d", i/256, i%256))
		in.Checks[0].Port = "80"
		first.Put = append(first.Put, in)
		fail = append(fail, found(in.ID, zone.Down, 1+i/10))
		pass = append(pass, found(in.ID, zone.Up, 0))
	}
	apply(t, z, first)
	apply(t, z, verdicts(fail...))
	count := func() int { return strings.Count(zonetest.Ask(t, z, "web.svc.test. A"), " A ") }
	if got := count(); got != 610 { // from 40 s to 100 s
		t.Errorf("of those that failed over 100 s %d are brought back, want 610", got)
	}
	for i := n - 1; i >= 900; i-- { // the last first
		apply(t, z, zone.Change{Drop: []string{first.Put[i].ID}})
	}
	if got := count(); got != 610 {
		t.Errorf("without the last 100: %d are brought back, want 610", got)
	}
	apply(t, z, verdicts(pass...))
	if got := count(); got != 900 {
		t.Errorf("all recover: %d, want 900", got)
	}
}

func TestLookupOfWhatIsBroughtBackAllocatesNothing(t *testing.T) {
	z := newZone(t)
	apply(t, z, put(worn("web", "a", 1, zone.FallbackLast)))
	apply(t, z, verdicts(found("web/a", zone.Down, 1)))
	s := z.Snapshot()
	for _, ask := range []struct {
		name string
		typ  uint16
	}{
		{"web.svc.test.", zone.TypeA}, {"_http._tcp.web.svc.test.", zone.TypeSRV},
		{"1.0.0.10.in-addr.arpa.", zone.TypePTR}, {"_http._tcp.svc.test.", zone.TypePTR},
	} {
		q, a := zone.Question{Name: zonetest.Wire(t, ask.name), Type: ask.typ}, zone.Answer{}
		if n := testing.AllocsPerRun(100, func() { s.Lookup(&q, &a) }); n != 0 || a.Code != zone.Success {
			t.Errorf("%s %d: %v allocations, code %d", ask.name, ask.typ, n, a.Code)
		}
	}
}

func TestUnknownFallbackIsRefused(t *testing.T) {
	in := worn("web", "a", 1, 3)
	if fe := new(zone.FieldError); !errors.As(in.Validate(), &fe) || fe.Field != "Fallback" {
		t.Errorf("Validate: %v, want a fault of Fallback", in.Validate())
	}
}
