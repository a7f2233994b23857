package zone_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-dns/rollcall/zone"
	"github.com/rollcall-dns/rollcall/zone/zonetest"
)

// checked is web/a with a check over HTTP, in a revision.
func checked(revision uint64, edit ...func(*zone.Check)) zone.Instance {
	in := up("web", "a", at("10.0.0.1", tcp(80)))
	c := zone.DefaultCheck
	c.Target = "/"
	for _, e := range edit {
		e(&c)
	}
	in.Checks, in.Revision = []zone.Check{c}, revision
	return in
}

func verdict(revision uint64, s zone.State, reason string) zone.Change {
	return zone.Change{Source: "health", Verdicts: []zone.Verdict{{
		Key: zone.Key{Source: "test", ID: "web/a"}, Revision: revision, State: s, Reason: reason,
	}}}
}

// shown is the state of web/a as operators see it, with the reason.
func shown(z *zone.Zone) string {
	in, ok := z.Snapshot().Instance(zone.Key{Source: "test", ID: "web/a"})
	if !ok {
		return "none"
	}
	return strings.TrimSpace(in.State.String() + " " + in.Reason)
}

func TestVerdictDecidesWhenTheSourceSaysUp(t *testing.T) {
	const waits = "starting its check has not passed yet"
	down := func(in zone.Instance) zone.Instance {
		in.State, in.Reason = zone.Down, "paused"
		return in
	}
	steps := []struct {
		name    string
		c       zone.Change
		want    string
		changed bool
	}{
		{"a verdict makes no instance", verdict(1, zone.Up, ""), "none", false},
		{"at first", put(checked(1)), waits, true},
		{"of another revision", verdict(2, zone.Up, ""), waits, false},
		{"it passes", verdict(1, zone.Up, ""), "up", true},
		{"again", verdict(1, zone.Up, ""), "up", false},
		{"the same is put again", put(checked(1)), "up", false},
		{"the source says down", put(down(checked(1))), "down paused", true},
		{"its check fails meanwhile", verdict(1, zone.Down, "status 500"), "down paused", false},
		{"the source says up", put(checked(1)), "down status 500", true},
		{"another reason", verdict(1, zone.Down, "refused"), "down refused", true},
		{"a sync lists it", zone.Change{Kind: zone.SyncEnd, Put: []zone.Instance{checked(1)}}, "down refused", false},
		{"it has changed", put(checked(2)), waits, true},
		{"the verdict comes late", verdict(1, zone.Up, ""), waits, false},
		{"up at first", put(checked(3, func(c *zone.Check) { c.Initial = zone.Up })), "up", true},
		{"no check any more", put(up("web", "a", at("10.0.0.1", tcp(80)))), "up", true},
		{"a verdict about none", verdict(0, zone.Down, "refused"), "up", false},
		{"a check again", put(checked(3)), waits, true},
		{"a verdict lists nothing", verdict(3, zone.Up, ""), "up", true},
		{"so a sync removes it", zone.Change{Kind: zone.SyncEnd}, "none", true},
		{"back as it was", put(checked(3)), waits, true},
	}
	z := newZone(t)
	for _, s := range steps {
		r := apply(t, z, s.c)
		if got := shown(z); got != s.want || r.Changed != s.changed {
			t.Errorf("%s: %q, changed %v; want %q, %v", s.name, got, r.Changed, s.want, s.changed)
		}
		answer := zonetest.Ask(t, z, "web.svc.test. A")
		if up := strings.HasSuffix(answer, "10.0.0.1"); up != (s.want == "up") {
			t.Errorf("%s: answered %q while it is %q", s.name, answer, s.want)
		}
	}
}

func TestEveryCheckMustBeginUp(t *testing.T) {
	in := checked(1, func(c *zone.Check) { c.Initial = zone.Up })
	in.Checks = append(in.Checks, checked(1).Checks[0])
	z := newZone(t)
	apply(t, z, put(in))
	if got, want := shown(z), "starting its check has not passed yet"; got != want {
		t.Errorf("one up and one starting: %q, want %q", got, want)
	}
}

