package docker

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/rollcall-dns/rollcall/zone"
)

// engine is what this package needs of a Docker engine: reads only. Every method
// but watch ends within a few times the timeout given to dial, and may be called at once
// from several goroutines.
type engine interface {
	// watch subscribes to events, calls subscribed, then hands each event to
	// heed until ctx is done or the stream ends, which is an error. It leaves no
	// goroutine behind.
	watch(ctx context.Context, subscribed func(), heed func(event)) error
	// list gives the IDs of the running containers.
	list(ctx context.Context) ([]string, error)
	// inspect gives one container by ID or name. The error is errGone when there
	// is none, and wraps errUnreadable when the fault is with this one alone.
	inspect(ctx context.Context, id string) (*container, error)
	networks(ctx context.Context) ([]network, error)
	// local reports whether the engine is on this machine.
	local() bool
	close()
}

var (
	errGone       = errors.New("there is no such container")
	errUnreadable = errors.New("cannot be inspected")
)

// event says that something has happened to a container or to the networks.
type event struct {
	container string // ID; "" when it concerns the networks as such
	what      happening
	signal    int       // of killed
	at        time.Time // by the engine's clock; zero when it does not say
}

// happening is what the order of events tells beyond "look again".
type happening uint8

const (
	changed happening = iota
	killed            // a signal was sent
	started
	ended // died or destroyed
)

// container is what an engine tells of one container.
type container struct {
	id, name    string // the name without its slash
	labels      map[string]string
	env         []string // KEY=VALUE
	running     bool     // also when paused; false while it waits for a restart
	restarting  bool     // waits for a restart
	paused      bool
	health      string // "" without a health check, else starting, healthy or unhealthy
	started     time.Time
	stopSignal  int
	stopTimeout time.Duration
	mode        string // of the network: bridge, host, none, container:ID or the name of a network

	exposed   []portKey
	published map[portKey][]binding
	seats     []seat

	// owner is the container whose network this one shares, and shares the IDs
	// on the way to it. The owner is nil when there is none any more.
	owner  *container
	shares []string
}

// portKey is a port inside a container.
type portKey struct {
	number uint16
	proto  zone.Proto
}

// binding is where a port is published on the engine's host.
type binding struct {
	addr netip.Addr // unspecified: all addresses of its family; invalid: of any
	port uint16
}

// seat is a container's place on one network.
type seat struct {
	network   string // its name
	networkID string
	addrs     []netip.Addr
	priority  int // the highest is the default route
}

// network is what an engine tells of one network.
type network struct {
	id, name, driver string
	prefixes         []netip.Prefix
	gateways         []netip.Addr
}
