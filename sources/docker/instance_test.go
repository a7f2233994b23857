package docker

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	api "github.com/docker/docker/api/types/container"

	"github.com/rollcall-dns/rollcall/zone"
)

// testScene is a host with an address of each family and two networks.
var testScene = scene{
	advertise: []netip.Addr{netip.MustParseAddr("192.0.2.10"), netip.MustParseAddr("2001:db8::10")},
	names:     map[string]string{"n1": "shop_default", "n2": "backend", "n0": "bridge"},
}

// bridge is the network part of an inspection on the default bridge.
const bridge = `"Networks":{"bridge":{"NetworkID":"n0","IPAddress":"172.17.0.2"}}`

// decoded reads an inspection; what most tests do not care about is filled in.
func decoded(t *testing.T, text string) *container {
	t.Helper()
	raw := api.InspectResponse{}
	if err := json.Unmarshal([]byte(`{"Id":"c1","Name":"/web1","State":{"Running":true,"StartedAt":"2026-01-02T03:04:05Z"}}`), &raw); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(text), &raw); err != nil {
		t.Fatal(err)
	}
	c, err := containerOf(&raw)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// written is what a container came to, one line for each instance and endpoint.
func written(out outcome) string {
	var b strings.Builder
	for _, in := range out.instances {
		fmt.Fprintf(&b, "%s %s", in.ID, in.Service)
		for _, a := range in.Aliases {
			fmt.Fprintf(&b, " aka %s", a)
		}
		fmt.Fprintf(&b, " host=%s %s", in.Host, in.State)
		if in.Reason != "" {
			fmt.Fprintf(&b, " (%s)", in.Reason)
		}
		if in.Fallback != zone.FallbackNone {
			fmt.Fprintf(&b, " fallback=%s", in.Fallback)
		}
		if len(in.Tags) > 0 {
			fmt.Fprintf(&b, " tags=%s", strings.Join(in.Tags, "|"))
		}
		if in.TTL != 0 || in.Priority != 0 || in.Weight != 0 {
			fmt.Fprintf(&b, " ttl=%s prio=%d weight=%d", in.TTL, in.Priority, in.Weight)
		}
		for k, v := range in.Meta {
			fmt.Fprintf(&b, " %s=%s", k, v)
		}
		b.WriteByte('\n')
		for _, e := range in.Endpoints {
			fmt.Fprintf(&b, "  %s@%s", e.Addr, e.Network)
			for _, p := range e.Ports {
				fmt.Fprintf(&b, " %d", p.Number)
				if p.Known != 0 {
					fmt.Fprintf(&b, "=%d", p.Known)
				}
				fmt.Fprintf(&b, "/%s", p.Proto)
				if p.Name != "" {
					fmt.Fprintf(&b, ":%s", p.Name)
				}
				if ids := p.ALPN.Protocols(); ids != nil {
					fmt.Fprintf(&b, "(%s)", strings.Join(ids, ","))
				}
			}
			b.WriteByte('\n')
		}
		for _, c := range in.Checks {
			fmt.Fprintf(&b, "  check %s %s :%s %s/%s %d/%d %s", c.Kind, c.Target, c.Port, c.Interval, c.Timeout, c.Rise, c.Fall, c.Initial)
			if c.Host != "" {
				fmt.Fprintf(&b, " host=%s verify=%v", c.Host, c.Verify)
			}
			if c.Method != "" {
				fmt.Fprintf(&b, " method=%s", c.Method)
			}
			b.WriteByte('\n')
		}
	}
	if out.problem != nil {
		fmt.Fprintf(&b, "! %s\n", out.problem)
	}
	return b.String()
}

