package zone_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/rollcall-dns/rollcall/zone"
	"github.com/rollcall-dns/rollcall/zone/zonetest"
)

// wantHosts wants the instances at hosts of the service web, by their last octets:
// "web=1" is 10.0.0.1.
func wantHosts(t *testing.T, z *zone.Zone, hosts ...string) {
	t.Helper()
	for _, h := range hosts {
		host, octet, _ := strings.Cut(h, "=")
		want := fmt.Sprintf("%s.web.svc.test. 5 IN A 10.0.0.%s", host, octet)
		if octet == "" {
			want = "NXDOMAIN"
		}
		if got := zonetest.Ask(t, z, host+".web.svc.test. A"); got != want {
			t.Errorf("%s is %s, want %s", host, got, want)
		}
	}
}

func replicaOf(host, id string, octet int, ports ...uint16) zone.Instance {
	in := up("web", host, at(fmt.Sprintf("10.0.0.%d", octet), tcp(80)))
	for _, p := range ports {
		in.Endpoints = append(in.Endpoints, at(fmt.Sprintf("10.0.0.%d", octet), tcp(p)))
	}
	in.ID = id
	return in
}

func TestReplacementInAnEarlierPageGetsTheNameInTheEnd(t *testing.T) {
	z := newZone(t)
	apply(t, z, put(replicaOf("w", "old", 1)))
	apply(t, z, zone.Change{Kind: zone.SyncPart, Put: []zone.Instance{replicaOf("w", "new", 2)}})
	wantHosts(t, z, "w=1")
	apply(t, z, zone.Change{Kind: zone.SyncEnd})
	wantHosts(t, z, "w=2")
}

func TestNameThatBecomesFreeGoesToTheFirstThatWishesForIt(t *testing.T) {
	z := newZone(t)
	apply(t, z, put(replicaOf("w", "d", 4), replicaOf("w", "c", 3), replicaOf("w", "b", 2), replicaOf("w-abcdef", "a", 1)))
	wantHosts(t, z, "w=4", "w-abcdef=1")
	apply(t, z, zone.Change{Drop: []string{"d"}})
	wantHosts(t, z, "w=2", "w-abcdef=1")
	down := replicaOf("w", "b", 2)
	down.State = zone.Down
	apply(t, z, put(down)) // keeps its name
	apply(t, z, put(replicaOf("w", "b", 2)))
	wantHosts(t, z, "w=2")
	apply(t, z, put(replicaOf("x", "b", 2)))
	wantHosts(t, z, "w=3", "x=2")
	apply(t, z, zone.Change{Drop: []string{"c"}, Put: []zone.Instance{replicaOf("w", "e", 5)}})
	wantHosts(t, z, "w=5")
}

func TestNameOfASecondTargetBecomesFree(t *testing.T) {
	z := newZone(t)
	apply(t, z, put(replicaOf("w-2", "a", 1), replicaOf("w", "b", 2, 81)))
	wantHosts(t, z, "w-2=1", "w=")
	apply(t, z, zone.Change{Drop: []string{"a"}})
	wantHosts(t, z, "w-2=2", "w=2")
}

func TestNameComesBackWhenTheServiceThatTookItGoes(t *testing.T) {
	z := newZone(t)
	apply(t, z, put(replicaOf("w", "a", 1)))
	sub := up("w.web", "x", at("10.0.0.9", tcp(80)))
	apply(t, z, put(sub))
	wantHosts(t, z, "w=9")
	apply(t, z, zone.Change{Drop: []string{sub.ID}})
	wantHosts(t, z, "w=1")
}

// Whatever comes and goes, in whatever pages: a name for which somebody wishes is
// somebody's, and everybody has one name.
func TestNoNameIsFreeForWhichAnybodyWishes(t *testing.T) {
	for seed := range uint64(5) {
		rng := rand.New(rand.NewPCG(seed, 4))
		z := newZone(t)
		for step := range 400 {
			c := zone.Change{Kind: zone.Kind(rng.IntN(3))}
			for range rng.IntN(4) {
				in := replicaOf(fmt.Sprintf("w%d", rng.IntN(3)), fmt.Sprint(rng.IntN(9)), rng.IntN(99)+1)
				in.Service = []string{"web", "db"}[rng.IntN(2)]
				if rng.IntN(3) == 0 {
					in.Aliases = []string{"web", "w1.web"}[:1+rng.IntN(2)]
				}
				if rng.IntN(3) == 0 {
					in.Endpoints = append(in.Endpoints, at("10.0.1.1", tcp(81)))
				}
				c.Put = append(c.Put, in)
			}
			if rng.IntN(2) == 0 {
				c.Drop = []string{fmt.Sprint(rng.IntN(9))}
			}
			apply(t, z, c)
			if wantEachHostTaken(t, z); t.Failed() {
				t.Fatalf("seed %d, step %d", seed, step)
			}
		}
	}
}

// wantEachHostTaken looks at hosts alone: "w1.web" is the name of a service.
func wantEachHostTaken(t *testing.T, z *zone.Zone) {
	t.Helper()
	s := z.Snapshot()
	for _, service := range []string{"web", "db", "w1.web"} {
		owners, wishes := map[string]zone.Key{}, map[string]bool{}
		for k, in := range s.Service(service) {
			if len(in.Endpoints) == 1 { // two need a second name beside
				wishes[in.Host] = true
			}
			had := 0
			for _, n := range s.Names(k) {
				host, ok := strings.CutSuffix(n.String(), "."+service+".svc.test.")
				if !ok || !strings.HasPrefix(host, in.Host) || service == "web" && host == "w1" && serves(s, "w1.web") {
					continue
				}
				had++
				if other, taken := owners[host]; taken {
					t.Errorf("%s in %s is of %v and %v", host, service, other, k)
				}
				owners[host] = k
			}
			if had == 0 {
				t.Errorf("%v has no host in %s: %v", k, service, s.Names(k))
			}
		}
		for host := range wishes {
			if _, taken := owners[host]; !taken && !(service == "web" && host == "w1" && serves(s, "w1.web")) {
				t.Errorf("nobody has %s in %s", host, service)
			}
		}
	}
}

func serves(s *zone.Snapshot, service string) bool {
	for range s.Service(service) {
		return true
	}
	return false
}
