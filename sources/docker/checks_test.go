package docker

import (
	"fmt"
	"strings"
	"testing"
)

func TestChecksOfLabelsAndVariables(t *testing.T) {
	const head = "c1 web1 host=web1 up\n  172.17.0.2@bridge 53/udp:dns 80/tcp 443/tcp 9000/tcp\n"
	tests := []struct{ name, labels, env, want string }{
		{"over HTTP, with defaults", `"rollcall.check.http":"/health"`, ``, head +
			"  check http /health :80 10s/2s 1/3 starting\n"},
		{"with everything", `"rollcall.check.https":"/","rollcall.check.interval":"1m","rollcall.check.timeout":"5s","rollcall.check.rise":"2","rollcall.check.fall":"4","rollcall.check.initial":"up","rollcall.check.host":"shop.example","rollcall.check.verify":"true","rollcall.check.port":"https"`, ``, head +
			"  check https / :443 1m0s/5s 2/4 up host=shop.example verify=true\n"},
		{"TCP at a number that is not exposed", `"rollcall.check.tcp":"true","rollcall.check.port":"7000"`, ``, head +
			"  check tcp  :7000 10s/2s 1/3 starting\n"},
		{"DNS at its port, for any answer", `"rollcall.check.dns":""`, ``, head +
			"  check dns  :53 10s/2s 1/3 starting\n"},
		{"gRPC, whole server", `"rollcall.check.grpc":""`, ``, head +
			"  check grpc  :80 10s/2s 1/3 starting\n"},
		{"of a port, with options of the container", `"rollcall.port.9000.check.grpc":"shop","rollcall.check.interval":"3s","rollcall.port.9000.check.fall":"1"`, ``, head +
			"  check grpc shop :9000 3s/2s 1/1 starting\n"},
		{"of the container and of a port", `"rollcall.check.http":"/","rollcall.port.9000/tcp.check.tcp":"true"`, ``, head +
			"  check http / :80 10s/2s 1/3 starting\n  check tcp  :9000 10s/2s 1/3 starting\n"},
		{"that of the port wins", `"rollcall.check.http":"/","rollcall.port.80.check.http":"/80"`, ``, head +
			"  check http /80 :80 10s/2s 1/3 starting\n"},
		{"Registrator's", `"SERVICE_CHECK_HTTP":"/ok","SERVICE_CHECK_INTERVAL":"15s","SERVICE_CHECK_TIMEOUT":"1s","SERVICE_CHECK_INITIAL_STATUS":"passing"`, ``, head +
			"  check http /ok :80 15s/1s 1/3 up\n"},
		{"Registrator's of a port, as variables", ``, `"SERVICE_443_CHECK_HTTPS=/ok","SERVICE_CHECK_INTERVAL=15s","SERVICE_443_CHECK_TIMEOUT=1s"`, head +
			"  check https /ok :443 15s/1s 1/3 starting\n"},
		{"Registrator's gRPC", ``, `"SERVICE_CHECK_GRPC=true","SERVICE_CHECK_GRPC_USE_TLS=true","SERVICE_CHECK_TLS_SKIP_VERIFY=true","SERVICE_CHECK_DEREGISTER_AFTER=1m"`, head +
			"  check grpcs  :80 10s/2s 1/3 starting\n"},
		{"ours win over Registrator's", `"rollcall.check.http":"/ours"`, `"SERVICE_CHECK_HTTP=/theirs"`, head +
			"  check http /ours :80 10s/2s 1/3 starting\n"},
		{"what cannot be honoured", ``, `"SERVICE_CHECK_SCRIPT=curl $SERVICE_IP","SERVICE_CHECK_CMD=/check.sh","SERVICE_CHECK_TTL=30s"`, head +
			`! container web1: variable SERVICE_CHECK_SCRIPT "curl $SERVICE_IP" is not honoured: nothing is run in a container; give it a HEALTHCHECK; ` +
			`variable SERVICE_CHECK_CMD "/check.sh" is not honoured: nothing is run in a container; give it a HEALTHCHECK; ` +
			`variable SERVICE_CHECK_TTL "30s" is not honoured: nobody renews it; give it another check or a HEALTHCHECK` + "\n"},
		{"another method", `"rollcall.check.http":"/","rollcall.check.method":"options"`, ``, head +
			"  check http / :80 10s/2s 1/3 starting method=OPTIONS\n"},
		{"Registrator's methods, one for each protocol", ``, `"SERVICE_80_CHECK_HTTP=/","SERVICE_443_CHECK_HTTPS=/","SERVICE_CHECK_HTTP_METHOD=head","SERVICE_CHECK_HTTPS_METHOD=GET","SERVICE_443_CHECK_HTTP_METHOD=POST"`, head +
			"  check http / :80 10s/2s 1/3 starting method=HEAD\n  check https / :443 10s/2s 1/3 starting method=GET\n"},
		{"a method that may change something", ``, `"SERVICE_CHECK_HTTP=/","SERVICE_CHECK_HTTP_METHOD=POST"`, head +
			`! container web1: variable SERVICE_CHECK_HTTP "/" is left out: its method must be GET, HEAD or OPTIONS: a check changes nothing` + "\n"},
		{"fallback", `"rollcall.check.http":"/","rollcall.fallback":"Last"`, ``, strings.Replace(head, " up", " up fallback=last", 1) +
			"  check http / :80 10s/2s 1/3 starting\n"},
		{"unknown fallback", `"rollcall.check.http":"/","rollcall.fallback":"any"`, ``, head +
			"  check http / :80 10s/2s 1/3 starting\n" +
			`! container web1: label rollcall.fallback "any" must be none, last or all` + "\n"},
		{"fallback without a check", `"rollcall.fallback":"all"`, ``, strings.Replace(head, " up", " up fallback=all", 1) +
			`! container web1: label rollcall.fallback "all" has no effect: it is about what fails a check of a label rollcall.check.*, and there is none` + "\n"},
		{"two kinds", `"rollcall.check.http":"/","rollcall.check.tcp":"true"`, ``, head +
			"  check http / :80 10s/2s 1/3 starting\n" +
			`! container web1: label rollcall.check.tcp "true" is left out: label rollcall.check.http says how it is checked` + "\n"},
		{"options out of range", `"rollcall.check.http":"/","rollcall.check.interval":"900ms","rollcall.check.timeout":"11s","rollcall.check.rise":"0","rollcall.check.fall":"11","rollcall.check.initial":"down","rollcall.check.verify":"maybe"`, ``, head +
			"  check http / :80 10s/2s 1/3 starting\n" +
			`! container web1: label rollcall.check.interval "900ms" must be a time from 1s to 1h0m0s; it is 10s; label rollcall.check.timeout "11s" must be a time from 10ms to 10s; it is 2s; ` +
			`label rollcall.check.rise "0" must be from 1 to 10; it is 1; label rollcall.check.fall "11" must be from 1 to 10; it is 3; label rollcall.check.initial "down" must be starting or up; label rollcall.check.verify "maybe" must be true or false` + "\n"},
		{"another host", `"rollcall.check.http":"http://192.0.2.66/"`, ``, head +
			`! container web1: label rollcall.check.http "http://192.0.2.66/" is left out: it must be a path that begins with /: it is asked for at the instance's own address` + "\n"},
		{"no such port", `"rollcall.check.http":"/","rollcall.check.port":"admin","rollcall.port.7000.check.tcp":"true"`, ``, head +
			`! container web1: label rollcall.port.7000.check.tcp "true" is about a port that it does not have: expose it or name it, or use rollcall.check.port; ` +
			`label rollcall.check.http "/" is left out: its port must be the name of a port that the instance has, or a number` + "\n"},
		{"misspelt", `"rollcall.check.htpt":"/","rollcall.port.80.check.port":"1"`, ``, head +
			"! container web1: label rollcall.check.htpt is unknown; label rollcall.port.80.check.port is unknown" + "\n"},
		{"a port with tags of its own", `"rollcall.check.http":"/","rollcall.port.443.tags":"tls","rollcall.port.443.check.https":"/tls"`, ``,
			"c1:443/tcp web1 host=web1-443 up tags=tls\n  172.17.0.2@bridge 443/tcp\n  check http / :80 10s/2s 1/3 starting\n  check https /tls :443 10s/2s 1/3 starting\n" +
				"c1 web1 host=web1 up\n  172.17.0.2@bridge 53/udp:dns 80/tcp 9000/tcp\n  check http / :80 10s/2s 1/3 starting\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			labels := `"rollcall.port.53/udp.name":"dns"`
			if tt.labels != "" {
				labels += "," + tt.labels
			}
			c := decoded(t, fmt.Sprintf(`{
				"Config":{"ExposedPorts":{"80/tcp":{},"443/tcp":{},"53/udp":{},"9000/tcp":{}},"Labels":{%s},"Env":[%s]},
				"NetworkSettings":{%s}}`, labels, tt.env, bridge))
			if got := written(instanceOf(c, &testScene)); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

func TestCheckFindsThePublishedPort(t *testing.T) {
	c := decoded(t, `{
		"Config":{"ExposedPorts":{"80/tcp":{}},"Labels":{"rollcall.check.http":"/"}},
		"NetworkSettings":{"Ports":{"80/tcp":[{"HostIp":"0.0.0.0","HostPort":"32768"}]},`+bridge+`}}`)
	in := instanceOf(c, &testScene).instances[0]
	var got []string
	for _, s := range in.Spots(&in.Checks[0]) {
		got = append(got, s.Addr.String())
	}
	if want := "172.17.0.2:80 192.0.2.10:32768"; strings.Join(got, " ") != want {
		t.Errorf("checked at %v, want %s", got, want)
	}
}

func TestChecksBeyondTheBoundAreLeftOut(t *testing.T) {
	var ports, labels []string
	for i := range 20 {
		ports = append(ports, fmt.Sprintf(`"%d/tcp":{}`, 8000+i))
		labels = append(labels, fmt.Sprintf(`"rollcall.port.%d.check.tcp":"true"`, 8000+i))
	}
	c := decoded(t, fmt.Sprintf(`{"Config":{"ExposedPorts":{%s},"Labels":{%s}},"NetworkSettings":{%s}}`,
		strings.Join(ports, ","), strings.Join(labels, ","), bridge))
	out := instanceOf(c, &testScene)
	if len(out.instances) != 1 || len(out.instances[0].Checks) != 16 || len(out.instances[0].Endpoints[0].Ports) != 20 {
		t.Fatalf("got\n%s\nwant one instance with 20 ports and 16 checks", written(out))
	}
	if want := "container web1: only 16 of its 20 checks are made"; out.problem == nil || out.problem.Error() != want {
		t.Errorf("got the problem %v, want %s", out.problem, want)
	}
}
