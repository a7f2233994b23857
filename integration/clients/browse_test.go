//go:build conformance

package clients

import (
	"context"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// browsed is a service that is looked for by its type.
const browsed = `{"addresses":["10.7.0.7"],"ports":[{"name":"http","number":8080}],"host":"web-1",
	"tags":["v2"],"meta":{"version":"2.1"},"ttl":"2s","lease":"1h"}`

func registerBrowsed(t *testing.T) *registry {
	t.Helper()
	r := startRegistry(t)
	if status := r.request(t, http.MethodPut, "web.shop", "one", browsed); status != http.StatusCreated {
		t.Fatalf("register: %d", status)
	}
	return r
}

// eventually runs a command until what it prints has all of want, and nothing of not.
func eventually(t *testing.T, want, not []string, command ...string) {
	t.Helper()
	has := func(out string, parts []string) (n int) {
		for _, p := range parts {
			if strings.Contains(out, p) {
				n++
			}
		}
		return n
	}
	for end := time.Now().Add(patience); ; {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		out, err := exec.CommandContext(ctx, command[0], command[1:]...).CombinedOutput()
		cancel()
		if err == nil && has(string(out), want) == len(want) && has(string(out), not) == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("for %v %q printed (%v)\n%s\nwant it to have %q, and nothing of %q", patience, command, err, out, want, not)
		}
	}
}

// TestAvahiBrowses finds the domain, the type, and the instances with their ports and
// metadata, and follows changes.
func TestAvahiBrowses(t *testing.T) {
	r := registerBrowsed(t)
	startBus(t)
	run(t, "install", "-d", "/run/avahi-daemon")
	daemon(t, listens("unix", "/run/avahi-daemon/socket"), exec.Command("avahi-daemon", "--file="+documented(t, "Avahi"),
		"--no-drop-root", "--no-chroot", "--no-rlimits"))

	const one = `web-1\064web\.shop;Web Site;svc.internal;web-1.web.shop.svc.internal;10.7.0.7;8080;"version=2.1"`
	const two = `two\064web;Web Site;svc.internal;two.web.svc.internal;10.7.0.8;8080;`
	list := []string{"avahi-browse", "--domain=svc.internal", "--resolve", "--terminate", "--parsable", "_http._tcp"}
	eventually(t, []string{"svc.internal"}, nil, "avahi-browse", "--browse-domains", "--terminate", "--parsable")
	eventually(t, []string{"Web Site"}, nil, "avahi-browse", "--domain=svc.internal", "--all", "--terminate", "--parsable")
	eventually(t, []string{one}, []string{two}, list...)
	eventually(t, []string{one}, nil, append(list[:len(list)-1:len(list)-1], "_v2._sub._http._tcp")...)
	r.put(t, "web", "two", "up", "10.7.0.8")
	eventually(t, []string{one, two}, nil, list...)
	r.drop(t, "web.shop", "one")
	eventually(t, []string{two}, []string{one}, list...)
}

// TestResolvedResolvesAService finds port, address and metadata of one instance.
func TestResolvedResolvesAService(t *testing.T) {
	registerBrowsed(t)
	resolvectl := startResolved(t)
	out, err := resolvectl(t.Context(), "service", "web-1@web.shop", "_http._tcp", "svc.internal")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"web-1.web.shop.svc.internal:8080", "10.7.0.7", "version=2.1"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
}
