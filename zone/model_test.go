package zone_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-dns/rollcall/zone"
	"github.com/rollcall-dns/rollcall/zone/zonetest"
)

// model is the zone as its rules describe it: a list of instances that is
// searched from end to end for each question. Hosts in it never clash.
type model struct {
	instances map[string]zone.Instance
	verdicts  map[string]zone.Verdict // the newest for each instance, if it is about its revision
	networks  map[string]netip.Prefix
	more      bool // the changes are to be published with the next one
}

func newModel() model {
	return model{instances: map[string]zone.Instance{}, verdicts: map[string]zone.Verdict{}, networks: map[string]netip.Prefix{}}
}

// question is a name taken apart: the labels before the service, and the asker.
type question struct {
	under, service string
	qtype          string
	from           netip.Addr
	now            int64
}

func (m *model) askerNets(from netip.Addr) (nets []string) {
	for n, p := range m.networks {
		if from.IsLoopback() || p.Contains(from) {
			nets = append(nets, n)
		}
	}
	return nets
}

// netOf is the network of an endpoint: by name, else by address.
func (m *model) netOf(e zone.Endpoint) string {
	if e.Network != "" {
		return e.Network
	}
	for n, p := range m.networks {
		if p.Contains(e.Addr) {
			return n
		}
	}
	return ""
}

func (m *model) answer(q question) string {
	known, named := false, false
	var in []zone.Instance
	for _, x := range m.instances {
		if x.Service != q.service && !slices.Contains(x.Aliases, q.service) {
			continue
		}
		known = true
		if !m.has(x, q.under) {
			continue
		}
		named = true
		if m.answered(x, q.service) && (x.Lease == nil || x.Lease.Deadline() > q.now) {
			in = append(in, x)
		}
	}
	switch {
	case !known || !named:
		return "NXDOMAIN"
	case strings.HasPrefix(q.under, "_") && q.qtype != "SRV":
		return "NODATA"
	}
	lines := m.records(q, in)
	if len(lines) == 0 {
		return "NODATA"
	}
	slices.Sort(lines)
	return strings.Join(slices.Compact(lines), "; ")
}

func (m *model) state(x zone.Instance) zone.State {
	if x.State != zone.Up || len(x.Checks) == 0 {
		return x.State
	}
	if v, ok := m.verdicts[x.ID]; ok && v.Revision == x.Revision {
		return v.State
	}
	return x.Checks[0].Initial
}

// answered tells of an instance of a service whether it is up, or brought back.
func (m *model) answered(x zone.Instance, service string) bool {
	var last int64
	for _, o := range m.instances {
		if o.Service != service && !slices.Contains(o.Aliases, service) {
			continue
		}
		if m.state(o) == zone.Up {
			return m.state(x) == zone.Up
		}
		last = max(last, m.failed(o))
	}
	at := m.failed(x)
	return at > 0 && (x.Fallback == zone.FallbackAll || at >= last-int64(time.Minute))
}

// failed is when an instance failed that may be brought back, else 0.
func (m *model) failed(x zone.Instance) int64 {
	if x.Fallback == zone.FallbackNone || x.State != zone.Up || m.state(x) != zone.Down {
		return 0
	}
	return m.verdicts[x.ID].Failed
}

func (m *model) has(x zone.Instance, under string) bool {
	switch {
	case under == "":
		return true
	case strings.HasPrefix(under, "_"):
		return slices.ContainsFunc(x.Endpoints, func(e zone.Endpoint) bool { return hasPort(e, under) })
	case strings.HasSuffix(under, ".tag"):
		for _, t := range strings.Split(strings.TrimSuffix(under, ".tag"), ".") {
			if !slices.Contains(x.Tags, t) {
				return false
			}
		}
		return true
	}
	return x.Host == under
}

func hasPort(e zone.Endpoint, under string) bool {
	return under == "" || !strings.HasPrefix(under, "_") ||
		slices.ContainsFunc(e.Ports, func(p zone.Port) bool { return portIs(p, under) })
}

func portIs(p zone.Port, under string) bool {
	if !strings.HasPrefix(under, "_") {
		return true
	}
	proto := "._" + p.Proto.String()
	return under == "_"+p.Name+proto || under == fmt.Sprintf("_%d%s", p.Number, proto)
}

