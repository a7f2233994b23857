package selfreg_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/rollcall-dns/rollcall/sources"
	"github.com/rollcall-dns/rollcall/sources/selfreg"
	"github.com/rollcall-dns/rollcall/zone"
)

const whole = `{"addresses":["10.0.0.5"],"ports":[{"name":"http","number":8080,"protocol":"tcp"}],"lease":"30s","ttl":"5s",
	"priority":10,"weight":11,"tags":["v2"],"meta":{"version":"2.1"},"state":"up","host":"web-1"}`

func TestTheNextLookupSeesEachStep(t *testing.T) {
	steps := []struct {
		method, path, body string
		status             int
		ask, answer        string
	}{
		{"PUT", one, whole, 201, "web.svc.test. A", "web.svc.test. 5 IN A 10.0.0.5"},
		{"PUT", one, whole, 200, "_http._tcp.web.svc.test. SRV", "_http._tcp.web.svc.test. 5 IN SRV 10 11 8080 web-1.web.svc.test. + web-1.web.svc.test. 5 IN A 10.0.0.5"},
		{"PUT", one + "/heartbeat", "", 204, "web.svc.test. TXT", `web.svc.test. 5 IN TXT "version=2.1"`},
		{"PUT", one + "/state", `{"state":"draining"}`, 204, "web.svc.test. A", "NODATA"},
		{"PUT", one + "/state", `{"state":"up"}`, 204, "v2.tag.web.svc.test. A", "v2.tag.web.svc.test. 5 IN A 10.0.0.5"},
		{"PUT", one, `{"addresses":["10.0.0.6"]}`, 200, "web.svc.test. A", "web.svc.test. 5 IN A 10.0.0.6"},
		{"PUT", "/v1/services/WEB/instances/one", `{"addresses":["10.0.0.6"]}`, 200, "web.svc.test. A", "web.svc.test. 5 IN A 10.0.0.6"},
		{"DELETE", one, "", 204, "web.svc.test. A", "NXDOMAIN"},
		{"DELETE", one, "", 404, "web.svc.test. A", "NXDOMAIN"},
		{"PUT", one + "/heartbeat", "", 404, "web.svc.test. A", "NXDOMAIN"},
		{"PUT", one + "/state", `{"state":"up"}`, 404, "web.svc.test. A", "NXDOMAIN"},
		{"PUT", one, "", 201, "web.svc.test. A", "web.svc.test. 5 IN A 10.9.9.9"},
		{"PUT", one, `{"state":"starting"}`, 200, "web.svc.test. A", "NODATA"},
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, setup{})
		for _, s := range steps {
			w.want(s.status, s.method, s.path, s.body)
			w.wantAnswer(s.ask, s.answer)
		}
	})
}

func TestRegistrationIsAnsweredWithInstanceNamesAndLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, setup{})
		rec := w.want(201, "PUT", one, whole)
		if ct := rec.Header().Get("Content-Type"); ct != "application/json" {
			t.Errorf("content type %q", ct)
		}
		const want = `{"instance":{"service":"web","id":"one","source":"selfreg","state":"up","host":"web-1",` +
			`"endpoints":[{"address":"10.0.0.5","ports":[{"name":"http","number":8080,"protocol":"tcp"}]}],` +
			`"priority":10,"weight":11,"tags":["v2"],"meta":{"version":"2.1"},"ttl":"5s"},` +
			`"names":["web.svc.test.","_http._tcp.web.svc.test.","_8080._tcp.web.svc.test.","v2.tag.web.svc.test.","web-1.web.svc.test."],` +
			`"lease":{"duration":"30s","remaining":"30s"}}` + "\n"
		sortNames := func(s string) string {
			before, rest, _ := strings.Cut(s, `"names":[`)
			names, after, _ := strings.Cut(rest, `]`)
			list := strings.Split(names, ",")
			slices.Sort(list)
			return before + strings.Join(list, ",") + after
		}
		if diff := cmp.Diff(sortNames(want), sortNames(rec.Body.String())); diff != "" {
			t.Errorf("answer (-want +got):\n%s", diff)
		}
		time.Sleep(7 * time.Second)
		if r := read(t, w.want(200, "GET", one, "")); r.Lease.Remaining != "23s" || r.Instance.ID != "one" {
			t.Errorf("7 s later: %+v", r)
		}
	})
}

func TestDefaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, setup{})
		for _, body := range []string{"", "{}", `{"ports":null,"lease":null}`} {
			r := read(t, w.send("PUT", one, body))
			in := r.Instance
			if in.State != "up" || r.Lease.Duration != "30s" || in.Priority != 0 || in.Weight != 0 || in.Host != "one" || in.TTL != "" ||
				len(in.Endpoints) != 1 || in.Endpoints[0].Address != "10.9.9.9" || len(in.Endpoints[0].Ports) != 0 {
				t.Errorf("body %q: %+v", body, r)
			}
		}
		w.want(200, "PUT", one, `{"ports":[{"number":80}]}`)
		w.wantAnswer("_http._tcp.web.svc.test. SRV", "_http._tcp.web.svc.test. 5 IN SRV 0 0 80 one.web.svc.test. + one.web.svc.test. 5 IN A 10.9.9.9")
	})
}

func TestHostIsMadeOfTheID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, setup{})
		for id, host := range map[string]string{
			"web-1": "web-1", "Web_1": "web_1", "10.0.0.5:8080": "10-0-0-5-8080", "a%2Fb": "a-b", "-x-": "x",
			"tag": "", "...a": "a", "::": "", strings.Repeat("a", 64): "",
		} {
			r := read(t, w.want(201, "PUT", "/v1/services/web/instances/"+id, ""))
			if r.Instance.Host != host || len(r.Names) != 2 {
				t.Errorf("ID %s: host %q, names %q; want %q", id, r.Instance.Host, r.Names, host)
			}
			w.want(204, "PUT", "/v1/services/web/instances/"+id+"/heartbeat", "")
			w.want(200, "GET", "/v1/services/web/instances/"+id, "")
		}
	})
}

func TestAddressOfAServiceThatGaveNone(t *testing.T) {
	v4, v6 := netip.MustParseAddr("192.0.2.99"), netip.MustParseAddr("2001:db8::99")
	tests := []struct {
		sender    string
		advertise []netip.Addr
		want      string // "" is refused
	}{
		{"10.0.0.7:1", nil, "10.0.0.7"},
		{"[2001:db8::7]:1", nil, "2001:db8::7"},
		{"[::ffff:10.0.0.7]:1", nil, "10.0.0.7"},
		{"127.0.0.1:1", []netip.Addr{v6, v4}, "192.0.2.99"},
		{"127.8.8.8:1", []netip.Addr{v4}, "192.0.2.99"},
		{"[::ffff:127.0.0.1]:1", []netip.Addr{v6, v4}, "192.0.2.99"},
		{"[::1]:1", []netip.Addr{v4, v6}, "2001:db8::99"},
		{"[::1]:1", []netip.Addr{v4}, "192.0.2.99"},
		{"127.0.0.1:1", nil, ""},
		{"[fe80::1%eth0]:1", nil, ""},
		{"@", nil, ""},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, setup{adv: tt.advertise})
			rec := w.from(tt.sender, "PUT", one, "")
			r := read(t, rec)
			switch {
			case tt.want == "" && (rec.Code != 400 || len(r.Errors) != 1 || r.Errors[0].Field != "addresses"):
				t.Errorf("from %s: %d %s, want addresses to be asked for", tt.sender, rec.Code, rec.Body)
			case tt.want != "" && (rec.Code != 201 || r.Instance.Endpoints[0].Address != tt.want):
				t.Errorf("from %s: %d %s, want %s", tt.sender, rec.Code, rec.Body, tt.want)
			}
		})
	}
}

