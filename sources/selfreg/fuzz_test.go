package selfreg_test

import (
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/rollcall-dns/rollcall/zone"
)

// Whatever a client sends: it is registered whole, and again as it was, or it is
// refused with a problem document and nothing is there.
func FuzzRegister(f *testing.F) {
	w := newWorld(f, setup{})
	f.Add("web", "one", whole)
	f.Add("a.b", "x/y", `{"addresses":["::1","10.0.0.1"],"ports":[{"number":1},{"number":2,"protocol":"udp"}]}`)
	f.Add("web", "two", checked(`{"https":"/a?b","host":"x","verify":true,"port":"http","interval":"1s","rise":2,"initial":"up"}`))
	f.Add("web", "three", checked(`{"dns":"","port":53}`))
	f.Add("-", "", `{"lease":"1s","lease":null,"ports":[{}],"meta":{"a":"b","a":1},"x":{"y":[1,2]}}`)
	f.Fuzz(func(t *testing.T, service, id, body string) {
		path := "/v1/services/" + url.PathEscape(service) + "/instances/" + url.PathEscape(id)
		r := httptest.NewRequest("PUT", "/", strings.NewReader(body))
		u, err := url.ParseRequestURI(path)
		if err != nil {
			return
		}
		r.URL, r.RemoteAddr = u, "10.9.9.9:1"
		rec := httptest.NewRecorder()
		w.h.ServeHTTP(rec, r)
		if !json.Valid(rec.Body.Bytes()) && rec.Code < 300 {
			t.Fatalf("answer is no JSON: %s", rec.Body)
		}
		switch rec.Code {
		case 201:
			var got reply
			if err := json.Unmarshal(rec.Body.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			if got.Instance.ID != id || !strings.EqualFold(got.Instance.Service, service) || len(got.Names) < 2 {
				t.Errorf("registered %q of %q as %+v", id, service, got)
			}
			before := w.zone.Snapshot()
			r.Body = httptest.NewRequest("PUT", "/", strings.NewReader(body)).Body
			again := httptest.NewRecorder()
			w.h.ServeHTTP(again, r)
			if again.Code != 200 || w.zone.Snapshot() != before {
				t.Errorf("the same again: %d, published %v", again.Code, w.zone.Snapshot() != before)
			}
			r.Method = "DELETE"
			gone := httptest.NewRecorder()
			if w.h.ServeHTTP(gone, r); gone.Code != 204 {
				t.Errorf("DELETE: %d", gone.Code)
			}
		case 400, 413:
			var p reply
			if err := json.Unmarshal(rec.Body.Bytes(), &p); err != nil || p.Status != rec.Code || rec.Code == 400 && len(p.Errors) == 0 {
				t.Errorf("refusal %s: %v", rec.Body, err)
			}
		case 404: // a path that is none of ours
		default:
			t.Errorf("%s with %q: %d %s", path, body, rec.Code, rec.Body)
		}
		if w.zone.Snapshot().Len() != 0 {
			for k := range w.zone.Snapshot().Instances() {
				t.Errorf("left behind: %v", k)
				w.zone.Apply(zone.Change{Source: k.Source, Drop: []string{k.ID}})
			}
		}
	})
}
