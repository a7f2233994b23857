package selfreg

import (
	"fmt"
	"testing"

	"github.com/rollcall-dns/rollcall/sources/lease"
)

// kept is what a registration is read back as.
func kept(t testing.TB, s *Source, key, body string) (record, registration) {
	t.Helper()
	var f faults
	r := s.recorded(key, parseBody([]byte(body), &f), &f)
	if len(f) > 0 {
		t.Fatalf("%s: %v", body, f)
	}
	return encode(&r), r
}

// Most registrations have an address, a port and a lease, and there are a million.
func TestRecordOfMostIsSmall(t *testing.T) {
	r, _ := kept(t, new(Source), "web/one", `{"addresses":["10.0.0.1"],"ports":[{"number":80}],"lease":"24h"}`)
	if len(r) > 16 {
		t.Errorf("it takes %d octets, want at most 16: the next size that is allocated is 24", len(r))
	}
}

// What is read in one room stays as it was read, and takes no memory piece by piece: that
// would be garbage among what lives long.
func TestRecordsAreReadInOneRoom(t *testing.T) {
	s := new(Source)
	var m room
	var want, got []registration
	for i, body := range []string{
		`{"addresses":["10.0.0.1"],"ports":[{"number":80}]}`,
		`{"addresses":["10.0.0.2"],"ports":[{"number":80}]}`,
		`{"addresses":["10.0.0.3","2001:db8::3"],"ports":[{"number":81},{"number":80}]}`,
		`{"addresses":["10.0.0.4"]}`,
		`{"addresses":["10.0.0.5"],"ports":[{"number":80}]}`,
	} {
		id := fmt.Sprintf("web/%d", i)
		data, r := kept(t, s, id, body)
		again, _ := s.registered(lease.Granted{ID: id, Kept: string(data)}, &m)
		want, got = append(want, r), append(got, again)
	}
	for i := range got {
		if !got[i].in.Equal(&want[i].in) {
			t.Errorf("%+v, want %+v", got[i].in, want[i].in)
		}
	}
	data, _ := kept(t, s, "web/one", `{"addresses":["10.0.0.1"],"ports":[{"number":80}]}`)
	l := lease.Granted{ID: "web/one", Kept: string(data)}
	for range 2 * maxEndpoints {
		s.registered(l, &m)
	}
	if n := testing.AllocsPerRun(10*maxEndpoints, func() { s.registered(l, &m) }); n > 1 {
		t.Errorf("%v allocations for each, want one: of a name that is looked at", n)
	}
}

// What is read of a record is what it was made of, and whatever else stands there is
// refused or is a registration like any other.
func FuzzRecord(f *testing.F) {
	s := new(Source)
	for _, body := range []string{
		`{"addresses":["10.0.0.1","2001:db8::1"],"ports":[{"number":80},{"number":53,"protocol":"udp","name":"dns"}],"lease":"1m1ns","ttl":"9s"}`,
		`{"addresses":["10.0.0.1"],"ports":[{"number":443,"alpn":["h2","http/1.1"]}],"priority":300,"weight":65535,"tags":["a","b c"],"meta":{"b":"","a":"1"}}`,
		`{"addresses":["10.0.0.1"],"ports":[{"number":80}],"state":"draining","host":"other","check":{"http":"/","rise":3},"fallback":"last"}`,
	} {
		kept, r := kept(f, s, "web.shop/one", body)
		var m room
		again := s.recorded("web.shop/one", parseRecord(kept, &m), &m.faults)
		if len(m.faults) > 0 || !again.in.Equal(&r.in) || again.period != r.period || again.sender != r.sender {
			f.Errorf("%s is read as %+v, want %+v (%v)", body, again, r, m.faults)
		}
		f.Add([]byte(kept))
	}
	f.Add([]byte{fieldLease, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Add([]byte{fieldProto, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		var m room
		r := s.recorded("web/one", parseRecord(record(data), &m), &m.faults)
		if len(m.faults) > 0 {
			return
		}
		if err := r.in.Validate(); err != nil {
			t.Fatalf("%x is read as what the zone refuses: %v", data, err)
		}
		next := encode(&r)
		again := s.recorded("web/one", parseRecord(next, &m), &m.faults)
		if len(m.faults) > 0 || !again.in.Equal(&r.in) || encode(&again) != next {
			t.Errorf("%x is read as %+v, and written and read again as %+v (%v)", data, r.in, again.in, m.faults)
		}
	})
}
