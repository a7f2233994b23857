package zone_test

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-dns/rollcall/zone"
	"github.com/rollcall-dns/rollcall/zone/zonetest"
)

// staticModel is static records as the rules describe them: lines that are searched
// from end to end, over a zone that has the instances alone.
type staticModel struct {
	model
	bare *zone.Zone
	t    *testing.T
	from string            // of the question: "from ADDR at TIME"
	have map[string]string // "OWNER TTL TYPE DATA" by ID
}

// at gives the static records of a name.
func (m *staticModel) at(name string) (ids []string) {
	for _, id := range slices.Sorted(maps.Keys(m.have)) {
		if owner, _, _ := strings.Cut(m.have[id], " "); owner == name {
			ids = append(ids, id)
		}
	}
	return ids
}

// hasData reports whether instances have a name, up or not.
func (m *staticModel) hasData(name string) bool {
	for _, x := range m.instances {
		for _, service := range append([]string{x.Service}, x.Aliases...) {
			if under, ok := strings.CutSuffix("."+name, "."+service); ok && m.has(x, strings.Trim(under, ".")) {
				return true
			}
		}
	}
	return false
}

func (m *staticModel) exists(name string) bool {
	for _, line := range m.have {
		if owner, _, _ := strings.Cut(line, " "); owner == name || strings.HasSuffix(owner, "."+name) {
			return true
		}
	}
	return name == "@" || m.instancesSay(name, "A") != "NXDOMAIN"
}

func (m *staticModel) instancesSay(name, qtype string) string {
	got, _, _ := strings.Cut(zonetest.Ask(m.t, m.bare, full(name)+" "+qtype+" "+m.from), " + ")
	return got
}

func full(name string) string {
	if name == "@" {
		return "svc.test."
	}
	return name + ".svc.test."
}

// ask gives the answer as zonetest.Ask does, without additional records.
func (m *staticModel) ask(name, qtype string) string {
	var lines []string
	seen := map[string]bool{}
	for {
		seen[name] = true
		owner, exists := name, m.exists(name)
		if !exists {
			owner = m.wildcard(name)
		}
		ids := m.at(owner)
		alias := m.alias(ids, exists && m.hasData(name))
		if alias == "" {
			set, code := m.union(name, qtype, ids)
			if !exists && len(ids) == 0 {
				code = "NXDOMAIN"
			}
			lines = append(lines, set...)
			slices.Sort(lines)
			if len(set) > 0 {
				return strings.Join(lines, "; ")
			}
			return strings.TrimSpace(code + " " + strings.Join(lines, "; "))
		}
		next := m.target(alias)
		lines = append(lines, m.line(name, alias))
		if qtype == "CNAME" || next == "" || seen[next] || len(lines) == 8 {
			slices.Sort(lines)
			return strings.Join(lines, "; ")
		}
		name = next
	}
}

// wildcard is the owner that stands for a name that does not exist, if it is there.
func (m *staticModel) wildcard(name string) string {
	for {
		_, parent, ok := strings.Cut(name, ".")
		switch {
		case !ok:
			return "*"
		case m.exists(parent):
			return "*." + parent
		}
		name = parent
	}
}

func (m *staticModel) alias(ids []string, beside bool) string {
	for _, id := range ids {
		if !strings.Contains(id, "CNAME") {
			return ""
		}
	}
	if beside || len(ids) == 0 {
		return ""
	}
	return ids[0]
}

// target is the name in the domain to which an alias leads, or "".
func (m *staticModel) target(id string) string {
	f := strings.Fields(m.have[id])
	if to := f[len(f)-1]; !strings.HasSuffix(to, ".") {
		return to
	}
	return ""
}

func (m *staticModel) line(owner, id string) string {
	_, rest, _ := strings.Cut(m.have[id], " ")
	ttl, rest, _ := strings.Cut(rest, " ")
	typ, data, _ := strings.Cut(rest, " ")
	switch i := strings.LastIndex(data, " ") + 1; {
	case typ == "TXT":
		data = fmt.Sprintf("%q", data)
	case (typ == "CNAME" || typ == "SRV") && !strings.HasSuffix(data, "."):
		data = data[:i] + full(data[i:])
	}
	return strings.Join([]string{full(owner), ttl, "IN", typ, data}, " ")
}

