package docker

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/events"

	"github.com/rollcall-dns/rollcall/zone"
)

func TestSignalNumber(t *testing.T) {
	for text, want := range map[string]int{
		"SIGTERM": 15, "TERM": 15, "sigquit": 3, "9": 9, "SIGUSR1": 10, "WINCH": 28, "SIGSYS": 31,
		"SIGRTMIN": 34, "SIGRTMIN+3": 37, "RTMAX-1": 63, "SIGRTMAX": 64,
	} {
		if n, ok := signalNumber(text); !ok || n != want {
			t.Errorf("%s is %d, %v; want %d", text, n, ok, want)
		}
	}
	for _, text := range []string{"", "SIG", "0", "65", "-1", "SIGNONE", "RTMIN+31", "RTMAX+1", "RTMINx"} {
		if n, ok := signalNumber(text); ok {
			t.Errorf("%q is %d, want none", text, n)
		}
	}
}

func TestParseTags(t *testing.T) {
	for text, want := range map[string]string{
		"": "", ",, ,": "", "a": "a", " a , b,a": "a|b", `a\,b,c`: "a,b|c", `\,`: ",", `a\b`: `a\b`,
	} {
		if got := strings.Join(parseTags(text), "|"); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

func TestNamesBecomeLabels(t *testing.T) {
	for text, want := range map[string]string{
		"web": "web", "Web_1": "web_1", "_x-": "x", "a b": "a-b", "é": "", "a.b..c.": "a.b.c", "---": "", ".": "",
	} {
		if got := dotted(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

func TestEventsThatMatter(t *testing.T) {
	attrs := map[string]string{"container": "c9", "signal": "9"}
	at := time.Unix(0, 42)
	tests := []struct {
		kind   events.Type
		action events.Action
		want   string
	}{
		{"container", "start", "c1 started"},
		{"container", "die", "c1 ended"},
		{"container", "destroy", "c1 ended"},
		{"container", "kill", "c1 killed 9"},
		{"container", "pause", "c1 changed"},
		{"container", "unpause", "c1 changed"},
		{"container", "rename", "c1 changed"},
		{"container", "health_status: healthy", "c1 changed"},
		{"container", "create", ""},
		{"container", "stop", ""},
		{"container", "exec_start: /bin/true", ""},
		{"container", "exec_die", ""},
		{"container", "attach", ""},
		{"network", "connect", "c9 changed"},
		{"network", "disconnect", "c9 changed"},
		{"network", "create", " changed"},
		{"network", "destroy", " changed"},
		{"network", "update", ""},
		{"image", "pull", ""},
	}
	for _, tt := range tests {
		e, ok := eventOf(&events.Message{Type: tt.kind, Action: tt.action, Actor: events.Actor{ID: "c1", Attributes: attrs}, TimeNano: 42})
		got := ""
		if ok {
			got = e.container + " " + [...]string{changed: "changed", killed: "killed", started: "started", ended: "ended"}[e.what]
			if e.what == killed {
				got += fmt.Sprint(" ", e.signal)
			}
			if e.container == "c1" && !e.at.Equal(at) {
				t.Errorf("%s %s was at %s", tt.kind, tt.action, e.at)
			}
		}
		if got != tt.want {
			t.Errorf("%s %s means %q, want %q", tt.kind, tt.action, got, tt.want)
		}
	}
	if _, ok := eventOf(&events.Message{Type: "network", Action: "connect"}); ok {
		t.Error("a connection of nobody means something")
	}
}

func TestHintsAddUp(t *testing.T) {
	at := time.Unix(7, 0)
	tests := []struct {
		name   string
		events []event
		want   hint
	}{
		{"a death", []event{{what: ended, at: at}}, hint{look: true, fresh: true, gone: true, died: at}},
		{"a restart", []event{{what: killed, signal: 15}, {what: ended, at: at}, {what: started}}, hint{look: true, fresh: true}},
		{"only a signal", []event{{what: killed, signal: 1}}, hint{signals: 1}},
		{"two signals", []event{{what: killed, signal: 15}, {what: killed, signal: 1}}, hint{signals: 1<<14 | 1}},
		{"a change", []event{{what: changed}}, hint{look: true}},
		{"a change after a death", []event{{what: ended, at: at}, {what: changed}}, hint{look: true, fresh: true, gone: true, died: at}},
	}
	for _, tt := range tests {
		h := newHints()
		for _, e := range tt.events {
			e.container = "c1"
			h.add(e)
		}
		h.add(event{container: "c2"})
		<-h.wake
		order, byID, networks := h.take()
		if !slices.Equal(order, []string{"c1", "c2"}) || byID["c1"] != tt.want || networks {
			t.Errorf("%s: %v %+v %v", tt.name, order, byID["c1"], networks)
		}
	}
}

func TestAgendaAsksNothingTwiceAtATime(t *testing.T) {
	a := newAgenda()
	next := func() string {
		id, as, ok := a.peek()
		if !ok {
			return "nothing"
		}
		a.begin(id)
		if as == urgent {
			return id + "!"
		}
		return id
	}
	expect := func(want ...string) {
		t.Helper()
		for _, w := range want {
			if got := next(); got != w {
				t.Errorf("next is %s, want %s", got, w)
			}
		}
	}
	for _, id := range []string{"a", "b", "c", "a"} {
		a.add(id, routine)
	}
	a.add("b", urgent)
	a.add("b", urgent)
	a.add("b", routine)
	expect("b!", "a")
	a.add("a", routine)
	a.add("b", urgent)
	expect("c", "nothing")
	if !a.done("b") || !a.done("a") || a.done("c") {
		t.Error("what was wanted meanwhile is not asked again")
	}
	expect("b!", "a", "nothing") // a full look that asks again is no event
	a.done("a")
	a.done("b")
	expect("nothing")
	if len(a.waiting)+len(a.busy) > 0 || a.more() || a.flight != [ranks]int{} {
		t.Errorf("something is left: %+v", a)
	}
}

func TestWhatIsStuckLeavesInspectorsToOthers(t *testing.T) {
	a := newAgenda()
	var asked [ranks]int
	fill := func(as rank) {
		for i := range 2 * inspectors {
			a.add(fmt.Sprintf("%d-%d", as, i), as)
		}
		for {
			id, as, ok := a.peek()
			if !ok {
				return
			}
			a.begin(id)
			asked[as]++
		}
	}
	for _, as := range []rank{doubtful, routine, urgent} {
		fill(as)
	}
	if want := [ranks]int{doubtful: inspectors / 4, routine: inspectors / 2, urgent: inspectors / 4}; asked != want {
		t.Errorf("asked at the same time, by rank: %v, want %v", asked, want)
	}
	a.add("1-0", doubtful) // is being asked
	if !a.asking("1-0") || !a.done("1-0") {
		t.Error("what came while it was asked is forgotten")
	}
	if key, as, _ := a.peek(); as != urgent { // a place that becomes free is for those
		t.Errorf("next is %s of rank %d", key, as)
	}
}

func TestTwoNetworksOfOneName(t *testing.T) {
	nets := []network{{id: "aaaaaaaaaaaaaaaa", name: "x"}, {id: "bbbbbbbbbbbbbbbb", name: "x"}, {id: "c", name: "y"}}
	names := networkNames(nets)
	if names[nets[0].id] != "x@aaaaaaaaaaaa" || names[nets[1].id] != "x@bbbbbbbbbbbb" || names["c"] != "y" {
		t.Errorf("names are %v", names)
	}
	if before := networkNames(nets[1:]); !renames(before, names) || renames(names, names) || renames(nil, names) {
		t.Error("a new name is not noticed")
	}
}

func TestWhereTheHostAsksFrom(t *testing.T) {
	addrs := func(list ...string) (as []netip.Addr) {
		for _, s := range list {
			as = append(as, netip.MustParseAddr(s))
		}
		return as
	}
	prefixes := func(list ...string) (ps []netip.Prefix) {
		for _, s := range list {
			ps = append(ps, netip.MustParsePrefix(s))
		}
		return ps
	}
	nets := []network{
		{id: "0", name: "bridge", driver: "bridge", prefixes: prefixes("172.17.0.0/16"), gateways: addrs("172.17.0.1")},
		{id: "1", name: "six", driver: "bridge", prefixes: prefixes("fd00::/64"), gateways: addrs("fd00::1")},
		{id: "2", name: "lan", driver: "macvlan", prefixes: prefixes("192.0.2.0/24"), gateways: addrs("192.0.2.1")},
		{id: "3", name: "swarm", driver: "overlay", prefixes: prefixes("10.0.1.0/24"), gateways: addrs("10.0.1.1")},
		{id: "4", name: "host", driver: "host"},
	}
	own := addrs("127.0.0.1", "192.0.2.10", "172.17.0.1", "172.17.0.9", "10.0.1.5", "fe80::1", "2001:db8::10")
	tests := []struct {
		name  string
		local bool
		own   []netip.Addr
		want  zone.Attachment
	}{
		{"on this machine", true, own, zone.Attachment{Prefixes: prefixes(
			"127.0.0.0/8", "172.17.0.1/32", "192.0.2.10/32", "::1/128", "2001:db8::10/128", "fd00::1/128")}},
		{"elsewhere", false, nil, zone.Attachment{Prefixes: prefixes("172.17.0.1/32", "fd00::1/128")}},
	}
	for _, tt := range tests {
		tt.want.ID, tt.want.Networks = hostID, []string{"bridge", "six"}
		got := hostOf(nets, networkNames(nets), tt.own, tt.local)
		slices.SortFunc(tt.want.Prefixes, netip.Prefix.Compare)
		if !equalAttach(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}
