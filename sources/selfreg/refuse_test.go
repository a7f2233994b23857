package selfreg_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/rollcall-dns/rollcall/sources"
)

func TestBadBodiesAreRefusedWithTheFieldsAtFault(t *testing.T) {
	list := func(n int, e string) string { return strings.TrimSuffix(strings.Repeat(e+",", n), ",") }
	ports := func(n int) string {
		var all []string
		for i := range n {
			all = append(all, fmt.Sprintf(`{"number":%d}`, 1+i))
		}
		return strings.Join(all, ",")
	}
	tests := []struct {
		name, body string
		fields     string // separated by spaces; "." is the whole body
	}{
		{"no JSON", `addresses`, "."},
		{"not an object", `["10.0.0.1"]`, "."},
		{"trailing data", `{} {}`, "."},
		{"cut off", `{"addresses":[`, "."},
		{"not UTF-8", "{\"host\":\"\xff\"}", "."},
		{"deep", strings.Repeat(`[`, 20_000), "."},
		{"unknown field", `{"adresses":["10.0.0.1"]}`, "adresses"},
		{"another case", `{"Host":"a"}`, "Host"},
		{"odd unknown field", `{"a=b":1}`, `["a=b"]`},
		{"twice", `{"host":"a","host":"b"}`, "host"},
		{"twice, once null", `{"host":null,"host":"b"}`, "host"},
		{"address of a wrong type", `{"addresses":"10.0.0.1"}`, "addresses"},
		{"bad addresses", `{"addresses":["10.0.0.1","example.com",7,"0.0.0.0","224.0.0.1","fe80::1%eth0",null]}`, "addresses[1] addresses[2] addresses[6] addresses[3] addresses[4] addresses[5]"},
		{"too many addresses", `{"addresses":[` + list(65, `"10.0.0.1"`) + `]}`, "addresses"},
		{"port out of range", `{"ports":[{"number":70000}]}`, "ports[0].number"},
		{"port 0", `{"ports":[{"number":0}]}`, "ports[0].number"},
		{"port without a number", `{"ports":[{"name":"http"}]}`, "ports[0].number"},
		{"port with a fraction", `{"ports":[{"number":80.0}]}`, "ports[0].number"},
		{"port as text", `{"ports":[{"number":"80"}]}`, "ports[0].number"},
		{"port that is a number", `{"ports":[80]}`, "ports[0]"},
		{"port name", `{"ports":[{"number":80},{"number":81,"name":"a.b"}]}`, "ports[1].name"},
		{"port protocol", `{"ports":[{"number":80,"protocol":"TCP"}]}`, "ports[0].protocol"},
		{"port protocol of a wrong type", `{"ports":[{"number":80,"protocol":6}]}`, "ports[0].protocol"},
		{"port protocols as text", `{"ports":[{"number":80,"alpn":"h2"}]}`, "ports[0].alpn"},
		{"port protocol that is no text", `{"ports":[{"number":80,"alpn":["h2",2]}]}`, "ports[0].alpn[1]"},
		{"port protocol twice", `{"ports":[{"number":80,"alpn":["h2","h2"]}]}`, "ports[0].alpn"},
		{"empty port protocol", `{"ports":[{"number":80,"alpn":[""]}]}`, "ports[0].alpn"},
		{"port with other protocols alone", `{"ports":[{"number":80,"alpn":["h2"]},{"number":80}]}`, "ports[1]"},
		{"unknown field of a port", `{"ports":[{"number":80,"port":1}]}`, "ports[0].port"},
		{"too many ports", `{"ports":[` + list(1025, `{"number":1}`) + `]}`, "ports"},
		{"too many ports of all addresses", `{"addresses":["10.0.0.1","10.0.0.2"],"ports":[` + ports(513) + `]}`, "ports"},
		{"port twice", `{"ports":[{"name":"a","number":1},{"name":"b","number":1},{"number":1},{"name":"A","number":1,"protocol":"tcp"}]}`, "ports[3]"},
		{"port without a name twice", `{"ports":[{"number":1},{"number":1,"protocol":"udp"},{"number":1}]}`, "ports[2]"},
		{"address twice", `{"addresses":["10.0.0.1","10.0.0.2","10.0.0.1"]}`, "addresses[2]"},
		{"address twice, once as IPv6", `{"addresses":["10.0.0.1","::ffff:10.0.0.1"]}`, "addresses[1]"},
		{"address twice in other words", `{"addresses":["2001:db8::1","2001:DB8:0::1"]}`, "addresses[1]"},
		{"addresses that are not one host's", `{"addresses":["::","::ffff:0.0.0.0","ff02::1","::ffff:224.0.0.1","255.255.255.255"]}`,
			"addresses[0] addresses[1] addresses[2] addresses[3] addresses[4]"},
		{"link-local address", `{"addresses":["fe80::1"]}`, "addresses[0]"},
		{"where it came from", `{"sender":"10.0.0.1"}`, "sender"},
		{"lease too short", `{"lease":"999ms"}`, "lease"},
		{"lease too long", `{"lease":"24h0m1s"}`, "lease"},
		{"lease as a number", `{"lease":30}`, "lease"},
		{"negative lease", `{"lease":"-30s"}`, "lease"},
		{"TTL too short", `{"ttl":"0s"}`, "ttl"},
		{"TTL with a fraction", `{"ttl":"1500ms"}`, "ttl"},
		{"TTL too long", `{"ttl":"25h"}`, "ttl"},
		{"priority", `{"priority":65536}`, "priority"},
		{"negative weight", `{"weight":-1}`, "weight"},
		{"tags", `{"tags":["",7,"` + strings.Repeat("a", 256) + `"]}`, "tags[1] tags[0] tags[2]"},
		{"too many tags", `{"tags":[` + list(65, `"a"`) + `]}`, "tags"},
		{"check of a wrong type", `{"check":"/health"}`, "check"},
		{"check of nothing", `{"check":{"interval":"5s"},"ports":[{"number":80}]}`, "check"},
		{"check of two kinds", `{"check":{"http":"/","tcp":true},"ports":[{"number":80}]}`, "check"},
		{"check of an unknown kind", `{"check":{"script":"/bin/true"}}`, "check.script check"},
		{"check at another host", `{"check":{"http":"http://192.0.2.66/"},"ports":[{"number":80}]}`, "check.http"},
		{"check of TCP that is not", `{"check":{"tcp":"10.0.0.1:80"},"ports":[{"number":80}]}`, "check.tcp"},
		{"check without a port", `{"check":{"http":"/"}}`, "check.port"},
		{"check of a port that is wrong itself", `{"check":{"http":"/"},"ports":[{"number":0}]}`, "ports[0].number"},
		{"check of an unknown port", `{"check":{"http":"/","port":"admin"},"ports":[{"number":80}]}`, "check.port"},
		{"check of port 0", `{"check":{"http":"/","port":0},"ports":[{"number":80}]}`, "check.port"},
		{"check of no port", `{"check":{"http":"/","port":true},"ports":[{"number":80}]}`, "check.port"},
		{"check too often", `{"check":{"http":"/","interval":"900ms"},"ports":[{"number":80}]}`, "check.interval"},
		{"check too seldom", `{"check":{"http":"/","interval":"61m"},"ports":[{"number":80}]}`, "check.interval"},
		{"check that overlaps itself", `{"check":{"http":"/","interval":"1s","timeout":"2s"},"ports":[{"number":80}]}`, "check.timeout"},
		{"check with thresholds out of range", `{"check":{"http":"/","rise":0,"fall":11},"ports":[{"number":80}]}`, "check.rise check.fall"},
		{"check that begins draining", `{"check":{"http":"/","initial":"draining"},"ports":[{"number":80}]}`, "check.initial"},
		{"check that verifies nobody", `{"check":{"https":"/","verify":true},"ports":[{"number":80}]}`, "check.host"},
		{"check with a header in its host", `{"check":{"http":"/","host":"a\r\nX: y"},"ports":[{"number":80}]}`, "check.host"},
		{"check of the host itself from elsewhere", `{"addresses":["127.0.0.1"],"check":{"http":"/"},"ports":[{"number":80}]}`, "check"},
		{"fallback that is none", `{"fallback":"any","check":{"tcp":true},"ports":[{"number":80}]}`, "fallback"},
		{"fallback of a wrong type", `{"fallback":true,"check":{"tcp":true},"ports":[{"number":80}]}`, "fallback"},
		{"fallback without a check", `{"fallback":"all","ports":[{"number":80}]}`, "fallback"},
		{"check of the link", `{"addresses":["169.254.169.254"],"check":{"http":"/"},"ports":[{"number":80}]}`, "check"},
		{"meta of a wrong type", `{"meta":[]}`, "meta"},
		{"meta value", `{"meta":{"a":1}}`, "meta.a"},
		{"meta key twice", `{"meta":{"a":"1","a":"2"}}`, "meta.a"},
		{"meta key", `{"meta":{"a=b":"1"}}`, `meta`},
		{"meta too long", `{"meta":{"a":"` + strings.Repeat("a", 254) + `"}}`, `meta.a`},
		{"state", `{"state":"UP"}`, "state"},
		{"state of a wrong type", `{"state":1}`, "state"},
		{"host of two labels", `{"host":"a.b"}`, "host"},
		{"host tag", `{"host":"tag"}`, "host"},
		{"everything", `{"lease":"1","ttl":"1","priority":"1","weight":"1","tags":1,"meta":1,"state":1,"host":1,"addresses":1,"ports":1,"x":1}`,
			"lease ttl priority weight tags meta state host addresses ports x"},
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, setup{})
		for _, tt := range tests {
			rec := w.send("PUT", one, tt.body)
			r := read(t, rec)
			var fields []string
			for _, e := range r.Errors {
				if e.Field == "" {
					e.Field = "."
				}
				fields = append(fields, e.Field)
				if e.Reason == "" || strings.HasSuffix(e.Reason, ".") {
					t.Errorf("%s: reason of %s is %q", tt.name, e.Field, e.Reason)
				}
			}
			if got := strings.Join(fields, " "); rec.Code != 400 || got != tt.fields {
				t.Errorf("%s: %d with faults of %s, want 400 with %s\n%s", tt.name, rec.Code, got, tt.fields, rec.Body)
			}
			if ct := rec.Header().Get("Content-Type"); ct != "application/problem+json" || r.Status != 400 || r.Title != "Bad Request" {
				t.Errorf("%s: %s is no problem document: %s", tt.name, ct, rec.Body)
			}
		}
		if n := w.zone.Snapshot().Len(); n != 0 {
			t.Errorf("%d instances after nothing but refusals", n)
		}
	})
}

