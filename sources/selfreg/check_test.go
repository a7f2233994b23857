package selfreg_test

import (
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall-dns/rollcall/sources"
	"github.com/rollcall-dns/rollcall/sources/selfreg"
	"github.com/rollcall-dns/rollcall/zone"
)

// checked is a body with a check, and one port of each kind.
func checked(check string) string {
	return `{"addresses":["10.0.0.5"],"ports":[{"name":"http","number":8080},{"number":53,"protocol":"udp"}],"lease":"1h","check":` + check + `}`
}

func TestChecksAreShownAndKeptOverARestart(t *testing.T) {
	const defaults = `"interval":"10s","timeout":"2s","rise":1,"fall":3,"initial":"starting"`
	tests := []struct{ name, check, shown string }{
		{"http", `{"http":"/health"}`, `{"http":"/health",` + defaults + `}`},
		{"https", `{"https":"/","host":"shop.example","verify":true,"port":"http"}`, `{"https":"/","host":"shop.example","verify":true,"port":"http",` + defaults + `}`},
		{"tcp", `{"tcp":true,"port":9000}`, `{"tcp":true,"port":"9000",` + defaults + `}`},
		{"grpc", `{"grpc":""}`, `{"grpc":"",` + defaults + `}`},
		{"grpcs", `{"grpcs":"shop.Cart"}`, `{"grpcs":"shop.Cart",` + defaults + `}`},
		{"dns", `{"dns":"example.com"}`, `{"dns":"example.com",` + defaults + `}`},
		{"short interval", `{"tcp":true,"interval":"1s"}`, `{"tcp":true,"interval":"1s","timeout":"1s","rise":1,"fall":3,"initial":"starting"}`},
		{"all", `{"http":"/","method":"HEAD","interval":"1m","timeout":"30s","rise":2,"fall":10,"initial":"up","port":null}`, `{"http":"/","method":"HEAD","interval":"1m0s","timeout":"30s","rise":2,"fall":10,"initial":"up"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				w := newWorld(t, setup{dir: dir})
				w.want(201, "PUT", one, checked(tt.check))
				before := w.want(200, "GET", one, "").Body.String()
				if want := `"checks":[` + tt.shown + `]`; !strings.Contains(before, want) {
					t.Errorf("shown as %s\nwant %s", before, want)
				}
				w.stop()
				w = newWorld(t, setup{dir: dir})
				if after := w.want(200, "GET", one, "").Body.String(); after != before {
					t.Errorf("before %s\nafter  %s", before, after)
				}
			})
		})
	}
}

func TestFallbackIsShownKeptAndExplained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		w := newWorld(t, setup{dir: dir})
		body := strings.Replace(checked(`{"tcp":true}`), "{", `{"fallback":"last",`, 1)
		w.want(201, "PUT", one, body)
		before := w.want(200, "GET", one, "").Body.String()
		if !strings.Contains(before, `"fallback":"last"`) || strings.Contains(before, `"answered"`) {
			t.Errorf("shown as %s\nwant the fallback, and not that it is answered", before)
		}
		w.stop()
		w = newWorld(t, setup{dir: dir})
		if after := w.want(200, "GET", one, "").Body.String(); after != before {
			t.Errorf("before %s\nafter  %s", before, after)
		}
		key := zone.Key{Source: "selfreg", ID: "web/one"}
		w.zone.Apply(zone.Change{Source: "health", Verdicts: []zone.Verdict{{Key: key, State: zone.Down, Reason: "refused", Failed: 1}}})
		w.wantAnswer("web.svc.test. A", "web.svc.test. 1 IN A 10.0.0.5")
		const want = `"state":"down","reason":"refused","answered":"its fallback is last, and no instance of web is up"`
		if got := w.want(200, "GET", "/v1/services/web", "").Body.String(); !strings.Contains(got, want) {
			t.Errorf("listed as %s\nwant %s", got, want)
		}
		w.want(204, "PUT", one+"/state", `{"state":"draining"}`)
		w.wantAnswer("web.svc.test. A", "NODATA")
		w.want(200, "PUT", one, strings.Replace(body, `"last"`, `"none"`, 1))
		w.wantAnswer("web.svc.test. A", "NODATA")
	})
}

func TestWhatIsCheckedBeginsAsItsCheckSays(t *testing.T) {
	w := newWorld(t, setup{})
	w.want(201, "PUT", one, checked(`{"http":"/health"}`))
	w.wantAnswer("web.svc.test. A", "NODATA")
	if got := w.want(200, "GET", one, "").Body.String(); !strings.Contains(got, `"state":"starting","reason":"its check has not passed yet"`) {
		t.Errorf("%s, want it starting, with the reason", got)
	}
	w.want(204, "DELETE", one, "")
	w.want(201, "PUT", one, checked(`{"http":"/health","initial":"up"}`))
	w.wantAnswer("web.svc.test. A", "web.svc.test. 5 IN A 10.0.0.5")
	w.want(200, "PUT", one, checked(`null`))
	if got := w.want(200, "GET", one, "").Body.String(); strings.Contains(got, "check") {
		t.Errorf("%s, want no check", got)
	}
}

func TestHostItselfMayBeCheckedFromThereAlone(t *testing.T) {
	w := newWorld(t, setup{})
	const body = `{"addresses":["127.0.0.1"],"ports":[{"number":80}],"check":{"tcp":true}}`
	if rec := w.from("10.0.0.7:1", "PUT", one, body); rec.Code != 400 {
		t.Errorf("from elsewhere: %d, want 400", rec.Code)
	}
	if rec := w.from("127.0.0.1:1", "PUT", one, body); rec.Code != 201 {
		t.Errorf("from the host: %d %s, want 201", rec.Code, rec.Body)
	}
}

func TestListingTellsOfTheLastProbe(t *testing.T) {
	w := newWorld(t, setup{})
	w.want(201, "PUT", one, checked(`{"tcp":true}`))
	results := []sources.CheckResult{{At: time.Now(), Took: 1234567, InARow: 7}}
	w.h = w.src.Handler(selfreg.Health{Checks: func(k zone.Key) []sources.CheckResult {
		if k.ID != "web/one" {
			return nil
		}
		return results
	}})
	for _, tt := range []struct{ name, want string }{
		{"passed", `"last":\{"passed":true,"age":"[0-9.]+m?s","took":"1.235ms","in_a_row":7\}`},
		{"failed", `"last":\{"passed":false,"reason":"refused","age":"[0-9.]+m?s","took":"1.235ms","in_a_row":7\}`},
		{"not made yet", `"initial":"starting"\}\]`},
	} {
		got := w.want(200, "GET", "/v1/services/web", "").Body.String()
		if !regexp.MustCompile(tt.want).MatchString(got) {
			t.Errorf("%s: listed as %s\nwant %s", tt.name, got, tt.want)
		}
		if results[0].Reason == "" {
			results[0].Reason = "refused"
		} else {
			results[0] = sources.CheckResult{}
		}
	}
}
