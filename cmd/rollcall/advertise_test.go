package main

import (
	"log/slog"
	"net/netip"
	"testing"

	"github.com/rollcall-dns/rollcall/sources/docker"
)

func TestAdvertisedKeepsWhatWasGiven(t *testing.T) {
	v4, v6 := netip.MustParseAddr("192.0.2.99"), netip.MustParseAddr("2001:db8::99")
	got := advertised([]netip.Addr{v6, v4}, slog.New(slog.DiscardHandler))
	if len(got) != 2 || got[0] != v6 || got[1] != v4 {
		t.Errorf("got %v, want both as they were given", got)
	}
}

func TestAdvertisedFillsUpWithTheDefaultRoute(t *testing.T) {
	v6 := netip.MustParseAddr("2001:db8::99")
	got := advertised([]netip.Addr{v6}, slog.New(slog.DiscardHandler))
	source, routed := sourceTo(netip.MustParseAddr("192.0.2.1"))
	switch {
	case got[0] != v6:
		t.Errorf("got %v, want %v first", got, v6)
	case routed && (len(got) != 2 || got[1] != source):
		t.Errorf("got %v, want %v second", got, source)
	case !routed && len(got) != 1:
		t.Errorf("got %v without a route for IPv4, want %v alone", got, v6)
	}
}

func TestAdvertisedIsNeverEmpty(t *testing.T) {
	got := advertised(nil, slog.New(slog.DiscardHandler))
	if len(got) == 0 {
		t.Fatal("nothing is advertised")
	}
	for _, a := range got {
		if a.IsUnspecified() || a.Is4In6() || (a.IsLoopback() && len(got) > 1) {
			t.Errorf("got %v, of which %v helps nobody", got, a)
		}
	}
}

func TestAdvertiseMustBeGivenWhereTheHostIsHidden(t *testing.T) {
	given := []netip.Addr{netip.MustParseAddr("192.0.2.99")}
	there, absent := &engine{}, &engine{absent: docker.ErrNoEngine}
	tests := []struct {
		name    string
		given   []netip.Addr
		engine  *engine
		hidden  bool
		refused bool
	}{
		{"engine, nothing given", nil, there, true, true},
		{"given", given, there, true, false},
		{"host in sight", nil, there, false, false},
		{"no engine there", nil, absent, true, false},
		{"no engine wanted", nil, nil, true, false},
	}
	for _, tt := range tests {
		if err := checkAdvertise(tt.given, tt.engine, tt.hidden); (err != nil) != tt.refused {
			t.Errorf("%s: got error %v", tt.name, err)
		}
	}
}
