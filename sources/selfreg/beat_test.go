package selfreg_test

import (
	"net/netip"
	"strings"
	"testing"
)

var anybody = netip.MustParseAddr("192.0.2.1")

// TestBeat asks for each path twice: the Handler is right, whenever Beat takes it.
func TestBeat(t *testing.T) {
	w := newWorld(t, setup{})
	long := strings.Repeat("a", 63) + "." + strings.Repeat("b", 35)
	for _, path := range []string{
		"web/instances/one", "web.shop/instances/A-1_~.x", "web/instances/a%2Fb", "web/instances/%2E%2E",
		long + "/instances/" + strings.Repeat("i", 128), "instances/instances/instances",
	} {
		w.want(201, "PUT", "/v1/services/"+path, `{"lease":"1h"}`)
	}
	for _, tt := range []struct {
		name, path string
		takes      bool
		code       int
	}{
		{"a heartbeat", "/v1/services/web/instances/one/heartbeat", true, 204},
		{"of a service of two labels, and an ID of all that needs no escape", "/v1/services/web.shop/instances/A-1_~.x/heartbeat", true, 204},
		{"of the longest names", "/v1/services/" + long + "/instances/" + strings.Repeat("i", 128) + "/heartbeat", true, 204},
		{"of names that are words of the path", "/v1/services/instances/instances/instances/heartbeat", true, 204},
		{"of nobody", "/v1/services/web/instances/two/heartbeat", false, 404},
		{"an ID has a case", "/v1/services/web/instances/One/heartbeat", false, 404},
		{"a service has none", "/v1/services/WEB/instances/one/heartbeat", false, 204},
		{"an escape", "/v1/services/web/instances/a%2Fb/heartbeat", false, 204},
		{"one without need", "/v1/services/web/instances/%6fne/heartbeat", false, 204},
		{"dots that lead elsewhere", "/v1/services/web/instances/../heartbeat", false, 404},
		{"dots that do not", "/v1/services/web/instances/%2E%2E/heartbeat", false, 204},
		{"a query", "/v1/services/web/instances/one/heartbeat?x=1", false, 204},
		{"a slash at the end", "/v1/services/web/instances/one/heartbeat/", false, 404},
		{"two slashes", "/v1/services//instances/one/heartbeat", false, 404},
		{"no ID", "/v1/services/web/instances//heartbeat", false, 404},
		{"more", "/v1/services/web/instances/one/two/heartbeat", false, 404},
		{"a registration", "/v1/services/web/instances/one", false, 200},
		{"an address before it", "http://r/v1/services/web/instances/one/heartbeat", false, 204},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := w.src.Beat([]byte(tt.path), anybody); got != tt.takes {
				t.Errorf("%s: taken %t, want %t", tt.path, got, tt.takes)
			}
			w.want(tt.code, "PUT", tt.path, `{"lease":"1h"}`)
		})
	}
}

func TestBeatRenews(t *testing.T) {
	w := newWorld(t, setup{})
	w.want(201, "PUT", one, `{"lease":"1h"}`)
	before := w.src.Leases().Renewed
	if !w.src.Beat([]byte(one+"/heartbeat"), anybody) || w.src.Leases().Renewed != before+1 {
		t.Errorf("%d renewals, want %d", w.src.Leases().Renewed, before+1)
	}
}

func TestBeatAllocatesNothing(t *testing.T) {
	w := newWorld(t, setup{})
	long := "/v1/services/" + strings.Repeat("a", 63) + "/instances/" + strings.Repeat("i", 128)
	w.want(201, "PUT", long, `{"lease":"1h"}`)
	path := []byte(long + "/heartbeat")
	if n := testing.AllocsPerRun(100, func() { w.src.Beat(path, anybody) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzBeat: whatever path is taken for a heartbeat is one for the Handler.
func FuzzBeat(f *testing.F) {
	w := newWorld(f, setup{})
	w.want(201, "PUT", one, `{"lease":"24h"}`)
	w.want(201, "PUT", "/v1/services/web/instances/%2E", `{"lease":"24h"}`)
	f.Add(one + "/heartbeat")
	f.Add("/v1/services/web/instances/./heartbeat")
	f.Fuzz(func(t *testing.T, path string) {
		if !w.src.Beat([]byte(path), anybody) {
			return
		}
		if rec := w.send("PUT", path, ""); rec.Code != 204 {
			t.Errorf("%q: %d", path, rec.Code)
		}
	})
}
