package docker

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rollcall-dns/rollcall/zone"
)

// checkKinds are the keys that say what is probed, the first that is given counts.
var checkKinds = []struct {
	key  string
	kind zone.CheckKind
}{
	{"http", zone.CheckHTTP}, {"https", zone.CheckHTTPS}, {"tcp", zone.CheckTCP},
	{"grpc", zone.CheckGRPC}, {"grpcs", zone.CheckGRPCS}, {"dns", zone.CheckDNS},
}

// maxChecks is how many an instance may have, as in the zone.
const maxChecks = 16

// checkOptions are the keys beside them; only those of a container have "port".
var checkOptions = []string{"interval", "timeout", "rise", "fall", "initial", "method", "host", "verify"}

// checkKey reports whether a key after "check." means something.
func checkKey(key string) bool {
	for _, k := range checkKinds {
		if k.key == key {
			return true
		}
	}
	return slices.Contains(checkOptions, key)
}

// check finds what is said of a check: of that of a port, or with a zero port of
// that of the container. An empty rollcall label says something too: gRPC and DNS
// can be asked for nothing in particular.
func (s *settings) check(p portKey, key string) value {
	legacy := "check_" + key
	if key == "initial" {
		legacy += "_status"
	}
	n := strconv.Itoa(int(p.number))
	own := []string{"check." + key}
	if p.number != 0 {
		own = []string{"port." + n + "/" + p.proto.String() + ".check." + key, "port." + n + ".check." + key}
		legacy = n + "_" + legacy
	}
	for _, k := range own {
		if text, ok := s.own[k]; ok {
			return value{text, "label " + ownPrefix + k}
		}
	}
	return s.find("", legacy)
}

// checks reads how a container with these ports is probed, all in all and at single
// ports. What is wrong is left out, and told.
func (b *builder) checks(ports []port) (common *zone.Check, byPort map[portKey]zone.Check) {
	b.checksOfNoPort(ports)
	byPort = map[portKey]zone.Check{}
	for _, p := range ports {
		if c, from, ok := b.check(p.portKey); ok {
			c.Port = strconv.Itoa(int(p.number))
			if b.checkFits(&c, from, ports) {
				byPort[p.portKey] = c
			}
		}
	}
	c, from, ok := b.check(portKey{})
	if !ok {
		return nil, byPort
	}
	c.Port = b.set.find("check.port", "").text
	if !b.checkFits(&c, from, ports) {
		return nil, byPort
	}
	at := inside(&c, ports)
	if _, own := byPort[at]; own {
		return nil, byPort
	}
	c.Port = strconv.Itoa(int(at.number))
	return &c, byPort
}

// checksOfNoPort tells of checks of ports that the container does not have.
func (b *builder) checksOfNoPort(ports []port) {
	for _, key := range slices.Sorted(maps.Keys(b.set.own)) {
		number, what, ok := cutPort(key)
		if !ok || !strings.HasPrefix(what, "check.") {
			continue
		}
		k, _ := parsePort(number)
		if !slices.ContainsFunc(ports, func(p port) bool { return p.number == k.number }) {
			b.fault(value{b.set.own[key], "label " + ownPrefix + key}.fault("is about a port that it does not have: expose it or name it, or use " + ownPrefix + "check.port"))
		}
	}
}

// check reads one check but for its port. From is where its kind was said.
func (b *builder) check(p portKey) (c zone.Check, from value, ok bool) {
	b.refusedChecks(p)
	c = zone.DefaultCheck
	for _, k := range checkKinds {
		v := b.set.check(p, k.key)
		switch {
		case !v.given():
		case ok:
			b.fault(v.fault("is left out: " + from.from + " says how it is checked"))
		default:
			c.Kind, c.Target, from, ok = k.kind, v.text, v, true
		}
	}
	if !ok {
		return c, from, false
	}
	legacy := !strings.Contains(from.from, ownPrefix)
	switch {
	case c.Kind == zone.CheckTCP, c.Kind == zone.CheckGRPC && legacy:
		c.Target = "" // any value will do
	}
	if c.Kind == zone.CheckGRPC && legacy && b.set.check(p, "grpc_use_tls").given() {
		c.Kind = zone.CheckGRPCS
	}
	b.checkTimes(p, &c)
	c.Method = strings.ToUpper(b.checkMethod(p, c.Kind).text)
	c.Host = b.checkOption(p, "host").text
	if v := b.checkOption(p, "verify"); v.given() {
		var err error
		if c.Verify, err = strconv.ParseBool(v.text); err != nil {
			b.fault(v.fault("must be true or false"))
		}
	}
	return c, from, true
}

