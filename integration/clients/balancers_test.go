//go:build conformance

package clients

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func haproxy(t *testing.T) look { return haproxyOf(t, followed, 10) }

// haproxyOf tells by its socket which servers of a service it sends requests to.
func haproxyOf(t *testing.T, service string, servers int) look {
	socket := scratch(t) + "/socket"
	config := documented(t, "HAProxy", "/run/haproxy.sock", socket,
		"server-template web 10 _http._tcp.web.", fmt.Sprintf("server-template web %d _http._tcp.%s.", servers, service))
	daemon(t, listens("unix", socket), exec.Command("haproxy", "-db", "-f", config))
	return func(ctx context.Context, _ string) ([]string, error) {
		c, err := new(net.Dialer).DialContext(ctx, "unix", socket)
		if err != nil {
			return nil, err
		}
		defer c.Close()
		fmt.Fprintln(c, "show servers state web")
		out, err := io.ReadAll(c)
		return serversOf(string(out)), err
	}
}

// TestHAProxyKeepsMoreThanADatagramHolds looks again and again: HAProxy lets go of
// servers that an answer has left out.
func TestHAProxyKeepsMoreThanADatagramHolds(t *testing.T) {
	many := kinds[slices.IndexFunc(kinds, func(k kind) bool { return k.service == "many" })]
	many.register(t, startRegistry(t))
	want := len(many.instances)
	see := haproxyOf(t, many.service, want)
	found := 0
	for end := time.Now().Add(patience); found < want && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		found = servers(t, see)
	}
	for range 50 {
		if found != want {
			t.Fatalf("it has %d servers, want %d", found, want)
		}
		time.Sleep(100 * time.Millisecond)
		found = servers(t, see)
	}
}

func servers(t *testing.T, see look) int {
	t.Helper()
	found, err := see(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	return len(found)
}

// serversOf reads "show servers state" (HAProxy's management guide, 9.3): the servers
// that have an address and are not kept out by the resolver.
func serversOf(state string) (found []string) {
	lines := strings.Split(strings.TrimSpace(state), "\n")
	if len(lines) < 2 {
		return nil
	}
	columns := strings.Fields(strings.TrimPrefix(lines[1], "# "))
	const out = 0x20 // SRV_ADMF_RMAINT
	for _, line := range lines[2:] {
		server := make(map[string]string)
		for i, v := range strings.Fields(line) {
			server[columns[i]] = v
		}
		if admin, err := strconv.Atoi(server["srv_admin_state"]); err == nil && admin&out == 0 && server["srv_addr"] != "-" {
			found = append(found, server["srv_addr"]+":"+server["srv_port"])
		}
	}
	return found
}

// nginx is asked for a page: the instances are those that give it.
func nginx(t *testing.T) look {
	daemon(t, listens("tcp", "127.0.0.1:8000"), exec.Command("nginx", "-c", documented(t, "nginx"),
		"-g", "daemon off; user root; pid "+scratch(t)+"/pid; error_log stderr;"))
	return func(ctx context.Context, _ string) (found []string, err error) {
		const enough = 10
		for range enough {
			status, body, err := get(ctx, "http://127.0.0.1:8000/")
			switch at := strings.TrimPrefix(strings.TrimSpace(string(body)), "# "); {
			case err != nil:
				return nil, err
			case status == http.StatusBadGateway:
			case status != http.StatusOK:
				return nil, fmt.Errorf("status %d", status)
			case !slices.Contains(found, at):
				found = append(found, at)
			}
		}
		return found, nil
	}
}

// prometheus is asked for the targets that it has measured.
func prometheus(t *testing.T) look {
	const at = "127.0.0.1:9090"
	ready := func() error {
		status, _, err := get(t.Context(), "http://"+at+"/-/ready")
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("status %d", status)
		}
		return err
	}
	daemon(t, ready, exec.Command("prometheus", "--config.file="+documented(t, "Prometheus"),
		"--storage.tsdb.path="+scratch(t), "--web.listen-address="+at))
	return func(ctx context.Context, _ string) ([]string, error) {
		_, body, err := get(ctx, "http://"+at+"/api/v1/targets?state=active")
		if err != nil {
			return nil, err
		}
		return targetsOf(body)
	}
}

// targetsOf gives the targets by address: Prometheus itself names the instances.
func targetsOf(body []byte) (found []string, err error) {
	var answer struct {
		Data struct {
			ActiveTargets []struct {
				Health           string
				DiscoveredLabels map[string]string
			}
		}
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, err
	}
	for _, target := range answer.Data.ActiveTargets {
		if target.Health == "unknown" {
			continue
		}
		at := target.DiscoveredLabels["__address__"]
		id, domain, _ := strings.Cut(at, ".")
		port, ok := strings.CutPrefix(domain, followed+".svc.internal")
		if !ok {
			return nil, fmt.Errorf("a target of another domain: %q", at)
		}
		found = append(found, instances[id]+port)
	}
	return found, nil
}
