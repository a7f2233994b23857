package main

import (
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/rollcall-dns/rollcall/sources/docker"
)

func TestAdvertisedKeepsWhatWasGiven(t *testing.T) {
	v4, v6 := netip.MustParseAddr("192.0.2.99"), netip.MustParseAddr("2001:db8::99")
	got := advertised([]netip.Addr{v6, v4}, "", slog.New(slog.DiscardHandler))
	if len(got) != 2 || got[0] != v6 || got[1] != v4 {
		t.Errorf("got %v, want both as they were given", got)
	}
}

func TestAdvertisedFillsUpWithTheDefaultRoute(t *testing.T) {
	v6 := netip.MustParseAddr("2001:db8::99")
	got := advertised([]netip.Addr{v6}, "", slog.New(slog.DiscardHandler))
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

func TestAdvertisedIsNeverEmptyWhereTheHostIsSeen(t *testing.T) {
	got := advertised(nil, "", slog.New(slog.DiscardHandler))
	if len(got) == 0 {
		t.Fatal("nothing is advertised")
	}
	for _, a := range got {
		if a.IsUnspecified() || a.Is4In6() || (a.IsLoopback() && len(got) > 1) {
			t.Errorf("got %v, of which %v helps nobody", got, a)
		}
	}
}

const hidden = "in a place without a view"

func TestAdvertisedGuessesNothingWhereTheHostIsHidden(t *testing.T) {
	v6 := netip.MustParseAddr("2001:db8::99")
	for _, given := range [][]netip.Addr{nil, {v6}} {
		var log strings.Builder
		got := advertised(given, hidden, slog.New(slog.NewTextHandler(&log, nil)))
		if !slices.Equal(got, given) {
			t.Errorf("got %v, want %v", got, given)
		}
		if warned := strings.Contains(log.String(), hidden); warned != (len(given) == 0) {
			t.Errorf("with %v the log is %q", given, log.String())
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
		hidden  string
		refused bool
	}{
		{"engine, nothing given", nil, there, hidden, true},
		{"given", given, there, hidden, false},
		{"host in sight", nil, there, "", false},
		{"no engine there", nil, absent, hidden, false},
		{"no engine wanted", nil, nil, hidden, false},
	}
	for _, tt := range tests {
		err := checkAdvertise(tt.given, tt.engine, tt.hidden)
		if (err != nil) != tt.refused || err != nil && !strings.Contains(err.Error(), tt.hidden) {
			t.Errorf("%s: got error %v", tt.name, err)
		}
	}
}

func TestRemoteEngines(t *testing.T) {
	tests := []struct {
		host, env string
		want      bool
	}{
		{"", "", false},
		{"unix:///run/docker.sock", "tcp://192.0.2.1:2375", false},
		{"tcp://127.0.0.1:2375", "", false},
		{"tcp://[::1]:2375", "", false},
		{"tcp://localhost:2375", "", false},
		{"tcp://192.0.2.1:2375", "", true},
		{"tcp://engine.example:2376", "", true},
		{"", "tcp://192.0.2.1:2375", true},
		{"", "unix:///run/docker.sock", false},
	}
	for _, tt := range tests {
		t.Setenv("DOCKER_HOST", tt.env)
		if got := (&engine{host: tt.host}).remote(); got != tt.want {
			t.Errorf("host %q, DOCKER_HOST %q: got %t", tt.host, tt.env, got)
		}
	}
	if (*engine)(nil).remote() {
		t.Error("no engine is remote")
	}
}
