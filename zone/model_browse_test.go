package zone_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-dns/rollcall/zone"
	"github.com/rollcall-dns/rollcall/zone/zonetest"
)

var modelTypes = []string{"_http._tcp", "_x._tcp", "_dns._udp"}

// browse is what PTR gives at a name, by the rules of browsing.
func (m *model) browse(name string, now int64) string {
	found, exists := []string{}, false
	for _, x := range m.instances {
		for _, set := range modelTypes {
			sub, typ, isSub := strings.Cut(name, "._sub.")
			if !slices.ContainsFunc(x.Endpoints, func(e zone.Endpoint) bool { return hasPort(e, set) }) ||
				isSub && (typ != set || !slices.Contains(x.Tags, sub[1:])) ||
				!isSub && name != set && name != "_services._dns-sd._udp" {
				continue
			}
			exists = true
			switch {
			case !m.answered(x, x.Service) || x.Lease != nil && x.Lease.Deadline() <= now:
			case name == "_services._dns-sd._udp":
				found = append(found, set)
			default:
				found = append(found, browsedAs(x, set))
			}
		}
	}
	if !exists {
		return "NXDOMAIN"
	}
	slices.Sort(found)
	return strings.Join(slices.Compact(found), " ")
}

func browsedAs(x zone.Instance, set string) string {
	return x.Host + `\@` + strings.ReplaceAll(x.Service, ".", `\.`) + "." + set
}

// described is what SRV gives for one instance under a type.
func (m *model) described(id, set string, from netip.Addr, now int64) (name, answer string) {
	x, ok := m.instances[id]
	if !ok {
		return `h` + id + `\@web.` + set + ".svc.test.", "NXDOMAIN"
	}
	name = browsedAs(x, set) + ".svc.test."
	if !slices.ContainsFunc(x.Endpoints, func(e zone.Endpoint) bool { return hasPort(e, set) }) {
		return name, "NXDOMAIN"
	}
	if !m.answered(x, x.Service) || x.Lease != nil && x.Lease.Deadline() <= now {
		return name, "NODATA"
	}
	lines := m.records(question{under: set, service: x.Service, qtype: "SRV", from: from, now: now}, []zone.Instance{x})
	for i, l := range lines {
		_, rest, _ := strings.Cut(l, " ")
		lines[i] = name + " " + rest
	}
	if len(lines) == 0 {
		return name, "NODATA"
	}
	slices.Sort(lines)
	return name, strings.Join(slices.Compact(lines), "; ")
}

func TestRandomChangesAreBrowsedLikeTheModel(t *testing.T) {
	names := append([]string{"_services._dns-sd._udp", "_v1._sub._http._tcp", "_v2._sub._dns._udp", "_none._tcp"}, modelTypes...)
	nets := map[string]netip.Prefix{"red": netip.MustParsePrefix("172.18.0.0/16"), "blue": netip.MustParsePrefix("172.19.0.0/16")}
	for seed := range uint64(4) {
		rng := rand.New(rand.NewPCG(seed, 2))
		z := newZone(t)
		m := newModel()
		size := 3 + 60*int(seed%2)
		for step := range 1000 {
			m.change(t, z, rng, nets, size)
			now := int64(rng.IntN(9)) * int64(time.Second) / 2
			for _, n := range names {
				if got, want := targets(t, z, n, now), m.browse(n, now); got != want {
					t.Fatalf("seed %d, step %d: %s\n got %s\nwant %s", seed, step, n, got, want)
				}
			}
			from := modelAskers[rng.IntN(len(modelAskers))]
			name, want := m.described(fmt.Sprint(rng.IntN(size)), modelTypes[rng.IntN(len(modelTypes))], netip.MustParseAddr(from), now)
			got, _, _ := strings.Cut(zonetest.Ask(t, z, fmt.Sprintf("%s SRV from %s at %d", name, from, now)), " + ")
			if got != want {
				t.Fatalf("seed %d, step %d: %s from %s\n got %s\nwant %s", seed, step, name, from, got, want)
			}
		}
	}
}