func TestVerdictOutlivesChangesOfOtherThings(t *testing.T) {
	z := newZone(t)
	apply(t, z, put(checked(1)))
	apply(t, z, verdict(1, zone.Up, ""))
	heavy := checked(1)
	heavy.Weight = 7
	apply(t, z, put(heavy))
	apply(t, z, zone.Change{Networks: []zone.Network{{Name: "red", Prefixes: prefixes("10.0.0.0/8")}}})
	apply(t, z, put(up("a.web", "x"))) // takes the name of its host
	if got := shown(z); got != "up" {
		t.Errorf("after changes of weight, networks and host: %q, want up", got)
	}
	apply(t, z, verdict(1, zone.Down, "refused"))
	if got := shown(z); got != "down refused" {
		t.Errorf("and a verdict: %q, want down refused", got)
	}
}

func TestStaticRecordTakesThePlaceOfACheckedInstance(t *testing.T) {
	z := newZone(t)
	apply(t, z, put(checked(1)))
	apply(t, z, verdict(1, zone.Up, ""))
	apply(t, z, zone.Change{Static: []zone.Static{{ID: "web/a", Owner: "x", Type: zone.TypeA, Data: []byte{10, 0, 0, 9}}}})
	apply(t, z, put(checked(1)))
	if got, want := shown(z), "starting its check has not passed yet"; got != want {
		t.Errorf("put after a static record of its ID: %q, want %q", got, want)
	}
	apply(t, z, verdict(1, zone.Up, ""))
	if got := shown(z); got != "up" {
		t.Errorf("and a verdict: %q, want up", got)
	}
}

func TestSpotsAreTheInstancesOwn(t *testing.T) {
	udp := zone.Port{Name: "dns", Number: 5353, Proto: zone.UDP}
	published := zone.Port{Number: 32768, Known: 80}
	kind := func(k zone.CheckKind, port string) zone.Check { return zone.Check{Kind: k, Port: port} }
	tests := []struct {
		name string
		c    zone.Check
		eps  []zone.Endpoint
		want string
	}{
		{"the first port over TCP", kind(zone.CheckTCP, ""), []zone.Endpoint{at("10.0.0.1", udp, tcp(80), tcp(81))}, "10.0.0.1:80/tcp"},
		{"by name", kind(zone.CheckTCP, "Admin"), []zone.Endpoint{at("10.0.0.1", tcp(80), named("admin", 81))}, "10.0.0.1:81/tcp"},
		{"by IANA name", kind(zone.CheckTCP, "http"), []zone.Endpoint{at("10.0.0.1", tcp(81), tcp(80))}, "10.0.0.1:80/tcp"},
		{"by number, published under another", kind(zone.CheckTCP, "80"), []zone.Endpoint{on("red", "172.18.0.2", tcp(80)), at("192.0.2.1", published)}, "172.18.0.2:80/tcp@red 192.0.2.1:32768/tcp"},
		{"a number that is not listed", kind(zone.CheckTCP, "9000"), []zone.Endpoint{on("red", "172.18.0.2", tcp(80)), at("10.0.0.1")}, "172.18.0.2:9000/tcp@red 10.0.0.1:9000/tcp"},
		{"but not where ports are published", kind(zone.CheckTCP, "9000"), []zone.Endpoint{on("red", "172.18.0.2", tcp(80)), at("192.0.2.1", published)}, "172.18.0.2:9000/tcp@red"},
		{"nor where it is another's", kind(zone.CheckTCP, "32768"), []zone.Endpoint{at("192.0.2.1", published)}, ""},
		{"DNS prefers UDP", kind(zone.CheckDNS, ""), []zone.Endpoint{at("10.0.0.1", tcp(53), udp)}, "10.0.0.1:5353/udp"},
		{"DNS over TCP", kind(zone.CheckDNS, ""), []zone.Endpoint{at("10.0.0.1", tcp(53))}, "10.0.0.1:53/tcp"},
		{"once", kind(zone.CheckTCP, ""), []zone.Endpoint{at("10.0.0.1", tcp(80)), at("::ffff:10.0.0.1", tcp(80)), at("fd00::1", tcp(80))}, "10.0.0.1:80/tcp [fd00::1]:80/tcp"},
		{"no port to take", kind(zone.CheckTCP, ""), []zone.Endpoint{at("10.0.0.1", udp)}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := up("web", "a", tt.eps...)
			var got []string
			for _, s := range in.Spots(&tt.c) {
				text := s.Addr.String() + "/" + s.Proto.String()
				if s.Network != "" {
					text += "@" + s.Network
				}
				got = append(got, text)
			}
			if strings.Join(got, " ") != tt.want {
				t.Errorf("spots %q, want %q", got, tt.want)
			}
		})
	}
}