func TestBadPathsAreRefused(t *testing.T) {
	tests := []struct{ path, field string }{
		{"/v1/services/a..b/instances/one", "service"},
		{"/v1/services/-a/instances/one", "service"},
		{"/v1/services/a%2Fb/instances/one", "service"},
		{"/v1/services/caf%C3%A9/instances/one", "service"},
		{"/v1/services/" + strings.Repeat("a", 64) + "/instances/one", "service"},
		{"/v1/services/" + strings.Repeat("a.", 60) + "a/instances/one", "service"},
		{"/v1/services/tag.web/instances/one", "service"},
		{"/v1/services/web/instances/" + strings.Repeat("a", 129), "id"},
		{"/v1/services/web/instances/a%20b", "id"},
		{"/v1/services/web/instances/%00", "id"},
		{"/v1/services/web/instances/%C3%A9", "id"},
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, setup{})
		for _, tt := range tests {
			r := read(t, w.want(400, "PUT", tt.path, ""))
			if len(r.Errors) == 0 || r.Errors[0].Field != tt.field {
				t.Errorf("PUT %s: %+v, want a fault of %s", tt.path, r.Errors, tt.field)
			}
			w.want(404, "PUT", tt.path+"/heartbeat", "")
			w.want(404, "DELETE", tt.path, "")
			w.want(404, "GET", tt.path, "")
		}
	})
}

func TestBadStatesAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, setup{})
		w.want(201, "PUT", one, whole)
		for body, field := range map[string]string{
			``: "state", `{}`: "state", `{"state":null}`: "state", `{"state":"gone"}`: "state", `{"state":1}`: "state",
			`{"state":"up","reason":"x"}`: "reason", `"up"`: "", `{"state":"up"}x`: "",
		} {
			r := read(t, w.want(400, "PUT", one+"/state", body))
			if len(r.Errors) != 1 || r.Errors[0].Field != field {
				t.Errorf("body %s: %+v, want a fault of %q", body, r.Errors, field)
			}
		}
	})
}

func TestListOfFaultsIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, setup{})
		var b strings.Builder
		for i := range 3000 {
			fmt.Fprintf(&b, `,"f%d":0`, i)
		}
		if r := read(t, w.want(400, "PUT", one, "{"+b.String()[1:]+"}")); len(r.Errors) != 50 {
			t.Errorf("%d faults are listed, want 50", len(r.Errors))
		}
		rec := w.want(400, "PUT", one, `{"`+strings.Repeat("é", 20_000)+`":1}`)
		if rec.Body.Len() > 1000 {
			t.Errorf("a long name is answered with %d octets", rec.Body.Len())
		}
	})
}

// endless is a body of a length that nobody has told.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	e.read += len(p)
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// broken is a body whose sender goes away.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("connection reset") }

func TestBodiesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, setup{})
		spaces := strings.Repeat(" ", 64<<10)
		w.want(201, "PUT", one, spaces)
		w.want(413, "PUT", one, spaces+" ")
		for _, r := range []struct{ method, path string }{
			{"PUT", one + "/state"}, {"PUT", one + "/heartbeat"}, {"DELETE", one}, {"GET", one}, {"GET", "/healthz"}, {"PUT", one},
		} {
			w.want(413, r.method, r.path, spaces+" ")
			try := func(body io.Reader) int {
				rec := httptest.NewRecorder()
				w.h.ServeHTTP(rec, httptest.NewRequest(r.method, r.path, body))
				return rec.Code
			}
			e := new(endless)
			if code := try(e); code != 413 || e.read > 1<<20 {
				t.Errorf("%s %s with an endless body: %d after %d octets, want 413", r.method, r.path, code, e.read)
			}
			if code := try(broken{}); code != 400 {
				t.Errorf("%s %s with a broken body: %d, want 400", r.method, r.path, code)
			}
		}
		w.want(204, "PUT", one+"/heartbeat", "{}") // not looked at
		w.want(204, "DELETE", one, spaces)
	})
}

func TestOtherMethodsAndPathsAreRefused(t *testing.T) {
	tests := []struct {
		method, path string
		status       int
		allow        string
	}{
		{"POST", one, 405, "DELETE, GET, HEAD, PUT"},
		{"GET", one + "/heartbeat", 405, "PUT"},
		{"DELETE", one + "/state", 405, "PUT"},
		{"DELETE", "/v1/services", 405, "GET, HEAD"},
		{"PUT", "/v1/services/web", 405, "GET, HEAD"},
		{"POST", "/readyz", 405, "GET, HEAD"},
		{"GET", "/", 404, ""},
		{"GET", "/v1", 404, ""},
		{"GET", one + "/", 404, ""},
		{"GET", one + "/x", 404, ""},
		{"GET", "/v1/services/web/instances", 404, ""},
		{"GET", "//", 404, ""},
		{"GET", "", 404, ""},
		{"GET", "//v1/services", 404, ""},
		{"GET", "/v1//services", 404, ""},
		{"GET", "/v1/services//", 404, ""},
		{"GET", "/v1/services/.", 404, ""},
		{"GET", "/v1/./services", 404, ""},
		{"PUT", "/v1/x/../services/web/instances/one", 404, ""},
		{"PUT", "/v1/services//instances/one", 404, ""},
		{"PUT", "/v1/services/web/instances//heartbeat", 404, ""},
		{"PUT", "/v1/services/web/instances/..", 404, ""},
		{"DELETE", "/v1/services/web/instances/./one", 404, ""},
		{"HEAD", "/../healthz", 404, ""},
		{"POST", "/v1//services", 404, ""},
		{"OPTIONS", "/v1//services", 404, ""},
		{"CONNECT", "/v1//services", 404, ""},
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, setup{})
		for _, tt := range tests {
			rec := httptest.NewRecorder()
			w.h.ServeHTTP(rec, &http.Request{Method: tt.method, URL: &url.URL{Path: tt.path}, Header: http.Header{}, Body: http.NoBody})
			if rec.Code != tt.status || rec.Header().Get("Allow") != tt.allow || rec.Header().Get("Content-Type") != "application/problem+json" || rec.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("%s %s: %d %v, want %d with Allow %q", tt.method, tt.path, rec.Code, rec.Header(), tt.status, tt.allow)
			}
		}
	})
}

func TestHealthAndReadiness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		free := make(chan struct{})
		w := newWorld(t, setup{others: []sources.Entry{{Source: late{free}, Grace: sources.NoGrace}}})
		w.want(200, "GET", "/readyz", "")
		if body := w.want(200, "GET", "/healthz", "").Body.String(); body != "ok\n" {
			t.Errorf("healthz says %q", body)
		}
		close(free)
	})
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, setup{})
		w.h = w.src.Handler(healthOf("docker", "shutdown"))
		rec := w.want(503, "GET", "/readyz", "")
		if r := read(t, rec); strings.Join(r.Waiting, " ") != "docker shutdown" || r.Detail != "waiting for docker, shutdown" {
			t.Errorf("readyz says %s", rec.Body)
		}
		w.want(200, "GET", "/healthz", "")
	})
}
