//go:build conformance

package clients

import (
	"fmt"
	"slices"
	"testing"
)

// A kind of service, with the addresses of each instance.
type kind struct {
	service   string
	state     string
	instances [][]string
}

var kinds = []kind{
	{"dual", "up", [][]string{{"10.7.0.9", "fd07::9"}}},
	{"six", "up", [][]string{{"fd07::9"}}},
	{"many", "up", tooMany()},
	{"idle", "draining", [][]string{{"10.7.0.9"}}},
	{"nobody", "", nil},
}

// tooMany are more than a datagram holds.
func tooMany() (all [][]string) {
	for i := range 100 {
		all = append(all, []string{fmt.Sprintf("10.7.0.%d", 100+i)})
	}
	return all
}

func (k kind) register(t *testing.T, r *registry) {
	t.Helper()
	for i, addrs := range k.instances {
		r.put(t, k.service, fmt.Sprint("n", i), k.state, addrs...)
	}
}

// lookEverywhere finds what each kind of service has: a client is not held up where a
// family of addresses is missing, or an answer is larger than a datagram.
func (r *result) lookEverywhere(t *testing.T, see look) {
	t.Helper()
	const fit = 20 // of many, at least
	for _, k := range kinds {
		var want []string
		if k.state == "up" {
			want = r.views(slices.Concat(k.instances...))
		}
		got := r.look(t, see, k.service)
		if r.datagrams && len(got) >= fit {
			want = slices.DeleteFunc(want, func(a string) bool { return !slices.Contains(got, a) })
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: it sees %q, want %q", k.service, got, want)
		}
	}
}