func TestFaultsOfChecksAreNamed(t *testing.T) {
	tests := []struct {
		name  string
		edit  func(*zone.Check)
		field string // "" is valid
	}{
		{"default", func(*zone.Check) {}, ""},
		{"URL of another host", func(c *zone.Check) { c.Target = "http://192.0.2.66/" }, "Target"},
		{"line break", func(c *zone.Check) { c.Target = "/ HTTP/1.1\r\nHost: x" }, "Target"},
		{"long path", func(c *zone.Check) { c.Target = "/" + strings.Repeat("a", 1024) }, "Target"},
		{"something to ask for over TCP", func(c *zone.Check) { c.Kind = zone.CheckTCP }, "Target"},
		{"DNS name", func(c *zone.Check) { c.Kind, c.Target, c.Port = zone.CheckDNS, "example.com", "80" }, ""},
		{"no DNS name", func(c *zone.Check) { c.Kind, c.Target, c.Port = zone.CheckDNS, "a..b", "80" }, "Target"},
		{"host with a path", func(c *zone.Check) { c.Host = "a/b" }, "Host"},
		{"host with a line break", func(c *zone.Check) { c.Host = "a\r\nX: y" }, "Host"},
		{"method", func(c *zone.Check) { c.Method = "HEAD" }, ""},
		{"method that may change something", func(c *zone.Check) { c.Method = "POST" }, "Method"},
		{"method in lower case", func(c *zone.Check) { c.Method = "head" }, "Method"},
		{"method of what is not HTTP", func(c *zone.Check) { c.Kind, c.Target, c.Method = zone.CheckTCP, "", "HEAD" }, "Method"},
		{"verified without TLS", func(c *zone.Check) { c.Host, c.Verify = "a", true }, "Verify"},
		{"verified for nobody", func(c *zone.Check) { c.Kind, c.Verify = zone.CheckHTTPS, true }, "Host"},
		{"verified", func(c *zone.Check) { c.Kind, c.Host, c.Verify = zone.CheckHTTPS, "a", true }, ""},
		{"unknown port", func(c *zone.Check) { c.Port = "nope" }, "Port"},
		{"port 0", func(c *zone.Check) { c.Port = "0" }, "Port"},
		{"port too large", func(c *zone.Check) { c.Port = "65536" }, "Port"},
		{"interval of 0.9 s", func(c *zone.Check) { c.Interval, c.Timeout = 900*time.Millisecond, time.Second/2 }, "Interval"},
		{"interval of 2 h", func(c *zone.Check) { c.Interval = 2 * time.Hour }, "Interval"},
		{"timeout above the interval", func(c *zone.Check) { c.Timeout = 11 * time.Second }, "Timeout"},
		{"no timeout", func(c *zone.Check) { c.Timeout = 0 }, "Timeout"},
		{"rise of 0", func(c *zone.Check) { c.Rise = 0 }, "Rise"},
		{"fall of 11", func(c *zone.Check) { c.Fall = 11 }, "Fall"},
		{"draining at first", func(c *zone.Check) { c.Initial = zone.Draining }, "Initial"},
		{"unknown kind", func(c *zone.Check) { c.Kind = 77 }, "Kind"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := checked(1, tt.edit)
			err := in.Validate()
			var fe *zone.FieldError
			switch {
			case tt.field == "" && err != nil:
				t.Errorf("Validate: %v, want it valid", err)
			case tt.field != "" && (!errors.As(err, &fe) || fe.Field != "Checks[0]."+tt.field):
				t.Errorf("Validate: %v, want a fault of %s", err, tt.field)
			}
		})
	}
	in := checked(1)
	for range 16 {
		in.Checks = append(in.Checks, in.Checks[0])
	}
	if fe := new(zone.FieldError); !errors.As(in.Validate(), &fe) || fe.Field != "Checks" {
		t.Errorf("17 checks: %v, want a fault of Checks", in.Validate())
	}
}

func BenchmarkVerdict(b *testing.B) {
	for _, n := range []int{1000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			z := newZone(b)
			c := zone.Change{Source: "test"}
			for i := range n {
				in := checked(1)
				in.ID, in.Host = fmt.Sprintf("web/%d", i), fmt.Sprintf("h%d", i)
				c.Put = append(c.Put, in)
			}
			apply(b, z, c)
			for i := 0; b.Loop(); i++ {
				v := verdict(1, []zone.State{zone.Up, zone.Down}[i/n%2], "")
				v.Verdicts[0].Key.ID = fmt.Sprintf("web/%d", i%n)
				z.Apply(v)
			}
		})
	}
}