func TestInstanceOf(t *testing.T) {
	tests := []struct{ name, inspect, want string }{
		{"default bridge, nothing said", `{
			"HostConfig":{"NetworkMode":"default"},
			"Config":{"ExposedPorts":{"80/tcp":{},"53/udp":{}}},
			"NetworkSettings":{"Ports":{"80/tcp":null,"53/udp":null},` + bridge + `}}`, `
c1 web1 host=web1 up
  172.17.0.2@bridge 53/udp 80/tcp
`},
		{"compose, published for both families", `{"Name":"/shop-web-1",
			"HostConfig":{"NetworkMode":"shop_default"},
			"Config":{"ExposedPorts":{"80/tcp":{},"443/tcp":{}},"Labels":{
				"com.docker.compose.project":"shop","com.docker.compose.service":"web","com.docker.compose.oneoff":"False"}},
			"NetworkSettings":{
				"Ports":{"80/tcp":[{"HostIp":"0.0.0.0","HostPort":"32768"},{"HostIp":"::","HostPort":"32769"}],"443/tcp":null},
				"Networks":{"shop_default":{"NetworkID":"n1","IPAddress":"172.20.0.3","GlobalIPv6Address":"fd00::3"}}}}`, `
c1 web.shop aka web host=shop-web-1 up
  172.20.0.3@shop_default 80/tcp 443/tcp
  fd00::3@shop_default 80/tcp 443/tcp
  192.0.2.10@ 32768=80/tcp
  2001:db8::10@ 32769=80/tcp
`},
		{"several networks: default route first, then by name", `{
			"NetworkSettings":{"Networks":{
				"zeta":{"NetworkID":"nz","IPAddress":"172.30.0.2","GwPriority":1},
				"backend":{"NetworkID":"n2","IPAddress":"172.21.0.2"},
				"alpha":{"NetworkID":"na","GlobalIPv6Address":"fd01::2"}}}}`, `
c1 web1 host=web1 up
  172.30.0.2@zeta
  fd01::2@alpha
  172.21.0.2@backend
`},
		{"network chosen by label", `{
			"Config":{"Labels":{"rollcall.network":"backend"}},
			"NetworkSettings":{"Networks":{
				"shop_default":{"NetworkID":"n1","IPAddress":"172.20.0.2"},
				"backend":{"NetworkID":"n2","IPAddress":"172.21.0.2"}}}}`, `
c1 web1 host=web1 up
  172.21.0.2@backend
`},
		{"network chosen that it is not on", `{
			"Config":{"Labels":{"rollcall.network":"backend"}},"NetworkSettings":{` + bridge + `}}`, `
! container web1: label rollcall.network "backend" is not a network of this container; it has no address on the network that its label names, and publishes no port for others
`},
		{"host network: exposed and declared ports at the host's addresses", `{
			"HostConfig":{"NetworkMode":"host"},
			"Config":{"ExposedPorts":{"80/tcp":{}},"Labels":{"rollcall.port.9090.name":"metrics","SERVICE_7000_NAME":"x","rollcall.port.7000/udp.name":"y"}},
			"NetworkSettings":{"Networks":{"host":{"NetworkID":"nh","IPAddress":""}}}}`, `
c1 web1 host=web1 up
  192.0.2.10@ 80/tcp 7000/tcp:x 7000/udp:y 9090/tcp:metrics
  2001:db8::10@ 80/tcp 7000/tcp:x 7000/udp:y 9090/tcp:metrics
`},
		{"no network", `{"HostConfig":{"NetworkMode":"none"},"NetworkSettings":{"Networks":{"none":{"NetworkID":"nn"}}}}`, `
! container web1: it has no network: its network mode is none
`},
		{"published on one address, on the loopback, on any, in a range", `{
			"NetworkSettings":{"Ports":{
				"80/tcp":[{"HostIp":"198.51.100.7","HostPort":"8080"},{"HostIp":"127.0.0.1","HostPort":"8081"}],
				"81/tcp":[{"HostIp":"","HostPort":"9001"}],
				"82/tcp":[{"HostIp":"127.0.0.1","HostPort":"9002"}]},` + bridge + `}}`, `
c1 web1 host=web1 up
  172.17.0.2@bridge 80/tcp 81/tcp 82/tcp
  192.0.2.10@ 9001=81/tcp
  198.51.100.7@ 8080=80/tcp
  2001:db8::10@ 9001=81/tcp
`},
		{"published twice", `{
			"NetworkSettings":{"Ports":{"80/tcp":[{"HostIp":"0.0.0.0","HostPort":"8080"},{"HostIp":"0.0.0.0","HostPort":"8081"}]},` + bridge + `}}`, `
c1 web1 host=web1 up
  172.17.0.2@bridge 80/tcp
  192.0.2.10@ 8080=80/tcp 8081=80/tcp
`},
		{"health check is starting", `{"State":{"Health":{"Status":"starting"}},"NetworkSettings":{` + bridge + `}}`, `
c1 web1 host=web1 starting (its health check has not passed yet)
  172.17.0.2@bridge
`},
		{"healthy", `{"State":{"Health":{"Status":"healthy"}},"NetworkSettings":{` + bridge + `}}`, `
c1 web1 host=web1 up
  172.17.0.2@bridge
`},
		{"unhealthy", `{"State":{"Health":{"Status":"unhealthy"}},"NetworkSettings":{` + bridge + `}}`, `
c1 web1 host=web1 down (its health check fails)
  172.17.0.2@bridge
`},
		{"no health check", `{"State":{"Health":{"Status":"none"}},"NetworkSettings":{` + bridge + `}}`, `
c1 web1 host=web1 up
  172.17.0.2@bridge
`},
		{"paused", `{"State":{"Paused":true,"Health":{"Status":"healthy"}},"NetworkSettings":{` + bridge + `}}`, `
c1 web1 host=web1 down (paused)
  172.17.0.2@bridge
`},
		{"all rollcall labels", `{
			"Config":{"ExposedPorts":{"8080/tcp":{},"9000/tcp":{}},"Labels":{
				"rollcall.service":"api.shop","rollcall.host":"one","rollcall.tags":"v2, eu,v2","rollcall.ttl":"30s",
				"rollcall.priority":"10","rollcall.weight":"20","rollcall.meta.version":"2.1",
				"rollcall.port.8080.name":"http","rollcall.port.9000.ignore":"true"}},
			"NetworkSettings":{` + bridge + `}}`, `
c1 api.shop host=one up tags=v2|eu ttl=30s prio=10 weight=20 version=2.1
  172.17.0.2@bridge 8080/tcp:http
`},
		{"Registrator's labels and variables: label over variable, port over all", `{
			"Config":{"ExposedPorts":{"80/tcp":{},"81/tcp":{},"82/tcp":{}},
				"Env":["SERVICE_NAME=fromenv","SERVICE_80_NAME=www","SERVICE_TAGS=a\\,b,c","SERVICE_81_TAGS=x,y","SERVICE_82_IGNORE=false","SERVICE_4000_NAME=nothing"],
				"Labels":{"SERVICE_NAME":"fromlabel","SERVICE_81_NAME":"admin"}},
			"NetworkSettings":{` + bridge + `}}`, `
c1:81/tcp fromlabel host=web1-81 up tags=x|y
  172.17.0.2@bridge 81/tcp:admin
c1 fromlabel host=web1 up tags=a,b|c
  172.17.0.2@bridge 80/tcp:www
`},
		{"rollcall over SERVICE_", `{
			"Config":{"ExposedPorts":{"80/tcp":{}},"Labels":{"SERVICE_NAME":"old","rollcall.service":"new","SERVICE_IGNORE":"1","rollcall.ignore":"false",
				"SERVICE_80_NAME":"old","rollcall.port.80.name":"http","rollcall.port.80/tcp.name":"exact"}},
			"NetworkSettings":{` + bridge + `}}`, `
c1 new host=web1 up
  172.17.0.2@bridge 80/tcp:exact
`},
		{"the only port has tags of its own", `{
			"Config":{"ExposedPorts":{"53/udp":{}},"Labels":{"SERVICE_53_TAGS":"v1"}},
			"NetworkSettings":{"Ports":{"53/udp":[{"HostIp":"0.0.0.0","HostPort":"5353"}]},` + bridge + `}}`, `
c1:53/udp web1 host=web1-53-udp up tags=v1
  172.17.0.2@bridge 53/udp
  192.0.2.10@ 5353=53/udp
`},
		{"ignored", `{"Config":{"Labels":{"SERVICE_IGNORE":"false"}},"NetworkSettings":{` + bridge + `}}`, `
! container web1: ignored: a label or variable says so
`},
		{"ignored by a label without value", `{"Config":{"Labels":{"rollcall.ignore":""}},"NetworkSettings":{` + bridge + `}}`, `
! container web1: ignored: a label or variable says so
`},
		{"compose run", `{"Config":{"Labels":{"com.docker.compose.oneoff":"True"}},"NetworkSettings":{` + bridge + `}}`, `
! container web1: ignored: compose runs it once; the label rollcall.ignore=false registers it
`},
		{"compose run that is wanted", `{"Config":{"Labels":{"com.docker.compose.oneoff":"True","rollcall.ignore":"no"}},"NetworkSettings":{` + bridge + `}}`, `
c1 web1 host=web1 up
  172.17.0.2@bridge
`},
		{"bad labels: what is good is used", `{
			"Config":{"ExposedPorts":{"80/tcp":{}},"Labels":{
				"rollcall.ttl":"soon","rollcall.weight":"-1","rollcall.wieght":"1","rollcall.port.80.name":"a b","rollcall.tags":"v1",
				"rollcall.port.x.name":"y"}},
			"NetworkSettings":{` + bridge + `}}`, `
c1 web1 host=web1 up tags=v1
  172.17.0.2@bridge 80/tcp
! container web1: label rollcall.port.x.name is unknown; label rollcall.wieght is unknown; label rollcall.ttl "soon" must be a time of 1s or more, such as 30s; label rollcall.weight "-1" must be 0 to 65535; label rollcall.port.80.name "a b" must be 1 to 62 letters, digits, "-" and "_" with at least one letter, beginning and ending with a letter or digit
`},
		{"protocols of a port, wherever it is reached", `{
			"Config":{"ExposedPorts":{"443/tcp":{},"443/udp":{},"444/tcp":{}},"Labels":{
				"rollcall.port.443/tcp.alpn":"h2, http/1.1","rollcall.port.443/udp.alpn":"h3","rollcall.port.444.alpn":"h2,,"}},
			"NetworkSettings":{"Ports":{"443/tcp":[{"HostIp":"0.0.0.0","HostPort":"8443"}]},` + bridge + `}}`, `
c1 web1 host=web1 up
  172.17.0.2@bridge 443/tcp(h2,http/1.1) 443/udp(h3) 444/tcp
  192.0.2.10@ 8443=443/tcp(h2,http/1.1)
! container web1: label rollcall.port.444.alpn "h2,," ` + zone.ALPNRule + `
`},
		{"a name that DNS does not know", `{"Config":{"Labels":{"SERVICE_NAME":"My Büro_1"}},"NetworkSettings":{` + bridge + `}}`, `
c1 my-b-ro_1 host=web1 up
  172.17.0.2@bridge
! container web1: label SERVICE_NAME "My Büro_1" is used as "my-b-ro_1"
`},
		{"a name of which nothing is left: the next best", `{"Config":{"Env":["SERVICE_NAME=***"]},"NetworkSettings":{` + bridge + `}}`, `
c1 web1 host=web1 up
  172.17.0.2@bridge
! container web1: variable SERVICE_NAME "***" is no name for a service: it has no letter or digit
`},
		{"container name with dots, dash at the end", `{"Name":"/web.1.x-","NetworkSettings":{` + bridge + `}}`, `
c1 web.1.x host=web-1-x up
  172.17.0.2@bridge
`},
		{"container name that is too long for a label", `{"Name":"/` + strings.Repeat("a", 70) + `","NetworkSettings":{` + bridge + `}}`, `
! container ` + strings.Repeat("a", 70) + `: its name makes no name for a service: give it a label rollcall.service
`},
		{"the reserved label", `{"Name":"/tag.x","Config":{"Labels":{"rollcall.host":"tag"}},"NetworkSettings":{` + bridge + `}}`, `
c1 tag-x host=tag-x up
  172.17.0.2@bridge
! container tag.x: label rollcall.host "tag" is no host: it must not be "tag": tags are found there
`},
		{"addresses nobody can parse", `{
			"NetworkSettings":{"Ports":{"80/tcp":[{"HostIp":"here","HostPort":"1"},{"HostIp":"0.0.0.0","HostPort":"x"}],"http/tcp":null},
			"Networks":{"bridge":{"NetworkID":"n0","IPAddress":"nowhere"},"other":null}}}`, `
! container web1: it has no address
`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := written(instanceOf(decoded(t, tt.inspect), &testScene))
			if want := strings.TrimPrefix(tt.want, "\n"); got != want {
				t.Errorf("got\n%swant\n%s", got, want)
			}
		})
	}
}

