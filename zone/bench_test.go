package zone_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"testing"

	"github.com/rollcall-dns/rollcall/zone"
	"github.com/rollcall-dns/rollcall/zone/zonetest"
)

// million is a zone of services of three, as self-registrations make them.
func million(b *testing.B, n int) *zone.Zone {
	b.Helper()
	z, err := zone.New(zone.Options{Domains: []zone.Name{zone.MustParseName("svc.test")}, MaxInstances: n + 1})
	if err != nil {
		b.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	const page = 1000
	for at := 0; at < n; at += page {
		c := zone.Change{Source: "test"}
		for i := at; i < min(at+page, n); i++ {
			c.Put = append(c.Put, replica(i))
		}
		if r := z.Apply(c); len(r.Rejected) > 0 {
			b.Fatal(r.Rejected[0].Err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.Logf("%d instances: %d bytes each", n, (after.HeapAlloc-before.HeapAlloc)/uint64(n))
	return z
}

func replica(i int) zone.Instance {
	in := up(fmt.Sprintf("s%d", i/3), fmt.Sprintf("h%d", i),
		at(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}).String(), named("http", 8080)))
	in.Lease = zone.NewLease(1 << 60)
	return in
}

// BenchmarkMillion looks up and changes instances among a million. Bytes for
// each instance are in the log (-v).
func BenchmarkMillion(b *testing.B) {
	const n = 1_000_000
	z := million(b, n)
	from := netip.MustParseAddr("192.0.2.1")
	lookup := func(b *testing.B, format string, typ uint16, ahead int) {
		names := make([][]byte, 1<<14)
		for i := range names {
			names[i] = zonetest.Wire(b, fmt.Sprintf(format, rand.IntN(n/3)))
		}
		var a zone.Answer
		var reader zone.Ahead
		q := zone.Question{Type: typ}
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			s := z.Snapshot()
			if at := i % len(names); ahead > 0 && at%ahead == 0 {
				s.Ahead(&reader, names[at:at+ahead])
			}
			q.Name, q.Seed, q.View = names[i%len(names)], uint32(i), s.View(from)
			if s.Lookup(&q, &a); len(a.Answer) != 3 {
				b.Fatalf("%q: %d records", q.Name, len(a.Answer))
			}
		}
	}
	b.Run("lookup A", func(b *testing.B) { lookup(b, "s%d.svc.test.", zone.TypeA, 0) })
	b.Run("lookup A read ahead", func(b *testing.B) { lookup(b, "s%d.svc.test.", zone.TypeA, zone.MaxAhead) })
	b.Run("lookup SRV", func(b *testing.B) { lookup(b, "_http._tcp.s%d.svc.test.", zone.TypeSRV, 0) })
	b.Run("lookup SRV read ahead", func(b *testing.B) { lookup(b, "_http._tcp.s%d.svc.test.", zone.TypeSRV, zone.MaxAhead) })
	b.Run("update one", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			in := replica(rand.IntN(n))
			in.Weight = uint16(i + 1)
			z.Apply(zone.Change{Source: "test", Put: []zone.Instance{in}})
		}
	})
	b.Run("remove and register one", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			in := replica(rand.IntN(n))
			z.Apply(zone.Change{Source: "test", Drop: []string{in.ID}})
			z.Apply(zone.Change{Source: "test", Put: []zone.Instance{in}})
		}
	})
	b.Run("update 100 at once", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			c := zone.Change{Source: "test"}
			for range 100 {
				in := replica(rand.IntN(n))
				in.Weight = uint16(i + 1)
				c.Put = append(c.Put, in)
			}
			z.Apply(c)
		}
	})
}

// BenchmarkLargeService changes and asks for one member of 100,000.
func BenchmarkLargeService(b *testing.B) {
	z := newZone(b)
	bigService(b, z, "web", 100_000)
	natted(b, z, "nat", 100_000)
	b.Run("update one", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			in := bigMember("web", rand.IntN(100_000))
			in.Weight = uint16(i + 1)
			z.Apply(zone.Change{Source: "test", Put: []zone.Instance{in}})
		}
	})
	b.Run("remove and register one", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			in := bigMember("web", rand.IntN(100_000))
			z.Apply(zone.Change{Source: "test", Drop: []string{in.ID}})
			z.Apply(zone.Change{Source: "test", Put: []zone.Instance{in}})
		}
	})
	// What finds nothing, or one record, looks at few of the members.
	for _, ask := range []struct {
		name string
		typ  uint16
	}{{"web.svc.test.", zone.TypeAAAA}, {"web.svc.test.", zone.TypeTXT}, {"eu.us.tag.web.svc.test.", zone.TypeA}, {"nat.svc.test.", zone.TypeA}} {
		b.Run(fmt.Sprintf("lookup %s %d", ask.name, ask.typ), func(b *testing.B) {
			if n := askAgain(b, z, ask.name, ask.typ, 80); n > 1 {
				b.Fatalf("%d records", n)
			}
		})
	}
	for _, max := range []int{0, 30} {
		b.Run(fmt.Sprintf("lookup SRV cut at %d", max), func(b *testing.B) { askAgain(b, z, "web.svc.test.", zone.TypeSRV, max) })
	}
	z = limited(b, 8)
	bigService(b, z, "web", 100_000)
	for _, typ := range []uint16{zone.TypeA, zone.TypeSRV} {
		b.Run(fmt.Sprintf("lookup %d limited to 8", typ), func(b *testing.B) { askAgain(b, z, "web.svc.test.", typ, 0) })
	}
}

// askAgain measures a question, of which the last answer has so many records.
func askAgain(b *testing.B, z *zone.Zone, name string, typ uint16, max int) (records int) {
	var a zone.Answer
	q := zone.Question{Name: zonetest.Wire(b, name), Type: typ, Max: max}
	b.ReportAllocs()
	for b.Loop() {
		q.Seed = rand.Uint32()
		z.Snapshot().Lookup(&q, &a)
	}
	return len(a.Answer)
}
