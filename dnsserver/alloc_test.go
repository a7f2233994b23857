//go:build !race

package dnsserver

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// What is answered from the zone costs no memory.
func TestAnswersAllocateNothing(t *testing.T) {
	z := newZone(t)
	putAliases(t, z)
	crowd(t, z, "crowd", 10, 1)
	h := authorityOf(z)
	r := responder{handler: h, log: &limitedLog{log: slog.New(slog.DiscardHandler)}, n: new(counters)}
	from, local := netip.MustParseAddrPort("192.0.2.1:1234"), netip.MustParseAddrPort("198.51.100.1:53")
	for _, tt := range append(slices.Clone(answers), aliases...) {
		if strings.Contains(tt.want, "soa 10.in-addr.arpa") {
			continue // made for each answer: there are too many such zones to keep theirs
		}
		msg := query(tt.ask)
		var out []byte
		ask := func() {
			r.q = Query{From: from, Local: local, Transport: UDP}
			out, _ = r.respond(context.Background(), msg, out[:0])
		}
		if ask(); len(out) == 0 {
			t.Errorf("%s: no reply", tt.ask)
		}
		if n := testing.AllocsPerRun(20, ask); n >= 1 {
			t.Errorf("%s: %v allocations", tt.ask, n)
		}
		names := [][]byte{msg[headerLen:], r.q.Name}
		if n := testing.AllocsPerRun(20, func() { h.(Ahead).Ahead(names) }); n >= 1 {
			t.Errorf("%s: %v allocations to read ahead", tt.ask, n)
		}
	}
}
