package main

import (
	"net"
	"strings"
	"testing"
	"time"
)

// TestNoLeaseEndsWhileTheServerStops stops a server that has to wait for a client. Who
// sends a heartbeat meanwhile is heard by the next server, so no lease may end.
func TestNoLeaseEndsWhileTheServerStops(t *testing.T) {
	s, stop := startServer(t, testConfig())
	c, err := net.Dial("tcp", s.httpAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte("PUT /v1/services/web/instances/two HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{")); err != nil {
		t.Fatal(err)
	}
	registerFor(t, s, "web/instances/one", "192.0.2.1", time.Second)
	ended := make(chan error, 1)
	go func() { ended <- stop() }()
	time.Sleep(1100 * time.Millisecond)
	out, errs, code := runLookup(t, "--server", s.dnsAddr().String(), "web")
	if code != exitOK || !strings.Contains(out, "192.0.2.1") {
		t.Errorf("a lease of 1 s has ended 1.1 s after the server began to stop: exit code %d\n%s%s", code, out, errs)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if n := len(s.selfreg.Records()); n != 1 {
		t.Errorf("%d registrations are left to the next server, want 1", n)
	}
}
