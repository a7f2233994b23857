package zone

import (
	"fmt"
	"net/netip"
	"testing"
)

// Ahead has read the lease of an instance, which is the last that it reads, when what it
// has seen depends on the deadline.
func TestAheadReadsAsFarAsTheLeases(t *testing.T) {
	z, err := New(Options{Domains: []Name{MustParseName("svc.test")}})
	if err != nil {
		t.Fatal(err)
	}
	lease := NewLease(0)
	c := Change{Source: "test"}
	for _, service := range []string{"web", "web.shop", "far"} {
		for i := range seats {
			c.Put = append(c.Put, Instance{
				ID: fmt.Sprint(service, i), Service: service, Host: fmt.Sprint("h", i), State: Up, Lease: lease,
				Endpoints: []Endpoint{{Addr: netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), Ports: []Port{{Name: "http", Number: 80}}}},
			})
		}
	}
	if r := z.Apply(c); len(r.Rejected) > 0 {
		t.Fatal(r.Rejected[0].Err)
	}
	for _, tt := range []struct {
		name  string
		reads int
	}{
		{"web.svc.test", seats},
		{"WEB.shop.svc.test", seats},
		{"_http._tcp.web.svc.test", seats},
		{"h1.web.svc.test", seats},
		{"_nope._tcp.web.svc.test", seats},
		{"nope.svc.test", 0},
		{"shop.svc.test", 0},
		{"svc.test", 0},
		{"web.example", 0},
	} {
		seen := func(deadline int64, count int) uint64 {
			var names [][]byte
			for range count {
				names = append(names, []byte(MustParseName(tt.name)))
			}
			lease.Extend(deadline)
			var a Ahead
			z.Snapshot().Ahead(&a, names)
			return a.seen
		}
		for _, count := range []int{0, 1, 2, MaxAhead, MaxAhead + 1} {
			want := uint64(min(count, MaxAhead) * tt.reads * 1000)
			if got := seen(5000, count) - seen(4000, count); got != want {
				t.Errorf("%d times %s: leases of %d were read, want %d", count, tt.name, got/1000, want/1000)
			}
		}
	}
}

func FuzzAheadTakesAnyName(f *testing.F) {
	f.Add([]byte("\x03web\x03svc\x04test\x00"))
	f.Add([]byte("\x05_http\x04_tcp\x03web\x03svc\x04test\x00"))
	f.Add([]byte("\x01_\x03svc\x04test\x00\x01"))
	z, err := New(Options{Domains: []Name{MustParseName("svc.test")}})
	if err != nil {
		f.Fatal(err)
	}
	z.Apply(Change{Source: "test", Put: []Instance{{ID: "1", Service: "web", State: Up, Endpoints: []Endpoint{{Addr: netip.AddrFrom4([4]byte{192, 0, 2, 1})}}}}})
	f.Fuzz(func(t *testing.T, name []byte) {
		var a Ahead
		z.Snapshot().Ahead(&a, [][]byte{name, name})
	})
}
