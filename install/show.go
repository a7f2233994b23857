package install

import (
	"fmt"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
)

// Diff shows the plan as a unified difference.
func (p *Plan) Diff() string {
	var out strings.Builder
	for _, s := range p.steps {
		for _, l := range []struct {
			e    entry
			form string
		}{{s.was, "%s is a symbolic link to %s\n"}, {s.to, "%s becomes a symbolic link to %s\n"}} {
			if l.e.Kind == link {
				fmt.Fprintf(&out, l.form, s.path, l.e.Target)
			}
		}
		out.Write(diff.Diff(shownName(s.path, s.was), s.was.Data, shownName(s.path, s.to), s.to.Data))
	}
	return out.String()
}

func shownName(path string, e entry) string {
	if e.Kind != file {
		return "/dev/null"
	}
	return path
}

// Next says what is to be done by whoever has the plan carried out.
func (p *Plan) Next() (lines []string) {
	if len(p.asked) > 0 {
		start := "rollcall serve"
		for _, a := range p.asked {
			start += " --dns " + a.String()
		}
		for _, a := range p.upstreams {
			start += " --upstream " + a.String()
		}
		lines = append(lines, start)
	}
	for _, s := range p.steps {
		lines = append(lines, restart[s.path])
	}
	return lines
}

// restart says how a file comes to be read.
var restart = map[string]string{
	resolvedDropIn: "systemctl restart systemd-resolved",
	dnsmasqDropIn:  "systemctl restart dnsmasq  # it must read /etc/dnsmasq.d (conf-dir)",
	daemonJSON:     "systemctl restart docker  # containers have the change when they start",
	resolvConf:     "# see that nothing else writes " + resolvConf + ": DHCP, NetworkManager; restart programs that keep it",
}