func TestInstanceOfASharedNetwork(t *testing.T) {
	const owner = `{"Id":"c0","Name":"/vpn","HostConfig":{"NetworkMode":"default"},
		"NetworkSettings":{"Ports":{"80/tcp":[{"HostIp":"0.0.0.0","HostPort":"8080"}],"81/tcp":null},` + bridge + `}}`
	const sharer = `{"HostConfig":{"NetworkMode":"container:c0"},"Config":{"ExposedPorts":{"80/tcp":{}}},"NetworkSettings":{}}`
	tests := []struct {
		name  string
		owner func(t *testing.T) *container
		want  string
	}{
		{"its own ports at the owner's addresses", func(t *testing.T) *container { return decoded(t, owner) }, `
c1 web1 host=web1 up
  172.17.0.2@bridge 80/tcp
  192.0.2.10@ 8080=80/tcp
`},
		{"the owner is gone", func(*testing.T) *container { return nil }, `
! container web1: it shares the network of a container that does not exist any more
`},
		{"the owner stands still", func(t *testing.T) *container {
			c := decoded(t, owner)
			c.running = false
			return c
		}, `
! container web1: it shares the network of vpn, which is not running
`},
		{"the owner was restarted", func(t *testing.T) *container {
			c := decoded(t, owner)
			c.started = c.started.Add(1)
			return c
		}, `
c1 web1 host=web1 down (the container vpn, whose network it shares, was restarted after it: restart this one too)
  172.17.0.2@bridge 80/tcp
  192.0.2.10@ 8080=80/tcp
`},
		{"the owner is on the host's network", func(t *testing.T) *container {
			c := decoded(t, owner)
			c.mode, c.seats, c.published, c.started = "host", nil, nil, c.started.Add(1)
			return c
		}, `
c1 web1 host=web1 up
  192.0.2.10@ 80/tcp
  2001:db8::10@ 80/tcp
`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := decoded(t, sharer)
			c.owner, c.shares = tt.owner(t), []string{"c0"}
			out := instanceOf(c, &testScene)
			if got, want := written(out), strings.TrimPrefix(tt.want, "\n"); got != want {
				t.Errorf("got\n%swant\n%s", got, want)
			}
			if len(out.attach.Prefixes) > 0 {
				t.Errorf("it has the address %s of its own", out.attach.Prefixes)
			}
		})
	}
}

