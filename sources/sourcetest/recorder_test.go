package sourcetest_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/rollcall-dns/rollcall/sources/sourcetest"
	"github.com/rollcall-dns/rollcall/zone"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func in(id string, state zone.State) zone.Instance {
	return zone.Instance{ID: id, Service: "web", State: state,
		Endpoints: []zone.Endpoint{{Addr: netip.MustParseAddr("10.0.0.1")}}}
}

func TestRecorderWritesWhatHappened(t *testing.T) {
	r := new(sourcetest.Recorder)
	broken := in("bad", zone.Up)
	broken.Service = "not a name"
	for _, c := range []zone.Change{
		{Kind: zone.SyncPart, Put: []zone.Instance{in("a", zone.Up), in("b", zone.Starting)}},
		{Kind: zone.SyncEnd, Put: []zone.Instance{broken}},
		{Put: []zone.Instance{in("a", zone.Up), in("b", zone.Up)}},
		{Drop: []string{"a", "nobody"}},
		{Kind: zone.SyncEnd, Put: []zone.Instance{in("c", zone.Down)}},
	} {
		if _, err := r.Send(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	r.Want(t, "+a", "+b starting", "+b", "-a", "+c down", "-b")
	if len(r.Live()) != 1 || r.Syncs() != 2 || len(r.Changes()) != 5 {
		t.Errorf("%d live, %d syncs, %d changes; want 1, 2, 5", len(r.Live()), r.Syncs(), len(r.Changes()))
	}
}

func TestRecorderRejectsAsAZoneDoes(t *testing.T) {
	r := new(sourcetest.Recorder)
	broken := in("a", zone.Up)
	broken.Service = "not a name"
	r.Send(t.Context(), zone.Change{Put: []zone.Instance{in("a", zone.Up)}})
	res, err := r.Send(t.Context(), zone.Change{Put: []zone.Instance{broken}})
	if err != nil || len(res.Rejected) != 1 || res.Rejected[0].ID != "a" || !res.Changed {
		t.Errorf("bad instance: %+v, %v", res, err)
	}
	r.Want(t, "+a", "-a")

	cause := errors.New("had enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if _, err := r.Send(ctx, zone.Change{}); err != cause {
		t.Errorf("Send when ctx is done: %v, want its cause", err)
	}
}

// failures is a testing.TB that keeps what is reported to it.
type failures struct {
	testing.TB
	text []string
}

func (f *failures) Helper() {}
func (f *failures) Errorf(format string, args ...any) {
	f.text = append(f.text, format)
}

func TestRecorderFailsTheTest(t *testing.T) {
	r := new(sourcetest.Recorder)
	r.Send(t.Context(), zone.Change{Put: []zone.Instance{in("a", zone.Up)}})
	f := &failures{TB: t}
	r.Want(f, "+b")
	if len(f.text) != 1 || !strings.Contains(f.text[0], "want") {
		t.Errorf("failures %q, want one", f.text)
	}
}
