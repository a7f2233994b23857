package selfreg_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall-dns/rollcall/sources/lease"
	"github.com/rollcall-dns/rollcall/sources/selfreg"
)

func TestRegistrationsOutliveARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		w := newWorld(t, setup{dir: dir})
		w.want(201, "PUT", one, strings.Replace(whole, `"30s"`, `"3s"`, 1))
		w.want(201, "PUT", "/v1/services/left/instances/one", "")
		w.want(204, "DELETE", "/v1/services/left/instances/one", "")
		w.want(201, "PUT", "/v1/services/ended/instances/one", `{"lease":"1s"}`)
		w.want(201, "PUT", "/v1/services/drained/instances/1:x%2F2", `{"addresses":["10.0.0.1","2001:db8::1"],"ports":[{"number":1}],"lease":"1h"}`)
		w.want(201, "PUT", "/v1/services/secure/instances/one", `{"addresses":["10.0.0.1"],"ports":[{"name":"https","number":8443,"alpn":["h2"]}],"lease":"1h","host":"s"}`)
		w.want(204, "PUT", "/v1/services/drained/instances/1:x%2F2/state", `{"state":"draining"}`)
		time.Sleep(2 * time.Second)
		before := w.want(200, "GET", one, "").Body.String()
		w.stop()

		w = newWorld(t, setup{dir: dir})
		w.wantAnswer("web.svc.test. SRV", "web.svc.test. 3 IN SRV 10 11 8080 web-1.web.svc.test. + web-1.web.svc.test. 3 IN A 10.0.0.5")
		if after := w.want(200, "GET", one, "").Body.String(); strings.Replace(before, `"remaining":"1s"`, `"remaining":"3s"`, 1) != after {
			t.Errorf("before %s\nafter  %s\nwant the same with a whole lease", before, after)
		}
		w.wantAnswer("secure.svc.test. HTTPS", `secure.svc.test. 5 IN HTTPS 1 s.secure.svc.test. alpn="h2" no-default-alpn="" port="8443" ipv4hint="10.0.0.1" + s.secure.svc.test. 5 IN A 10.0.0.1`)
		w.wantAnswer("left.svc.test. A", "NXDOMAIN")
		w.wantAnswer("ended.svc.test. A", "NXDOMAIN")
		w.wantAnswer("drained.svc.test. A", "NODATA")
		w.want(204, "PUT", "/v1/services/drained/instances/1:x%2F2/state", `{"state":"up"}`)
		w.wantAnswer("drained.svc.test. AAAA", "drained.svc.test. 5 IN AAAA 2001:db8::1")
		time.Sleep(3*time.Second + 10*time.Millisecond)
		w.wantAnswer("web.svc.test. A", "NXDOMAIN")
	})
}

// Who gave no address gets the one that is advertised now. What was given stays,
// and so does what older versions have written: the address that was found.
func TestDefaultAddressIsFoundAnewAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		first, second := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
		w := newWorld(t, setup{dir: dir, adv: []netip.Addr{first}})
		put := func(sender, id, body string) {
			if rec := w.from(sender, "PUT", "/v1/services/web/instances/"+id, body); rec.Code != 201 && rec.Code != 200 {
				t.Fatalf("%s: %d %s", id, rec.Code, rec.Body)
			}
		}
		put("127.0.0.1:1", "default", `{"lease":"1h"}`)
		w.want(204, "PUT", "/v1/services/web/instances/default/state", `{"state":"draining"}`)
		put("10.0.0.7:1", "away", "")
		put("127.0.0.1:1", "given", `{"addresses":["192.0.2.1"]}`)
		put("127.0.0.1:1", "first-given", `{"addresses":["192.0.2.1"]}`)
		put("127.0.0.1:1", "first-given", "") // the same to the zone, and not the same after a restart
		w.stop()
		j, _, err := lease.OpenJournal(dir, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		old := lease.Record{ID: "web/old", Data: []byte(`{"addresses":["192.0.2.1"],"lease":"30s","state":"up","host":"old"}`)}
		if err := errors.Join(j.Write([]lease.Record{old}, nil), j.Close()); err != nil {
			t.Fatal(err)
		}
		for range 2 { // also when it was written anew from what was read
			w = newWorld(t, setup{dir: dir, adv: []netip.Addr{second}})
			for id, want := range map[string]string{
				"default": "192.0.2.2", "away": "10.0.0.7", "given": "192.0.2.1", "first-given": "192.0.2.2", "old": "192.0.2.1",
			} {
				r := read(t, w.want(200, "GET", "/v1/services/web/instances/"+id, ""))
				if got := r.Instance.Endpoints[0].Address; got != want {
					t.Errorf("%s is at %s after the restart, want %s", id, got, want)
				}
				w.want(204, "PUT", "/v1/services/web/instances/"+id+"/state", `{"state":"down"}`)
			}
			w.stop()
		}
	})
}

func TestHeartbeatsAndRepetitionsAreNotWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		w := newWorld(t, setup{dir: dir})
		w.want(201, "PUT", one, whole)
		size := func() int64 {
			info, err := os.Stat(filepath.Join(dir, "registrations.log"))
			if err != nil {
				t.Fatal(err)
			}
			return info.Size()
		}
		before := size()
		for range 100 {
			w.want(204, "PUT", one+"/heartbeat", "")
			w.want(200, "PUT", one, whole)
			w.want(204, "PUT", one+"/state", `{"state":"up"}`)
		}
		if after := size(); before == 0 || after != before {
			t.Errorf("the log has grown from %d to %d octets", before, after)
		}
	})
}