func TestIgnoredContainersAreOnTheirNetworks(t *testing.T) {
	out := instanceOf(decoded(t, `{"Config":{"Labels":{"rollcall.ignore":""}},"NetworkSettings":{"Networks":{
		"shop_default":{"NetworkID":"n1","IPAddress":"172.20.0.2","GlobalIPv6Address":"fd00::2"},
		"backend":{"NetworkID":"n2","IPAddress":"172.21.0.2"},
		"starting":{"NetworkID":"n3"}}}}`), &testScene)
	if got, want := fmt.Sprint(out.attach), "{c1 [172.21.0.2/32 172.20.0.2/32 fd00::2/128] [backend shop_default]}"; got != want {
		t.Errorf("attachment is %s, want %s", got, want)
	}
}

// Whatever a container asks for, the zone takes what it comes to.
func TestLimitsAreThoseOfTheZone(t *testing.T) {
	c := decoded(t, `{"NetworkSettings":{`+bridge+`}}`)
	for n := range 3000 {
		k := portKey{uint16(n + 1), zone.TCP}
		c.exposed = append(c.exposed, k)
		c.published[k] = []binding{{netip.Addr{}, uint16(n + 1)}}
	}
	c.labels = map[string]string{"rollcall.tags": strings.Repeat("t", 300) + "," + numbered("t", 100)}
	for n := range 100 {
		c.labels[fmt.Sprintf("rollcall.meta.k%d", n)] = "v"
		c.seats = append(c.seats, seat{fmt.Sprint(n), fmt.Sprint(n), []netip.Addr{netip.AddrFrom4([4]byte{10, 0, 0, byte(n)})}, 0})
	}
	out := instanceOf(c, &testScene)
	if len(out.instances) != 1 {
		t.Fatalf("%d instances: %v", len(out.instances), out.problem)
	}
	in := out.instances[0]
	if err := in.Validate(); err != nil {
		t.Error(err)
	}
	if len(in.Endpoints) != maxEndpoints || len(in.Tags) != 64 || len(in.Meta) != 0 {
		t.Errorf("%d endpoints, %d tags, %d keys", len(in.Endpoints), len(in.Tags), len(in.Meta))
	}
	if n := len(in.Endpoints[0].Ports); n != maxPorts/maxEndpoints {
		t.Errorf("%d ports", n)
	}
	over := zone.Instance{ID: "x", Service: "x", Endpoints: make([]zone.Endpoint, maxEndpoints)}
	for i := range over.Endpoints {
		over.Endpoints[i] = in.Endpoints[0]
	}
	if err := over.Validate(); err != nil {
		t.Errorf("the zone takes less than %d endpoints with %d ports: %v", maxEndpoints, maxPorts, err)
	}
}