// union gives the records of instances and the static ones, with the smallest TTL.
func (m *staticModel) union(name, qtype string, ids []string) (lines []string, code string) {
	code = "NODATA"
	switch said := m.instancesSay(name, qtype); said {
	case "NODATA", "NXDOMAIN":
	default:
		lines = strings.Split(said, "; ")
	}
	for _, id := range ids {
		if strings.Contains(id, " "+qtype+" ") && qtype != "CNAME" {
			lines = append(lines, m.line(name, id))
		}
	}
	least := math.MaxInt32
	for _, l := range lines {
		var ttl int
		fmt.Sscan(strings.Fields(l)[1], &ttl)
		least = min(least, ttl)
	}
	for i, l := range lines {
		f := strings.Fields(l)
		f[1] = fmt.Sprint(least)
		lines[i] = strings.Join(f, " ")
	}
	slices.Sort(lines)
	return slices.Compact(lines), code
}

var (
	staticOwners = []string{"@", "web", "h3.web", "_http._tcp.web", "v1.tag.web", "www", "a.b", "*", "*.web", "*.a.b", "*.b", "x.old", "_tcp.shop", "q.h3.web"}
	staticAsked  = append([]string{"n.web", "n.m.web", "z.h3.web", "_x._tcp.web", "_x._udp.web", "tag.web", "v2.tag.web", "_tcp.web", "b", "x.b", "c.a.b", "d.c.a.b",
		"shop", "db.shop", "old", "_udp", "b._dns-sd._udp", "_http._tcp", "nope", "x.nope", "dns", "x.dns"}, staticOwners...)
	staticData = []string{"A 10.0.9.1", "A 10.0.9.2", "A 192.0.2.3", "TXT one", "SRV 0 0 80 h3.web", "SRV 0 0 1 ext.",
		"CNAME web", "CNAME www", "CNAME a.b", "CNAME nope.b", "CNAME ext.", "CNAME @"}
)

func TestRandomStaticRecordsAnswerLikeTheModel(t *testing.T) {
	for seed := range uint64(6) {
		rng := rand.New(rand.NewPCG(seed, 2))
		z := newZone(t)
		m := staticModel{
			model: newModel(),
			bare:  newZone(t), t: t, have: map[string]string{},
		}
		for step := range 1500 {
			m.step(z, rng)
			m.from = fmt.Sprintf("from %s at %d", modelAskers[rng.IntN(len(modelAskers))], rng.IntN(9)*int(time.Second)/2)
			name, qtype := staticAsked[rng.IntN(len(staticAsked))], []string{"A", "TXT", "SRV", "CNAME"}[rng.IntN(4)]
			got, _, _ := strings.Cut(zonetest.Ask(t, z, full(name)+" "+qtype+" "+m.from), " + ")
			if want := m.ask(name, qtype); got != want {
				t.Fatalf("seed %d, step %d: ask %s %s %s\n got %s\nwant %s\nwith %q", seed, step, name, qtype, m.from, got, want, slices.Sorted(maps.Values(m.have)))
			}
		}
	}
}

// step changes an instance, or a static record, or all that is left of them.
func (m *staticModel) step(z *zone.Zone, rng *rand.Rand) {
	both := func(c zone.Change) {
		apply(m.t, z, c)
		apply(m.t, m.bare, c)
	}
	id := fmt.Sprint(rng.IntN(6))
	switch k := rng.IntN(12); {
	case k < 2:
		in := randomInstance(rng, rng.IntN(6))
		in.Checks = nil
		both(put(in))
		m.instances[in.ID] = in
	case k < 5:
		both(zone.Change{Drop: []string{id}})
		delete(m.instances, id)
	case k < 8:
		m.sync(z, rng)
	default:
		m.add(z, rng)
	}
}

func (m *staticModel) add(z *zone.Zone, rng *rand.Rand) {
	owner, data := staticOwners[rng.IntN(len(staticOwners))], staticData[rng.IntN(len(staticData))]
	if owner == "@" && strings.HasPrefix(data, "CNAME") {
		return
	}
	st := static(m.t, fmt.Sprintf("%s %d %s", owner, 2+rng.IntN(9), data))
	m.have[owner+" "+data], st.ID = st.ID, owner+" "+data
	apply(m.t, z, zone.Change{Source: "static", Static: []zone.Static{st}})
}

// sync drops some records, by name or by leaving them out.
func (m *staticModel) sync(z *zone.Zone, rng *rand.Rand) {
	c := zone.Change{Source: "static", Kind: zone.Kind(2 * rng.IntN(2))}
	for _, id := range slices.Sorted(maps.Keys(m.have)) {
		switch {
		case rng.IntN(4) > 0:
			st := static(m.t, m.have[id])
			st.ID = id
			c.Static = append(c.Static, st)
			continue
		case c.Kind == zone.Delta:
			c.Drop = append(c.Drop, id)
		}
		delete(m.have, id)
	}
	apply(m.t, z, c)
}
