package selfreg_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

const together = "/v1/heartbeats"

// statuses is what the answer to heartbeats says, in order.
func statuses(t testing.TB, rec *httptest.ResponseRecorder) string {
	t.Helper()
	var got struct {
		Instances []struct {
			Service, ID string
			Status      int
		}
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &got); err != nil {
		t.Fatalf("%s: %v", rec.Body, err)
	}
	var words []string
	for _, i := range got.Instances {
		words = append(words, fmt.Sprintf("%s/%s %d", i.Service, i.ID, i.Status))
	}
	return strings.Join(words, ", ")
}

func TestHeartbeatsTogether(t *testing.T) {
	w := newWorld(t, setup{})
	for _, id := range []string{"1", "2", "a%2Fb", "%22%5C"} {
		w.want(201, "PUT", "/v1/services/web/instances/"+id, `{"lease":"1h"}`)
	}
	for _, tt := range []struct{ name, body, want string }{
		{"none", `{"instances":[]}`, ""},
		{"each has its status, in order",
			`{"instances":[{"service":"web","id":"2"},{"service":"web","id":"3"},{"id":"1","service":"WEB"},{"service":"other","id":"1"}]}`,
			"web/2 204, web/3 404, WEB/1 204, other/1 404"},
		{"twice", `{"instances":[{"service":"web","id":"1"},{"service":"web","id":"1"}]}`, "web/1 204, web/1 204"},
		{"the ID first", `{"instances":[{"id":"2","service":"web"}]}`, "web/2 204"},
		{"space", " {\n\t\"instances\" : [ { \"service\" : \"web\" , \"id\" : \"1\" } ] } ", "web/1 204"},
		{"any text", `{"instances":[{"service":"web","id":"a/b"},{"service":"web","id":"\"\u005c"},{"service":"é","id":"1"}]}`, "web/a/b 204, web/\"\\ 204, é/1 404"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := statuses(t, w.want(200, "PUT", together, tt.body)); got != tt.want {
				t.Errorf("got %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestHeartbeatsTogetherAreRefused(t *testing.T) {
	w := newWorld(t, setup{})
	w.want(201, "PUT", one, `{"lease":"1h"}`)
	const rule = "must be a list of at most 1000 objects with service and id"
	const each = "must be an object with service and id, both strings, and nothing else"
	for _, tt := range []struct{ name, body, field, reason string }{
		{"nothing", "", "", "must be one JSON object: unexpected end of JSON input at octet 0"},
		{"no object", `[]`, "", "must be an object"},
		{"no list", `{}`, "instances", rule},
		{"null", `{"instances":null}`, "instances", rule},
		{"another field", `{"instances":[],"more":{"a":[1]}}`, "more", "is not known here"},
		{"two lists", `{"instances":[],"instances":[]}`, "instances", "must not be given twice"},
		{"no object in it", `{"instances":["web/1"]}`, "instances[0]", each},
		{"no id", `{"instances":[{"service":"web","id":"one"},{"service":"web"}]}`, "instances[1]", each},
		{"service twice", `{"instances":[{"service":"web","service":"web"}]}`, "instances[0]", each},
		{"more in it", `{"instances":[{"service":"web","id":"one","state":"up"}]}`, "instances[0]", each},
		{"a number", `{"instances":[{"service":"web","id":1}]}`, "instances[0]", each},
		{"too many", `{"instances":[` + strings.Repeat(`{"service":"web","id":"one"},`, 1000) + `{"service":"web","id":"one"}]}`, "instances", rule},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := read(t, w.want(400, "PUT", together, tt.body))
			if len(p.Errors) == 0 || p.Errors[0].Field != tt.field || p.Errors[0].Reason != tt.reason {
				t.Errorf("refused with %+v, want %q %q", p.Errors, tt.field, tt.reason)
			}
		})
	}
	w.want(413, "PUT", together, `{"instances":[`+strings.Repeat(" ", 512<<10)+`]}`)
	w.want(405, "POST", together, `{"instances":[]}`)
}

// One request keeps a thousand leases, and none of them longer than its period.
func TestHeartbeatsTogetherRenew(t *testing.T) {
	w := newWorld(t, setup{})
	var body strings.Builder
	for i := range 1000 {
		w.want(201, "PUT", fmt.Sprintf("/v1/services/web/instances/%d", i), `{"lease":"2s"}`)
		fmt.Fprintf(&body, `,{"service":"web","id":"%d"}`, i)
	}
	all := `{"instances":[` + body.String()[1:] + `]}`
	for end := time.Now().Add(4 * time.Second); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if n := strings.Count(statuses(t, w.want(200, "PUT", together, all)), " 404"); n > 0 {
			t.Fatalf("%d leases have ended", n)
		}
	}
	if n := w.zone.Snapshot().Len(); n != 1000 {
		t.Errorf("%d instances, want 1000", n)
	}
}

// What a request allocates does not depend on how many heartbeats it has.
func TestHeartbeatsTogetherAllocateNothingEach(t *testing.T) {
	w := newWorld(t, setup{})
	w.want(201, "PUT", one, `{"lease":"1h"}`)
	allocations := func(n int) float64 {
		body := `{"instances":[` + strings.Repeat(`{"service":"web","id":"one"},`, n-1) + `{"service":"web","id":"one"}]}`
		return testing.AllocsPerRun(20, func() { w.want(200, "PUT", together, body) })
	}
	if single, many := allocations(1), allocations(1000); many > single+50 {
		t.Errorf("one heartbeat makes %v allocations, a thousand %v", single, many)
	}
}

// FuzzHeartbeats: what is taken as heartbeats is what encoding/json reads of it.
func FuzzHeartbeats(f *testing.F) {
	w := newWorld(f, setup{})
	f.Add(`{"instances":[{"service":"web","id":"1"},{"id":"\u00e9","service":"\"x"}]}`)
	f.Add(`{"instances" : [ ] , "instances" : null}`)
	f.Fuzz(func(t *testing.T, body string) {
		rec := w.send("PUT", together, body)
		if rec.Code != 200 {
			if rec.Code != 400 && rec.Code != 413 {
				t.Errorf("%q: %d", body, rec.Code)
			}
			return
		}
		type beat struct{ Service, ID string }
		var want, got struct{ Instances []beat }
		if err := json.Unmarshal([]byte(body), &want); err != nil {
			t.Fatalf("%q was taken, but: %v", body, err)
		}
		if err := json.Unmarshal(rec.Body.Bytes(), &got); err != nil {
			t.Fatalf("%q is answered with %q: %v", body, rec.Body, err)
		}
		if fmt.Sprint(got.Instances) != fmt.Sprint(want.Instances) {
			t.Errorf("%q is taken as %v", body, got.Instances)
		}
	})
}

func BenchmarkHeartbeats(b *testing.B) {
	w := newWorld(b, setup{})
	var body strings.Builder
	for i := range 1000 {
		w.want(201, "PUT", fmt.Sprintf("/v1/services/service-%d/instances/instance-%d", i/3, i), `{"lease":"1h"}`)
		fmt.Fprintf(&body, `,{"service":"service-%d","id":"instance-%d"}`, i/3, i)
	}
	all := `{"instances":[` + body.String()[1:] + `]}`
	b.ReportAllocs()
	for b.Loop() {
		w.want(200, "PUT", together, all)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/heartbeat")
}
