package docker

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/rollcall-dns/rollcall/zone"
)

const (
	ownPrefix    = "rollcall."
	legacyPrefix = "SERVICE_" // Registrator's

	composeProject = "com.docker.compose.project"
	composeService = "com.docker.compose.service"
	composeOneOff  = "com.docker.compose.oneoff"
)

// settings are what a container's labels and variables say to us. Keys are in
// lower case and without their prefix. A label wins over a variable, rollcall.*
// over SERVICE_*, and what is said of one port over what is said of all.
type settings struct {
	own    map[string]string // rollcall.* labels
	labels map[string]string // SERVICE_* labels
	env    map[string]string // SERVICE_* variables
}

// value is a setting with the label or variable it comes from, for messages. The
// zero value is one that nobody made.
type value struct{ text, from string }

func (v value) given() bool { return v.from != "" }

// fault says what is wrong with a setting.
func (v value) fault(reason string) error {
	return fmt.Errorf("%s %q %s", v.from, v.text, reason)
}

func settingsOf(c *container) settings {
	s := settings{own: map[string]string{}, labels: map[string]string{}, env: map[string]string{}}
	// In order, so that of two spellings of a key the same one always wins.
	for _, k := range slices.Sorted(maps.Keys(c.labels)) {
		if key, ok := strings.CutPrefix(k, ownPrefix); ok {
			s.own[strings.ToLower(key)] = c.labels[k]
		} else if key, ok := strings.CutPrefix(k, legacyPrefix); ok && c.labels[k] != "" {
			s.labels[strings.ToLower(key)] = c.labels[k]
		}
	}
	for _, kv := range c.env {
		k, v, _ := strings.Cut(kv, "=")
		if key, ok := strings.CutPrefix(k, legacyPrefix); ok && v != "" {
			s.env[strings.ToLower(key)] = v
		}
	}
	return s
}

// find gives rollcall.<own>, else SERVICE_<legacy> as label, else as variable.
// With legacy "" there is no such one.
func (s *settings) find(own, legacy string) value {
	if t := s.own[own]; t != "" {
		return value{t, "label " + ownPrefix + own}
	}
	if legacy == "" {
		return value{}
	}
	name := legacyPrefix + strings.ToUpper(legacy)
	if t := s.labels[legacy]; t != "" {
		return value{t, "label " + name}
	}
	if t := s.env[legacy]; t != "" {
		return value{t, "variable " + name}
	}
	return value{}
}

// port gives what is said of one port: rollcall.port.53/udp.<key>, then
// rollcall.port.53.<key>, then SERVICE_53_<key>.
func (s *settings) port(k portKey, key string) value {
	n := strconv.Itoa(int(k.number))
	if v := s.find("port."+n+"/"+k.proto.String()+"."+key, ""); v.given() {
		return v
	}
	return s.find("port."+n+"."+key, n+"_"+key)
}

// ignored reports whether a setting says to leave something out: the first of the
// labels rollcall.<own> that is there, else the SERVICE_ setting. Registrator
// takes any value of that as yes, even "false"; so does this.
func (s *settings) ignored(legacy value, own ...string) (yes bool, err error) {
	for _, key := range own {
		text, ok := s.own[key]
		if !ok {
			continue
		}
		switch strings.ToLower(text) {
		case "", "true", "1", "yes", "on":
			return true, nil
		case "false", "0", "no", "off":
			return false, nil
		}
		// To publish what was to be hidden is worse than to hide what was not.
		return true, value{text, "label " + ownPrefix + key}.fault("must be true or false; it is taken as true")
	}
	return legacy.given(), nil
}

// withDeclared adds the ports that labels give a name to: they are there even when
// no image exposes them. A variable declares none, because variables are often
// shared by containers that serve different things. A label that names no
// protocol speaks of the port as it is exposed, else of TCP.
func (s *settings) withDeclared(exposed []portKey) []portKey {
	ports := slices.Clone(exposed)
	declare := func(number string) {
		p, ok := parsePort(number)
		same := func(o portKey) bool { return o.number == p.number }
		if ok && (strings.Contains(number, "/") || !slices.ContainsFunc(exposed, same)) {
			ports = append(ports, p)
		}
	}
	for key, text := range s.own {
		if number, what, ok := cutPort(key); ok && what == "name" && text != "" {
			declare(number)
		}
	}
	for key := range s.labels {
		if number, what, _ := strings.Cut(key, "_"); what == "name" && !strings.Contains(number, "/") {
			declare(number)
		}
	}
	slices.SortFunc(ports, portKey.compare)
	return slices.Compact(ports)
}

// cutPort takes "port.53/udp.name" apart.
func cutPort(key string) (number, what string, ok bool) {
	if key, ok = strings.CutPrefix(key, "port."); !ok {
		return "", "", false
	}
	number, what, _ = strings.Cut(key, ".")
	_, ok = parsePort(number)
	return number, what, ok
}

// parsePort reads "53" or "53/udp".
func parsePort(s string) (portKey, bool) {
	number, proto, _ := strings.Cut(s, "/")
	n, err := strconv.ParseUint(number, 10, 16)
	pr, ok := zone.ParseProto(proto)
	return portKey{uint16(n), pr}, err == nil && n > 0 && ok
}

var (
	generalKeys = []string{"service", "host", "tags", "ttl", "priority", "weight", "network", "ignore", "fallback"}
	portKeys    = []string{"name", "alpn", "tags", "ignore"}
)

// unknown lists the rollcall.* labels that mean nothing: most are misspelt.
func (s *settings) unknown() (faults []error) {
	for _, key := range slices.Sorted(maps.Keys(s.own)) {
		_, what, isPort := cutPort(key)
		check, ofCheck := strings.CutPrefix(key, "check.")
		if isPort {
			check, ofCheck = strings.CutPrefix(what, "check.")
		}
		switch {
		case ofCheck && (checkKey(check) || check == "port" && !isPort):
		case slices.Contains(generalKeys, key), strings.HasPrefix(key, "meta."):
		case isPort && slices.Contains(portKeys, what):
		default:
			faults = append(faults, fmt.Errorf("label %s%s is unknown", ownPrefix, key))
		}
	}
	return faults
}

// parseTags reads a list with commas, in which "\," is a comma of a tag.
func parseTags(s string) (tags []string) {
	const comma = "\x00" // no label holds it: Docker passes C strings on
	known := map[string]bool{}
	for t := range strings.SplitSeq(strings.ReplaceAll(s, `\,`, comma), ",") {
		t = strings.TrimSpace(strings.ReplaceAll(t, comma, ","))
		if t != "" && !known[t] {
			known[t] = true
			tags = append(tags, t)
		}
	}
	return tags
}
