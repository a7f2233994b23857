package zone_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"testing"

	"github.com/rollcall-dns/rollcall/zone"
	"github.com/rollcall-dns/rollcall/zone/zonetest"
)

// limited is a zone with an answer limit.
func limited(t testing.TB, limit int) *zone.Zone {
	t.Helper()
	z, err := zone.New(zone.Options{Domains: []zone.Name{zone.MustParseName("svc.test")}, AnswerLimit: limit})
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// mixed has n members that can be answered from outside, each behind two or more
// that cannot.
func mixed(t testing.TB, z *zone.Zone, n int) {
	c := zone.Change{Networks: []zone.Network{{Name: "red", Prefixes: prefixes("172.18.0.0/16")}}}
	for i := range 3*n + n/2 {
		host, addr := fmt.Sprintf("h%05d", i), fmt.Sprintf("%d.%d", i>>8, i&255)
		in := up("web", host, at("192.0."+addr, tcp(80)), at(fmt.Sprintf("2001:db8::%x", i+1), tcp(80)))
		switch {
		case i < n/2 || i%3 == 1:
			in.State = zone.Down
		case i%3 == 2:
			in.Endpoints = []zone.Endpoint{on("red", "172.18."+addr, tcp(80))}
		}
		c.Put = append(c.Put, in)
	}
	apply(t, z, c)
}

// counter counts by rdata what answers have.
type counter map[string]int

func (n counter) add(rs ...zone.Record) {
	for i := range rs {
		n[string(rs[i].AppendRdata(nil))]++
	}
}

// wantEven wants all of want kinds to be about equally frequent: chi-square is that of
// chance, which is their number give or take its deviation.
func (n counter) wantEven(t *testing.T, want int) {
	t.Helper()
	if len(n) != want {
		t.Fatalf("%d different, want %d", len(n), want)
	}
	total := 0
	for _, k := range n {
		total += k
	}
	expected, chi := float64(total)/float64(want), 0.0
	for _, k := range n {
		chi += (float64(k) - expected) * (float64(k) - expected) / expected
	}
	if freedom := float64(want - 1); chi > freedom+6*math.Sqrt(2*freedom) {
		t.Errorf("chi-square is %.0f with %.0f degrees of freedom: %v", chi, freedom, n)
	}
}

func lookups(t *testing.T, z *zone.Zone, name string, typ uint16, max, seeds int, each func(a *zone.Answer)) {
	t.Helper()
	q := zone.Question{Name: zonetest.Wire(t, name), Type: typ, Max: max}
	var a zone.Answer
	for seed := range seeds {
		q.Seed = uint32(seed)
		if z.Snapshot().Lookup(&q, &a); a.Code != zone.Success {
			t.Fatalf("%s %d: code %d", name, typ, a.Code)
		}
		each(&a)
	}
}

func TestEachRecordIsFirstEquallyOften(t *testing.T) {
	for _, tt := range []struct{ n, max int }{{3, 0}, {45, 0}, {45, 1}, {45, 7}} {
		for _, typ := range []uint16{zone.TypeA, zone.TypeAAAA, zone.TypeSRV} {
			t.Run(fmt.Sprintf("%d members, type %d, at most %d", tt.n, typ, tt.max), func(t *testing.T) {
				z := newZone(t)
				mixed(t, z, tt.n)
				all, first := counter{}, counter{}
				lookups(t, z, "web.svc.test.", typ, 0, 1, func(a *zone.Answer) { all.add(a.Answer...) })
				lookups(t, z, "web.svc.test.", typ, tt.max, 50*tt.n, func(a *zone.Answer) { first.add(a.Answer[0]) })
				first.wantEven(t, len(all))
			})
		}
	}
}

func TestFirstTargetHasTheFirstAddress(t *testing.T) {
	z := newZone(t)
	mixed(t, z, 20)
	lookups(t, z, "web.svc.test.", zone.TypeSRV, 0, 50, func(a *zone.Answer) {
		target := a.Answer[0].AppendRdata(nil)[6:]
		if owner := a.Additional[0].AppendOwner(nil, a.Apex); string(owner) != string(target) {
			t.Errorf("the first additional record is for %q, the first target is %q", owner, target)
		}
	})
}

// RFC 2782 has clients order SRV records, but many take the first.
func TestLowerPrioritiesComeFirst(t *testing.T) {
	z := limited(t, 0)
	for i := range 40 {
		in := up("web", fmt.Sprintf("h%02d", i), at(fmt.Sprintf("192.0.2.%d", i), tcp(80)))
		in.Priority = uint16(i % 4 * 100)
		apply(t, z, zone.Change{Put: []zone.Instance{in}})
	}
	first := make(counter)
	lookups(t, z, "web.svc.test", zone.TypeSRV, 0, 2000, func(a *zone.Answer) {
		last := uint16(0)
		for i := range a.Answer {
			b := a.Answer[i].AppendRdata(nil)
			if p := binary.BigEndian.Uint16(b); p < last {
				t.Fatalf("record %d has priority %d, the one before it %d", i, p, last)
			} else {
				last = p
			}
		}
		first.add(a.Answer[0])
	})
	if len(first) != 10 {
		t.Errorf("%d different records came first, want all 10 of the lowest priority", len(first))
	}
}

func TestLimitedAnswerIsAFairPart(t *testing.T) {
	// Of the larger service members are drawn, of the smaller one all are looked at.
	for _, n := range []int{12, 120} {
		for _, typ := range []uint16{zone.TypeA, zone.TypeAAAA, zone.TypeSRV} {
			t.Run(fmt.Sprintf("%d members, type %d", n, typ), func(t *testing.T) {
				whole, part := newZone(t), limited(t, 3)
				mixed(t, whole, n)
				mixed(t, part, n)
				all := counter{}
				lookups(t, whole, "web.svc.test.", typ, 0, 1, func(a *zone.Answer) { all.add(a.Answer...) })
				in, first := counter{}, counter{}
				lookups(t, part, "web.svc.test.", typ, 0, 30*n, func(a *zone.Answer) {
					if len(a.Answer) != 3 || a.Cut {
						t.Fatalf("%d records, cut %v, want 3 as if that were all", len(a.Answer), a.Cut)
					}
					in.add(a.Answer...)
					first.add(a.Answer[0])
					if typ == zone.TypeSRV {
						wantGlue(t, a)
					}
				})
				in.wantEven(t, len(all))
				first.wantEven(t, len(all))
				for r := range in {
					if all[r] == 0 {
						t.Errorf("%x is not in the whole set", r)
					}
				}
			})
		}
	}
}

// wantGlue wants the addresses of the targets in the answer, and no others.
func wantGlue(t *testing.T, a *zone.Answer) {
	t.Helper()
	targets, owners := counter{}, counter{}
	for i := range a.Answer {
		targets[string(a.Answer[i].AppendRdata(nil)[6:])] = 2 // IPv4 and IPv6
	}
	for i := range a.Additional {
		owners[string(a.Additional[i].AppendOwner(nil, a.Apex))]++
	}
	if fmt.Sprint(targets) != fmt.Sprint(owners) {
		t.Fatalf("addresses of %v, want those of %v", owners, targets)
	}
}

func TestEachPartOfALimitedAnswerIsAsLikelyAsTheOthers(t *testing.T) {
	z := limited(t, 2)
	mixed(t, z, 6)
	pairs, size := counter{}, counter{}
	lookups(t, z, "web.svc.test.", zone.TypeA, 0, 6000, func(a *zone.Answer) {
		x, y := string(a.Answer[0].AppendRdata(nil)), string(a.Answer[1].AppendRdata(nil))
		pairs[min(x, y)+max(x, y)]++
		size.add(a.Answer...)
	})
	pairs.wantEven(t, len(size)*(len(size)-1)/2)
}

func TestLimitTakesThePreferredPriorityFirst(t *testing.T) {
	var c zone.Change
	for i := range 12 {
		in := up("web", fmt.Sprintf("h%d", i), at(fmt.Sprintf("192.0.2.%d", i+1), tcp(80)))
		if in.Priority, in.Weight = 5, uint16(i); i == 3 || i == 8 {
			in.Priority = 1
		}
		c.Put = append(c.Put, in)
	}
	for _, tt := range []struct{ limit, preferred, others int }{{1, 2, 0}, {2, 2, 0}, {4, 2, 10}, {12, 2, 10}} {
		z := limited(t, tt.limit)
		apply(t, z, c)
		preferred, others := counter{}, counter{}
		lookups(t, z, "web.svc.test.", zone.TypeSRV, 0, 600, func(a *zone.Answer) {
			n := min(2, tt.limit)
			for i := range a.Answer {
				if want := i < n; (a.Answer[i].AppendRdata(nil)[1] == 1) != want {
					t.Fatalf("limit %d: record %d is preferred: %v, want %v", tt.limit, i, !want, want)
				}
			}
			preferred.add(a.Answer[:n]...)
			others.add(a.Answer[n:]...)
		})
		preferred.wantEven(t, tt.preferred)
		others.wantEven(t, tt.others)
	}
}

func TestLimitCountsAnAddressOnceAndLeavesOtherTypesWhole(t *testing.T) {
	z := limited(t, 3)
	natted(t, z, "nat", 1000)
	var c zone.Change
	for i := range 5 {
		in := up("web", fmt.Sprintf("h%d", i), at("192.0.2.9", tcp(80)))
		in.Meta = map[string]string{"n": fmt.Sprint(i)}
		c.Put = append(c.Put, in)
	}
	apply(t, z, c)
	for _, tt := range []struct {
		name string
		typ  uint16
		want int
	}{{"nat.svc.test.", zone.TypeA, 1}, {"web.svc.test.", zone.TypeA, 1}, {"web.svc.test.", zone.TypeTXT, 5}, {"9.2.0.192.in-addr.arpa.", zone.TypePTR, 5}} {
		lookups(t, z, tt.name, tt.typ, 0, 5, func(a *zone.Answer) {
			if len(a.Answer) != tt.want || a.Cut {
				t.Errorf("%s %d: %d records, cut %v, want %d", tt.name, tt.typ, len(a.Answer), a.Cut, tt.want)
			}
		})
	}
}

func TestLimitedAnswerIsStillCutAtMax(t *testing.T) {
	z := limited(t, 5)
	mixed(t, z, 20)
	lookups(t, z, "web.svc.test.", zone.TypeA, 2, 5, func(a *zone.Answer) {
		if len(a.Answer) != 2 || !a.Cut {
			t.Errorf("%d records, cut %v, want 2 and cut", len(a.Answer), a.Cut)
		}
	})
}

func TestStaticRecordsHaveTheirShareOfALimitedAnswer(t *testing.T) {
	z := limited(t, 2)
	mixed(t, z, 4)
	apply(t, z, statics(t, "web SRV 0 0 80 t0", "t0 A 192.0.2.1", "t0 AAAA 2001:db8::1",
		"web SRV 0 0 80 t1", "t1 A 192.0.2.2", "t1 AAAA 2001:db8::2"))
	in := counter{}
	lookups(t, z, "web.svc.test.", zone.TypeSRV, 0, 1000, func(a *zone.Answer) {
		in.add(a.Answer...)
		wantGlue(t, a)
	})
	in.wantEven(t, 6)
}