func (m *model) records(q question, in []zone.Instance) (lines []string) {
	mine := m.askerNets(q.from)
	choose := func(pick func(x zone.Instance, net string) bool) (n int) {
		lines = nil
		for _, x := range in {
			for _, e := range x.Endpoints {
				if pick(x, m.netOf(e)) {
					n++
					lines = append(lines, m.lines(q, x, e)...)
				}
			}
		}
		return n
	}
	onMine := func(_ zone.Instance, net string) bool { return slices.Contains(mine, net) }
	unbound := func(x zone.Instance) bool {
		return !slices.ContainsFunc(x.Endpoints, func(e zone.Endpoint) bool { return m.netOf(e) != "" })
	}
	switch {
	case choose(onMine) > 0:
		choose(func(x zone.Instance, net string) bool { return onMine(x, net) || net == "" && unbound(x) })
	case choose(func(_ zone.Instance, net string) bool { return net == "" }) > 0:
	case len(mine) == 0:
		choose(func(zone.Instance, string) bool { return true })
	}
	ttl := 5
	if len(in) > 0 && m.state(in[0]) != zone.Up {
		ttl = 1 // it is brought back
	}
	for _, x := range in {
		for _, l := range lines {
			if x.Lease != nil && strings.Contains(l, " "+x.Host+".") || q.qtype != "SRV" && x.Lease != nil && slices.ContainsFunc(x.Endpoints, func(e zone.Endpoint) bool { return strings.HasSuffix(l, " "+e.Addr.String()) }) {
				ttl = min(ttl, int((x.Lease.Deadline()-q.now)/int64(time.Second)))
			}
		}
	}
	for i := range lines {
		lines[i] = strings.Replace(lines[i], "TTL", fmt.Sprint(ttl), 1)
	}
	return lines
}

func (m *model) lines(q question, x zone.Instance, e zone.Endpoint) (lines []string) {
	owner := strings.TrimPrefix(q.under+"."+q.service, ".") + ".svc.test. TTL IN "
	switch {
	case q.qtype == "A" && e.Addr.Is4() || q.qtype == "AAAA" && e.Addr.Is6():
		return []string{owner + q.qtype + " " + e.Addr.String()}
	case q.qtype != "SRV":
		return nil
	}
	for _, p := range e.Ports {
		if portIs(p, q.under) {
			lines = append(lines, fmt.Sprintf("%sSRV %d %d %d %s.%s.svc.test.", owner, x.Priority, x.Weight, p.Number, x.Host, q.service))
		}
	}
	return lines
}

var (
	modelServices = []string{"web", "db.shop", "shop", "old"}
	modelUnder    = []string{"", "_http._tcp", "_81._tcp", "_82._udp", "v1.tag", "v2.v1.tag", "h3", "h17", "nope"}
	modelAskers   = []string{"172.18.0.9", "172.19.0.9", "203.0.113.9", "127.0.0.1"}
)

func randomInstance(rng *rand.Rand, id int) zone.Instance {
	in := up(modelServices[rng.IntN(3)], fmt.Sprintf("h%d", id))
	in.ID = fmt.Sprint(id)
	in.State = []zone.State{zone.Up, zone.Up, zone.Up, zone.Down, zone.Draining}[rng.IntN(5)]
	if rng.IntN(3) == 0 {
		in.Aliases = []string{"old"}
	}
	if rng.IntN(3) == 0 {
		in.Lease = zone.NewLease(int64(id%8) * int64(time.Second))
	}
	ports := []zone.Port{named("http", 80), {Name: "x", Number: 81}, {Name: "dns", Number: 82, Proto: zone.UDP}}[:rng.IntN(4)]
	for i := range rng.IntN(3) {
		n := byte(id)
		switch rng.IntN(6) {
		case 0:
			in.Endpoints = append(in.Endpoints, on("red", netip.AddrFrom4([4]byte{172, 18, byte(i), n}).String(), ports...))
		case 1:
			in.Endpoints = append(in.Endpoints, on("blue", netip.AddrFrom4([4]byte{172, 19, byte(i), n}).String(), ports...))
		case 2:
			in.Endpoints = append(in.Endpoints, at(netip.AddrFrom4([4]byte{172, 18, 100 + byte(i), n}).String(), ports...))
		case 3:
			in.Endpoints = append(in.Endpoints, on("red", fmt.Sprintf("fd18::%d:%d", i, n), ports...))
		case 4:
			in.Endpoints = append(in.Endpoints, at(fmt.Sprintf("2001:db8::%d:%d", i, n), ports...))
		default:
			in.Endpoints = append(in.Endpoints, at(netip.AddrFrom4([4]byte{192, 0, 2, n}).String(), ports...))
		}
	}
	if rng.IntN(2) == 0 {
		c := zone.DefaultCheck
		revision := rng.IntN(2)
		c.Kind, c.Port, c.Initial = zone.CheckTCP, "81", zone.State(revision)
		in.Fallback = zone.Fallback(rng.IntN(3))
		in.Checks, in.Revision = []zone.Check{c}, uint64(revision)
	}
	for _, t := range []string{"v1", "v2"} {
		if rng.IntN(2) == 0 {
			in.Tags = append(in.Tags, t)
		}
	}
	return in
}