// refusedChecks tells of checks of Registrator's that cannot be made.
func (b *builder) refusedChecks(p portKey) {
	for _, key := range []string{"script", "cmd", "ttl"} {
		if v := b.set.check(p, key); v.given() {
			reason := "is not honoured: nothing is run in a container; give it a HEALTHCHECK"
			if key == "ttl" {
				reason = "is not honoured: nobody renews it; give it another check or a HEALTHCHECK"
			}
			b.fault(v.fault(reason))
		}
	}
}

// checkOption finds what is said of one port's check, else of that of the container.
func (b *builder) checkOption(p portKey, key string) value {
	if p.number != 0 {
		if v := b.set.check(p, key); v.given() {
			return v
		}
	}
	return b.set.check(portKey{}, key)
}

// checkMethod finds the method of a check, which Registrator's names say of each kind.
func (b *builder) checkMethod(p portKey, k zone.CheckKind) value {
	if v := b.checkOption(p, "method"); v.given() || k != zone.CheckHTTP && k != zone.CheckHTTPS {
		return v
	}
	return b.checkOption(p, k.String()+"_method")
}

func (b *builder) checkTimes(p portKey, c *zone.Check) {
	duration := func(key string, into *time.Duration, least, most time.Duration) {
		v := b.checkOption(p, key)
		if !v.given() {
			return
		}
		d, err := time.ParseDuration(v.text)
		if err != nil || d < least || d > most {
			b.fault(v.fault(fmt.Sprintf("must be a time from %s to %s; it is %s", least, most, *into)))
			return
		}
		*into = d
	}
	times := func(key string, into *uint8) {
		v := b.checkOption(p, key)
		if !v.given() {
			return
		}
		n, err := strconv.ParseUint(v.text, 10, 8)
		if err != nil || n < 1 || n > 10 {
			b.fault(v.fault(fmt.Sprintf("must be from 1 to 10; it is %d", *into)))
			return
		}
		*into = uint8(n)
	}
	duration("interval", &c.Interval, time.Second, time.Hour)
	c.Timeout = min(c.Timeout, c.Interval)
	duration("timeout", &c.Timeout, 10*time.Millisecond, c.Interval)
	times("rise", &c.Rise)
	times("fall", &c.Fall)
	switch v := b.checkOption(p, "initial"); strings.ToLower(v.text) {
	case "", "starting", "critical", "warning": // the latter two are Consul's
	case "up", "passing":
		c.Initial = zone.Up
	default:
		b.fault(v.fault("must be starting or up"))
	}
}

// checkFits asks the zone whether it takes such a check of these ports.
func (b *builder) checkFits(c *zone.Check, from value, ports []port) bool {
	in := allPorts(ports)
	in.ID, in.Service, in.Checks = "x", "x", []zone.Check{*c}
	var f *zone.FieldError
	if !errors.As(in.Validate(), &f) {
		return true
	}
	what := "it"
	if part := strings.TrimPrefix(f.Field, "Checks[0]."); part != "Target" {
		what = "its " + strings.ToLower(part)
	}
	b.fault(from.fault("is left out: " + what + " " + f.Reason))
	return false
}

// inside is the port of the container that a check is about.
func inside(c *zone.Check, ports []port) portKey {
	in := allPorts(ports)
	at := in.Spots(c)[0]
	return portKey{at.Addr.Port(), at.Proto}
}

// allPorts is an instance with nothing but some ports.
func allPorts(ports []port) zone.Instance {
	list := make([]zone.Port, len(ports))
	for i, p := range ports {
		list[i] = zone.Port{Name: p.name, Number: p.number, Proto: p.proto}
	}
	return zone.Instance{Endpoints: []zone.Endpoint{{Addr: netip.IPv6Loopback(), Ports: list[:min(len(list), maxPorts)]}}}
}

// checksOf are those of an instance with some of the container's ports. The check of
// the container is that of each instance of it, as they stand or fall together.
func (b *builder) checksOf(in *zone.Instance, ports []port, common *zone.Check, byPort map[portKey]zone.Check) {
	if common != nil {
		in.Checks = []zone.Check{*common}
	}
	for _, p := range ports {
		if c, ok := byPort[p.portKey]; ok {
			in.Checks = append(in.Checks, c)
		}
	}
	kept := in.Checks[:0:0]
	for _, c := range in.Checks {
		if len(in.Spots(&c)) == 0 {
			b.fault(fmt.Errorf("its check over %s is left out: port %s is on no network that its label names, and not published", c.Kind, cmp.Or(c.Port, "of it")))
			continue
		}
		kept = append(kept, c)
	}
	if len(kept) > maxChecks {
		b.fault(fmt.Errorf("only %d of its %d checks are made", maxChecks, len(kept)))
		kept = kept[:maxChecks]
	}
	in.Checks = kept
}