// A loopback address is what the service says: who asks from elsewhere gets it too.
func TestAddressesAreAnsweredAsTheyWereGiven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, setup{adv: []netip.Addr{netip.MustParseAddr("192.0.2.99")}})
		for _, addr := range []string{"127.0.0.1", "169.254.1.1", "240.0.0.1"} {
			w.send("PUT", one, fmt.Sprintf(`{"addresses":[%q]}`, addr))
			w.wantAnswer("web.svc.test. A", "web.svc.test. 5 IN A "+addr)
		}
		w.want(200, "PUT", one, `{"addresses":["::1"]}`)
		w.wantAnswer("web.svc.test. AAAA", "web.svc.test. 5 IN AAAA ::1")
	})
}

func TestRegisteringAgainKeepsTheLeaseAndPublishesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, setup{})
		w.want(201, "PUT", one, whole)
		before := w.zone.Snapshot()
		in, _ := before.Instance(zone.Key{Source: "selfreg", ID: "web/one"})
		time.Sleep(20 * time.Second)
		w.want(200, "PUT", one, whole)
		if w.zone.Snapshot() != before {
			t.Error("registering the same again has published something")
		}
		if got := time.Duration(in.Lease.Deadline()); got != 50*time.Second {
			t.Errorf("the lease ends at %v, want it renewed to 50 s", got)
		}
		w.want(200, "PUT", one, `{"addresses":["10.0.0.6"]}`)
		if now, _ := w.zone.Snapshot().Instance(zone.Key{Source: "selfreg", ID: "web/one"}); now.Lease != in.Lease {
			t.Error("registering anew has given another lease")
		}
	})
}

func TestStateLeavesTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, setup{})
		w.want(201, "PUT", one, whole)
		time.Sleep(20 * time.Second)
		w.want(204, "PUT", one+"/state", `{"state":"draining"}`)
		w.want(204, "PUT", one+"/state", `{"state":"draining"}`)
		r := read(t, w.want(200, "GET", one, ""))
		if r.Lease.Remaining != "10s" || r.Instance.State != "draining" || r.Instance.Reason != "the service says that it is draining" {
			t.Errorf("after the change of state: %+v", r)
		}
		time.Sleep(10*time.Second + 20*time.Millisecond)
		w.wantAnswer("web.svc.test. A", "NXDOMAIN")
	})
}

func TestLeaseEndsOnTimeUnlessRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, setup{})
		w.want(201, "PUT", one, `{"lease":"2005ms"}`) // it ends between two ticks
		for range 5 {
			time.Sleep(1900 * time.Millisecond)
			w.want(204, "PUT", one+"/heartbeat", "")
		}
		time.Sleep(2005*time.Millisecond - time.Nanosecond)
		w.wantAnswer("web.svc.test. A", "web.svc.test. 0 IN A 10.9.9.9")
		time.Sleep(time.Nanosecond)
		w.wantAnswer("web.svc.test. A", "NODATA") // not answered from that moment on, although it is still there
		w.want(404, "PUT", one+"/heartbeat", "")
		w.want(404, "PUT", one+"/state", `{"state":"up"}`)
		w.want(404, "GET", one, "")
		time.Sleep(60 * time.Millisecond)
		w.wantAnswer("web.svc.test. A", "NXDOMAIN")
		w.want(201, "PUT", one, `{"lease":"2s"}`)
	})
}

func TestRegistrationAtTheEndOfItsLeaseIsNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, setup{})
		w.want(201, "PUT", one, `{"lease":"1001ms"}`)
		time.Sleep(1001 * time.Millisecond) // it ends between two ticks
		w.want(201, "PUT", one, `{"lease":"1001ms"}`)
		time.Sleep(time.Second)
		w.wantAnswer("web.svc.test. A", "web.svc.test. 0 IN A 10.9.9.9")
	})
}

func TestTTLIsNeverLongerThanTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, setup{})
		w.want(201, "PUT", one, `{"lease":"10s","ttl":"1h"}`)
		time.Sleep(2500 * time.Millisecond)
		w.wantAnswer("web.svc.test. A", "web.svc.test. 7 IN A 10.9.9.9")
	})
}

func TestFullZoneRefusesAndForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, setup{max: 1, dir: t.TempDir()})
		w.want(201, "PUT", one, whole)
		rec := w.want(503, "PUT", "/v1/services/web/instances/two", whole)
		if rec.Header().Get("Retry-After") == "" || read(t, rec).Detail == "" {
			t.Errorf("refusal %v %s says neither when nor why", rec.Header(), rec.Body)
		}
		w.want(404, "PUT", "/v1/services/web/instances/two/heartbeat", "")
		w.want(404, "DELETE", "/v1/services/web/instances/two", "")
		w.want(200, "PUT", one, `{"weight":3}`)
		w.want(204, "DELETE", one, "")
		if st := w.sup.Status()[0]; len(st.Rejected) != 0 {
			t.Errorf("status lists %v, but the client was told", st.Rejected)
		}
		w.want(201, "PUT", "/v1/services/web/instances/two", whole)
	})
}

// stuck is a sink that does not go on until it is told to.
type stuck struct {
	sources.Sink
	free chan struct{}
}

func (s stuck) Send(ctx context.Context, c zone.Change) (zone.Result, error) {
	if c.Kind == zone.Delta {
		<-s.free
	}
	return s.Sink.Send(ctx, c)
}

func TestCancelledRequestLeavesNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		free := make(chan struct{})
		w := newWorld(t, setup{sink: func(s sources.Sink) sources.Sink { return stuck{s, free} }})
		go w.send("PUT", "/v1/services/web/instances/first", "")
		synctest.Wait() // the first is in the sink
		ctx, cancel := context.WithCancel(t.Context())
		got := make(chan int, 1)
		go func() {
			r := httptest.NewRequest("PUT", one, nil).WithContext(ctx)
			r.RemoteAddr = "10.9.9.9:1"
			rec := httptest.NewRecorder()
			w.h.ServeHTTP(rec, r)
			got <- rec.Code
		}()
		synctest.Wait()
		cancel()
		if code := <-got; code != 503 {
			t.Errorf("cancelled request: %d, want 503", code)
		}
		close(free)
		synctest.Wait()
		w.wantAnswer("web.svc.test. A", "web.svc.test. 5 IN A 10.9.9.9")
		if n := w.zone.Snapshot().Len(); n != 1 {
			t.Errorf("%d instances, want the first alone", n)
		}
		w.want(404, "PUT", one+"/heartbeat", "")
	})
}

func TestWritesWaitNoLongerThan5s(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, setup{})
		w.stop()
		began := time.Now()
		rec := w.want(503, "PUT", one, "")
		if d := time.Since(began); d != 5*time.Second || rec.Header().Get("Retry-After") != "1" {
			t.Errorf("refused after %v, retry after %q", d, rec.Header().Get("Retry-After"))
		}
	})
}

func TestManyWritesAtOnceAreAllDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, setup{})
		codes := make(chan int)
		for i := range 2000 {
			go func() {
				codes <- w.send("PUT", fmt.Sprintf("/v1/services/web/instances/%d", i%1000), fmt.Sprintf(`{"weight":%d}`, i)).Code
			}()
		}
		count := map[int]int{}
		for range 2000 {
			count[<-codes]++
		}
		if count[201] != 1000 || count[200] != 1000 || w.zone.Snapshot().Len() != 1000 {
			t.Errorf("answers %v with %d instances, want 1000 new and 1000 known", count, w.zone.Snapshot().Len())
		}
	})
}

// The text of an ID is in memory once: the zone has that of the lease. There are a million.
func TestZoneAndLeaseShareTheID(t *testing.T) {
	w := newWorld(t, setup{})
	w.want(201, "PUT", one, `{"lease":"1h"}`)
	w.want(200, "PUT", one, `{"lease":"2h","weight":7}`)
	w.stop()
	records := w.src.Records()
	if len(records) != 1 {
		t.Fatalf("%d records, want 1", len(records))
	}
	kept := records[0].ID
	in, ok := w.zone.Snapshot().Instance(zone.Key{Source: selfreg.Name, ID: kept})
	if !ok || unsafe.StringData(in.ID) != unsafe.StringData(kept) {
		t.Errorf("in the zone: %v, with an ID of its own", ok)
	}
}
