package faults

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// registry is a server's HTTP interface, as services use it.
type registry struct {
	t    testing.TB
	url  string
	http *http.Client
}

func newRegistry(t testing.TB, server string, conns int) *registry {
	transport := &http.Transport{MaxConnsPerHost: conns, MaxIdleConnsPerHost: conns}
	t.Cleanup(transport.CloseIdleConnections)
	return &registry{t, "http://" + server, &http.Client{Transport: transport, Timeout: 30 * time.Second}}
}

// send gives the status, and "Retry-After" where the server says it.
func (r *registry) send(method, path, body string) (status int, later bool) {
	req, err := http.NewRequest(method, r.url+path, strings.NewReader(body))
	if err != nil {
		r.t.Error(err)
		return 0, false
	}
	resp, err := r.http.Do(req)
	if err != nil {
		r.t.Error(err)
		return 0, false
	}
	resp.Body.Close()
	return resp.StatusCode, resp.Header.Get("Retry-After") != ""
}

func instance(service string, port int) string {
	return fmt.Sprintf("/v1/services/%s/instances/%d", service, port)
}

// register puts an instance that is known by its port.
func (r *registry) register(service string, port int, lease time.Duration) int {
	status, _ := r.send(http.MethodPut, instance(service, port), fmt.Sprintf(`{"addresses":["192.0.2.1"],"ports":[{"number":%d}],"lease":"%v"}`, port, lease))
	return status
}

func (r *registry) heartbeat(service string, port int) int {
	status, _ := r.send(http.MethodPut, instance(service, port)+"/heartbeat", "")
	return status
}

func (r *registry) leave(service string, port int) int {
	status, _ := r.send(http.MethodDelete, instance(service, port), "")
	return status
}

// must fails the test unless a request was answered so.
func (r *registry) must(what string, status int, want ...int) {
	r.t.Helper()
	for _, w := range want {
		if status == w {
			return
		}
	}
	r.t.Fatalf("%s: %d, want %v", what, status, want)
}

// beat renews a lease often enough, until stop is closed.
func (r *registry) beat(service string, port int, every time.Duration, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-time.After(every):
		}
		if got := r.heartbeat(service, port); got != http.StatusNoContent {
			r.t.Errorf("a heartbeat of %s-%d is answered with %d", service, port, got)
			return
		}
	}
}
