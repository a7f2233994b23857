// Package fleet is the instances that a server is given: all alike, each with an address
// of its own.
package fleet

import (
	"context"
	"fmt"

	"github.com/rollcall-dns/rollcall/bench/internal/web"
)

// Fleet is services of as many members each, with a lease of this duration.
type Fleet struct {
	Services, Members int
	Lease             string
}

// Len is the number of instances. They are counted through: those of a service follow
// one another.
func (f *Fleet) Len() int { return f.Services * f.Members }

// Name gives the service of an instance, and its ID there, which is its host name too.
func (f *Fleet) Name(i int) (service, id string) {
	return fmt.Sprintf("s%d", i/f.Members), fmt.Sprintf("i%d", i%f.Members)
}

// Address is that of an instance.
func (f *Fleet) Address(i int) string {
	return fmt.Sprintf("10.%d.%d.%d", i>>16&255, i>>8&255, i&255)
}

// AppendPut appends the request that registers an instance.
func (f *Fleet) AppendPut(b []byte, i, weight int) []byte {
	service, id := f.Name(i)
	return web.AppendPut(b, fmt.Sprintf("/v1/services/%s/instances/%s", service, id),
		fmt.Appendf(nil, `{"addresses":[%q],"ports":[{"number":80}],"lease":%q,"weight":%d}`, f.Address(i), f.Lease, weight))
}

// AppendBeat appends a heartbeat of one instance.
func (f *Fleet) AppendBeat(b []byte, i int) []byte {
	service, id := f.Name(i)
	return web.AppendPut(b, fmt.Sprintf("/v1/services/%s/instances/%s/heartbeat", service, id), nil)
}

// AppendBeats appends the request of the heartbeats of n instances, from one on.
func (f *Fleet) AppendBeats(b []byte, from, n int) []byte {
	body := []byte(`{"instances":[`)
	for i := range n {
		if i > 0 {
			body = append(body, ',')
		}
		service, id := f.Name((from + i) % f.Len())
		body = fmt.Appendf(body, `{"service":%q,"id":%q}`, service, id)
	}
	return web.AppendPut(b, "/v1/heartbeats", append(body, "]}"...))
}

// Register registers the instances of [from, to) with the server at an HTTP address.
func (f *Fleet) Register(ctx context.Context, addr string, conns, from, to int) error {
	return web.Each(ctx, addr, conns, to-from, func(i int, b []byte) []byte { return f.AppendPut(b, from+i, 0) })
}