func TestRandomChangesAnswerLikeTheModel(t *testing.T) {
	for seed := range uint64(6) {
		rng := rand.New(rand.NewPCG(seed, 1))
		z := newZone(t)
		m := newModel()
		nets := map[string]netip.Prefix{"red": netip.MustParsePrefix("172.18.0.0/16"), "blue": netip.MustParsePrefix("172.19.0.0/16")}
		size := 4 + 100*rng.IntN(3) // small services and ones of several chunks
		for step := range 1500 {
			m.more = seed%2 == 1 && step%3 != 0 // what is not looked at
			m.change(t, z, rng, nets, size)
			if step%3 == 0 {
				m.compare(t, z, rng)
			}
			if t.Failed() {
				t.Fatalf("seed %d, step %d", seed, step)
			}
		}
	}
}

func (m *model) change(t *testing.T, z *zone.Zone, rng *rand.Rand, nets map[string]netip.Prefix, size int) {
	apply := func(t *testing.T, z *zone.Zone, c zone.Change) {
		t.Helper()
		c.More = m.more
		apply(t, z, c)
	}
	id := rng.IntN(size)
	switch k := rng.IntN(26); {
	case k == 0: // networks
		m.networks = map[string]netip.Prefix{}
		c := zone.Change{Networks: []zone.Network{}}
		for _, n := range []string{"red", "blue"} {
			if rng.IntN(3) > 0 {
				m.networks[n] = nets[n]
				c.Networks = append(c.Networks, zone.Network{Name: n, Prefixes: []netip.Prefix{nets[n]}})
			}
		}
		c.Attach = m.host()
		apply(t, z, c)
	case k == 1: // resync of a part
		c := zone.Change{Kind: zone.SyncEnd, Attach: m.host()}
		for _, id := range slices.Sorted(maps.Keys(m.instances)) {
			if rng.IntN(10) == 0 {
				m.drop(id)
			} else {
				c.Put = append(c.Put, m.instances[id])
			}
		}
		apply(t, z, c)
	case k < 8:
		apply(t, z, zone.Change{Drop: []string{fmt.Sprint(id)}})
		m.drop(fmt.Sprint(id))
	case k < 14:
		v := zone.Verdict{Key: zone.Key{Source: "test", ID: fmt.Sprint(id)}, Revision: uint64(rng.IntN(2)), State: zone.State(rng.IntN(4))}
		if v.State == zone.Down {
			v.Failed = int64(rng.IntN(4)) * int64(time.Minute) * 2 / 3 // 0: it never passed
		}
		apply(t, z, zone.Change{Source: "health", Verdicts: []zone.Verdict{v}})
		if in, ok := m.instances[v.Key.ID]; ok && len(in.Checks) > 0 && in.Revision == v.Revision {
			m.verdicts[v.Key.ID] = v
		}
	default:
		in := randomInstance(rng, id)
		apply(t, z, put(in))
		if v := m.verdicts[in.ID]; len(in.Checks) == 0 || v.Revision != in.Revision {
			delete(m.verdicts, in.ID)
		}
		m.instances[in.ID] = in
	}
}

func (m *model) drop(id string) {
	delete(m.instances, id)
	delete(m.verdicts, id)
}

// host is on every network.
func (m *model) host() []zone.Attachment {
	return []zone.Attachment{{ID: "host", Prefixes: prefixes("127.0.0.0/8"), Networks: slices.Sorted(maps.Keys(m.networks))}}
}

func (m *model) compare(t *testing.T, z *zone.Zone, rng *rand.Rand) {
	q := question{
		under: modelUnder[rng.IntN(len(modelUnder))], service: modelServices[rng.IntN(len(modelServices))],
		qtype: []string{"A", "AAAA", "SRV"}[rng.IntN(3)], from: netip.MustParseAddr(modelAskers[rng.IntN(len(modelAskers))]),
		now: int64(rng.IntN(9)) * int64(time.Second) / 2,
	}
	if q.service == "shop" && strings.HasPrefix(q.under, "h") {
		return // "db.shop" is below it: another test's matter
	}
	name := strings.TrimPrefix(q.under+"."+q.service, ".") + ".svc.test."
	ask := fmt.Sprintf("%s %s from %s at %d", name, q.qtype, q.from, q.now)
	got, _, _ := strings.Cut(zonetest.Ask(t, z, ask), " + ")
	want := m.answer(q)
	if q.service == "shop" && q.under == "" && want == "NXDOMAIN" && len(m.below("shop")) > 0 {
		want = "NODATA" // an empty non-terminal
	}
	if got != want {
		t.Errorf("ask %s\n got %s\nwant %s", ask, got, want)
	}
}

func (m *model) below(service string) (in []string) {
	for id, x := range m.instances {
		if strings.HasSuffix(x.Service, "."+service) {
			in = append(in, id)
		}
	}
	return in
}
