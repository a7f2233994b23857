package install

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"unicode/utf8"
)

// daemonJSON configures the Docker engine (dockerd(8)).
const daemonJSON = "/etc/docker/daemon.json"

// A member is one of a JSON object: where its key and its value are in the text.
type member struct {
	key        string
	start, end int // of the value
	lead       string
}

// setEngineDNS gives a daemon.json whose dns is the one server, and the servers that it
// was before. All else stays as it is written.
func setEngineDNS(text []byte, server netip.Addr) (out []byte, before []string, err error) {
	value := fmt.Sprintf("[%q]", server)
	if len(bytes.Trim(text, " \t\r\n")) == 0 { // newer engines take that for {}
		return []byte("{\n  \"dns\": " + value + "\n}\n"), nil, nil
	}
	members, end, err := membersOf(text)
	if err != nil {
		return nil, nil, err
	}
	for _, m := range members {
		if m.key != "dns" {
			continue
		}
		if err := json.Unmarshal(text[m.start:m.end], &before); err != nil {
			return nil, nil, fmt.Errorf("its dns is no list of addresses: %s", text[m.start:m.end])
		}
		if len(before) == 1 && before[0] == server.String() {
			return text, nil, nil
		}
		return splice(text, m.start, m.end, value), before, nil
	}
	if len(members) == 0 {
		return splice(text, end-1, end, "\n  \"dns\": "+value+"\n}"), nil, nil
	}
	last := members[len(members)-1]
	colon := ": "
	if last.lead == "" {
		colon = ":"
	}
	return splice(text, last.end, last.end, ","+last.lead+`"dns"`+colon+value), nil, nil
}

// splice replaces the octets from start to end.
func splice(text []byte, start, end int, with string) []byte {
	return bytes.Join([][]byte{text[:start], []byte(with), text[end:]}, nil)
}

// membersOf takes a JSON object apart, and gives the offset at which it ends. What is not
// quite JSON is refused: the engine would refuse it too, at its next start.
func membersOf(text []byte) (members []member, end int, err error) {
	if !utf8.Valid(text) || !json.Valid(text) {
		return nil, 0, notJSON(text)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if open, _ := d.Token(); open != json.Delim('{') {
		return nil, 0, errors.New("it is no JSON object")
	}
	after, seen := int(d.InputOffset()), make(map[string]bool)
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, 0, err
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return nil, 0, err
		}
		m := member{key: key.(string), end: int(d.InputOffset())}
		m.start = m.end - len(raw)
		m.lead = leadOf(text[after:m.start])
		if seen[m.key] {
			return nil, 0, fmt.Errorf("it has %q twice", m.key)
		}
		seen[m.key] = true
		members, after = append(members, m), m.end
	}
	if _, err := d.Token(); err != nil {
		return nil, 0, err
	}
	return members, int(d.InputOffset()), nil
}

// leadOf is the white space in front of a key, given what stands between the value
// before it, or the brace, and its own value.
func leadOf(between []byte) string {
	lead, _, _ := strings.Cut(string(between), `"`)
	if _, after, found := strings.Cut(lead, ","); found {
		return after
	}
	return lead
}

// notJSON says why a text is no JSON, and where.
func notJSON(text []byte) error {
	var syntax *json.SyntaxError
	if err := json.Unmarshal(text, new(json.RawMessage)); errors.As(err, &syntax) {
		line := 1 + bytes.Count(text[:min(int(syntax.Offset), len(text))], []byte("\n"))
		return fmt.Errorf("line %d is no JSON: %w", line, syntax)
	}
	return errors.New("it is not written in UTF-8")
}

// bridgeOf is the address at which containers on the default bridge reach the host: that
// of bip, that which the bridge has, or else the one that the engine takes if it is free.
func (t *tree) bridgeOf(text []byte) netip.Addr {
	var conf struct{ Bip string }
	if json.Unmarshal(text, &conf) == nil {
		if p, err := netip.ParsePrefix(conf.Bip); err == nil {
			return p.Addr()
		}
	}
	if bridge, err := net.InterfaceByName("docker0"); err == nil && t.root == "/" {
		addrs, _ := bridge.Addrs()
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is4() {
				return p.Addr()
			}
		}
	}
	return netip.AddrFrom4([4]byte{172, 17, 0, 1})
}

// hasEngine reports whether a host has a Docker engine, as far as its files tell.
func (t *tree) hasEngine() bool {
	return slices.ContainsFunc([]string{"/etc/docker", "/usr/bin/dockerd", "/usr/sbin/dockerd", "/usr/local/bin/dockerd",
		"/var/lib/docker", "/run/docker.sock"}, t.exists)
}

// engineFlags are where the options of the engine's command line are written, as Debian,
// Red Hat and systemd have them.
var engineFlags = []string{
	"/etc/default/docker", "/etc/sysconfig/docker",
	"/etc/systemd/system/docker.service", "/lib/systemd/system/docker.service", "/usr/lib/systemd/system/docker.service",
}

// engineFlagsDir holds further such files.
const engineFlagsDir = "/etc/systemd/system/docker.service.d"

// dnsFlag gives the file in which the engine is given --dns, if there is one: with dns in
// daemon.json as well it would not start.
func (t *tree) dnsFlag() (string, error) {
	more, err := t.list(engineFlagsDir)
	if err != nil {
		return "", err
	}
	for _, name := range append(more, engineFlags...) {
		text, err := t.text(name)
		if err != nil {
			return "", err
		}
		if hasDNSFlag(string(text)) {
			return name, nil
		}
	}
	return "", nil
}

func hasDNSFlag(text string) bool {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		for _, word := range strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" \t\r\n\"'=", r) }) {
			if word == "--dns" {
				return true
			}
		}
	}
	return false
}
