package admin_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"github.com/rollcall-dns/rollcall/admin"
	"github.com/rollcall-dns/rollcall/dnsserver"
	"github.com/rollcall-dns/rollcall/dnsserver/cache"
)

// addresses answers every question with an address.
type addresses struct{}

func (addresses) Answer(_ context.Context, q *dnsserver.Query) (*dns.Msg, error) {
	name, _, _ := dns.UnpackDomainName(q.Name, 0)
	m := new(dns.Msg).SetQuestion(name, q.Type)
	rr, err := dns.NewRR(name + " 300 IN A 192.0.2.1")
	m.Answer = []dns.RR{rr}
	return m, err
}

func TestTheCacheIsShownAndEmptied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := cache.New(addresses{}, cache.Options{Bytes: 1 << 20})
		defer c.Close()
		for _, name := range []string{"www.example.", "a.www.example.", "www.test.", "."} {
			q := &dnsserver.Query{Type: dns.TypeA, Class: dns.ClassINET, Transport: dnsserver.TCP, Name: make([]byte, 255)}
			n, _ := dns.PackDomainName(name, q.Name, 0, nil, false)
			q.Name = q.Name[:n]
			if _, err := c.Answer(t.Context(), q); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(10 * time.Second)
		h := admin.Handler(admin.Options{Cache: c}, http.NotFoundHandler())
		www := `{"name":"www.example.","type":"A","code":"NOERROR","left":"4m50s","records":["www.example. 290 IN A 192.0.2.1"]}`
		below := `{"name":"a.www.example.","type":"A","code":"NOERROR","left":"4m50s","records":["a.www.example. 290 IN A 192.0.2.1"]}`
		for _, tt := range []struct {
			ask, want string
			status    int
		}{
			{"GET /v1/cache", `"answers":4,`, 200},
			{"GET /v1/cache", `"misses":4,`, 200},
			{"GET /v1/cache?name=www.example", `{"answers":[` + www + `]}`, 200},
			{"GET /v1/cache?name=WWW.example.&below=true", `{"answers":[` + below + "," + www + `]}`, 200},
			{"GET /v1/cache?name=nope.example", `{"answers":[]}`, 200},
			{"GET /v1/cache?name=.", `"name":".","type":"A"`, 200},
			{"DELETE /v1/cache?nam=www.example", `"detail":"\"nam\" is neither name nor below"`, 400},
			{"DELETE /v1/cache?name=a..b", `"detail":"name \"a..b\" is no domain name"`, 400},
			{"DELETE /v1/cache?name=a&name=b", `"detail":"name must be given once"`, 400},
			{"DELETE /v1/cache?name=a&below=maybe", `"detail":"below must be true or false, not \"maybe\""`, 400},
			{"DELETE /v1/cache?below=true", `"detail":"below must come with a name"`, 400},
			{"POST /v1/cache", `"detail":"allowed here: GET, HEAD, DELETE"`, 405},
			{"GET /v1/cache", `"answers":4,`, 200},
			{"DELETE /v1/cache?name=www.example", `{"removed":1}`, 200},
			{"DELETE /v1/cache?name=example&below=true", `{"removed":1}`, 200},
			{"DELETE /v1/cache", `{"removed":2}`, 200},
			{"GET /v1/cache", `"answers":0,"bytes":0,`, 200},
		} {
			method, url, _ := strings.Cut(tt.ask, " ")
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(method, url, nil))
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.want) {
				t.Errorf("%s: %d %s, want %d with %s", tt.ask, w.Code, w.Body, tt.status, tt.want)
			}
		}
	})
}

func TestWithoutACacheThereIsNothingToShow(t *testing.T) {
	w := httptest.NewRecorder()
	admin.Handler(admin.Options{}, http.NotFoundHandler()).ServeHTTP(w, httptest.NewRequest("GET", "/v1/cache", nil))
	if w.Code != 404 || !strings.Contains(w.Body.String(), "this server remembers nothing of names of others") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