func numbered(prefix string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%s%d,", prefix, i)
	}
	return b.String()
}

// An answer of an engine is decoded outside of the goroutine of Run, where a panic
// would end the program.
func FuzzContainerOf(f *testing.F) {
	f.Add(`{"Id":"c1","State":{"Health":null},"HostConfig":{"NetworkMode":"container:"},"NetworkSettings":{"Networks":{"a":null}}}`)
	f.Add(`{"Id":"c1","State":{"Running":true},"Config":{"StopSignal":"RTMIN+","StopTimeout":-1,"ExposedPorts":{"/":{}}},"NetworkSettings":{"Ports":{"1":[{"HostPort":"0"}]}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		var raw api.InspectResponse
		if json.Unmarshal([]byte(text), &raw) != nil {
			return
		}
		if c, err := containerOf(&raw); err == nil {
			instanceOf(c, &testScene)
		}
	})
}

func FuzzInstanceOf(f *testing.F) {
	f.Add("web1", "SERVICE_NAME", "a.b", "80/tcp", "0.0.0.0", "8080")
	f.Add("", "rollcall.port.80.tags", `a\,b,,`, "80/udp", "::1", "")
	f.Fuzz(func(t *testing.T, name, key, text, exposed, hostIP, hostPort string) {
		raw, err := json.Marshal(map[string]any{
			"Name":   name,
			"Config": map[string]any{"Labels": map[string]string{key: text}, "Env": []string{key + "=" + text}},
			"NetworkSettings": map[string]any{
				"Ports":    map[string]any{exposed: []map[string]string{{"HostIp": hostIP, "HostPort": hostPort}}},
				"Networks": map[string]any{"n": map[string]string{"NetworkID": "n", "IPAddress": "10.0.0.1", "GlobalIPv6Address": hostIP}},
			},
		})
		if err != nil {
			t.Skip()
		}
		out := instanceOf(decoded(t, string(raw)), &testScene)
		for _, in := range out.instances {
			if err := in.Validate(); err != nil {
				t.Errorf("%s: %v", raw, err)
			}
		}
		if len(out.instances) == 0 && out.problem == nil {
			t.Errorf("%s: no instance, and no reason", raw)
		}
	})
}

// What no endpoint is left of is left out alone.
func TestInstancesOfOneContainerStandForThemselves(t *testing.T) {
	tests := []struct{ name, text, want, problem string }{
		{"the common one has a published port",
			`{"Config":{"Labels":{"rollcall.network":"other","rollcall.port.79.tags":"x"},"ExposedPorts":{"79/tcp":{}}},
			  "NetworkSettings":{` + bridge + `,"Ports":{"80/tcp":[{"HostIp":"192.0.2.7","HostPort":"8080"}]}}}`,
			"c1", "1 of its 2 instances are left out"},
		{"the tagged one has a published port",
			`{"Config":{"Labels":{"rollcall.network":"other","rollcall.port.81.tags":"x"},"ExposedPorts":{"79/tcp":{}}},
			  "NetworkSettings":{` + bridge + `,"Ports":{"81/tcp":[{"HostIp":"192.0.2.7","HostPort":"8080"}]}}}`,
			"c1:81/tcp", "1 of its 2 instances are left out"},
	}
	for _, tt := range tests {
		out := instanceOf(decoded(t, tt.text), &testScene)
		if len(out.instances) != 1 || out.instances[0].ID != tt.want || len(out.instances[0].Endpoints) != 1 ||
			out.problem == nil || !strings.Contains(out.problem.Error(), tt.problem) {
			t.Errorf("%s: %+v, %v", tt.name, out.instances, out.problem)
		}
	}
}

// A reason that comes in another order would be news each time.
func TestReasonsComeInOneOrder(t *testing.T) {
	labels := map[string]string{}
	for i := range 20 {
		labels[fmt.Sprint("rollcall.meta.k", i)] = strings.Repeat("x", 300)
	}
	text, err := json.Marshal(map[string]any{"Config": map[string]any{"Labels": labels}})
	if err != nil {
		t.Fatal(err)
	}
	first := instanceOf(decoded(t, string(text)), &testScene).problem.Error()
	for range 20 {
		if got := instanceOf(decoded(t, string(text)), &testScene).problem.Error(); got != first {
			t.Fatalf("first %s\nthen %s", first, got)
		}
	}
}