func TestTwoProcessesCannotShareADirectory(t *testing.T) {
	dir := t.TempDir()
	now := func() int64 { return 0 }
	first, err := selfreg.New(selfreg.Options{Now: now, DataDir: dir, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := selfreg.New(selfreg.Options{Now: now, DataDir: dir}); err == nil || !strings.Contains(err.Error(), "in use") || !strings.Contains(err.Error(), dir) {
		t.Errorf("second: %v, want that %s is in use", err, dir)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestDirectoryThatCannotBeIsAClearError(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := selfreg.New(selfreg.Options{Now: func() int64 { return 0 }, DataDir: filepath.Join(file, "data")})
	if err == nil || !strings.Contains(err.Error(), "the data directory cannot be written") || !strings.Contains(err.Error(), file) {
		t.Errorf("New: %v, want a clear error", err)
	}
}

func TestRegistrationsThatAreNotValidAnyMoreAreLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		j, _, err := lease.OpenJournal(dir, slog.New(slog.NewTextHandler(io.Discard, nil)))
		if err != nil {
			t.Fatal(err)
		}
		err = j.Write([]lease.Record{
			{ID: "web/good", Data: []byte(`{"addresses":["10.0.0.1"]}`)},
			{ID: "web/lease", Data: []byte(`{"addresses":["10.0.0.1"],"lease":"1ms"}`)},
			{ID: "web/none", Data: []byte(`{}`)},
			{ID: "web", Data: []byte(`{"addresses":["10.0.0.1"]}`)},
			{ID: "a..b/one", Data: []byte(`{"addresses":["10.0.0.1"]}`)},
			{ID: "web/text", Data: []byte(`hello`)},
			{ID: "web/torn", Data: []byte("\x01\x80\x94\xeb\xdc\x03\x03\x0a")},                         // no whole address
			{ID: "a..b/two", Data: []byte("\x01\x80\x94\xeb\xdc\x03\x03\x0a\x00\x00\x01\x05\x00\x50")}, // 1s, 10.0.0.1, port 80
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		j.Close()
		var l logs
		w := newWorld(t, setup{dir: dir, log: slog.New(slog.NewTextHandler(&l, nil))})
		if n := w.zone.Snapshot().Len(); n != 1 {
			t.Errorf("%d instances, want the good one", n)
		}
		for _, part := range []string{"web/lease field=lease", "web/none field=addresses", "instance=web field=id", "a..b/one field=service", "web/text field=\"\"", "web/torn field=\"\"", "a..b/two field=service"} {
			if !strings.Contains(l.String(), part) {
				t.Errorf("log lacks %q:\n%s", part, l.String())
			}
		}
	})
}

// onError is a log that is told of errors alone.
type onError func()

func (f onError) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelError }
func (f onError) Handle(context.Context, slog.Record) error    { f(); return nil }
func (f onError) WithAttrs([]slog.Attr) slog.Handler           { return f }
func (f onError) WithGroup(string) slog.Handler                { return f }

// Reading takes its time: here an hour for each record that is left out.
func TestLeasesBeginWhenAllIsRead(t *testing.T) {
	dir := t.TempDir()
	j, _, err := lease.OpenJournal(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	records := []lease.Record{{ID: "web/good", Data: []byte(`{"addresses":["10.0.0.1"]}`)}}
	for i := range 50 {
		records = append(records, lease.Record{ID: fmt.Sprint("web/bad-", i), Data: []byte(`{"x":1}`)})
	}
	if err := errors.Join(j.Write(records, nil), j.Close()); err != nil {
		t.Fatal(err)
	}
	clock := int64(0)
	now := func() int64 { return clock }
	log := slog.New(onError(func() { clock += int64(time.Hour) }))
	src, err := selfreg.New(selfreg.Options{Now: now, DataDir: dir, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	rec := httptest.NewRecorder()
	src.Handler(selfreg.Health{}).ServeHTTP(rec, httptest.NewRequest("PUT", "/v1/services/web/instances/good/heartbeat", nil))
	if rec.Code != 204 {
		t.Errorf("heartbeat after %v of reading: %d, want 204", time.Duration(clock), rec.Code)
	}
}

// More registrations than the zone takes now: those that are refused are unknown,
// so that whoever renews one registers again and learns why.
func TestRestartWithASmallerZone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		w := newWorld(t, setup{dir: dir})
		w.want(201, "PUT", one, whole)
		w.want(201, "PUT", "/v1/services/web/instances/two", whole)
		w.stop()
		w = newWorld(t, setup{dir: dir, max: 1})
		synctest.Wait() // the refused are forgotten right after the complete set
		beats := map[int]int{}
		for _, id := range []string{"one", "two"} {
			beats[w.send("PUT", "/v1/services/web/instances/"+id+"/heartbeat", "").Code]++
		}
		if beats[204] != 1 || beats[404] != 1 {
			t.Errorf("heartbeats are answered %v, want one known and one not", beats)
		}
	})
}

// logs is the text that was logged.
type logs struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}
