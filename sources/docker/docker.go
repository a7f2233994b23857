package docker

import (
	"context"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/rollcall-dns/rollcall/zone"
)

// The defaults of Options.
const (
	defaultResync  = 30 * time.Second
	defaultTimeout = 5 * time.Second
)

// Options say which engine to follow and how to address what it publishes.
type Options struct {
	// Host is the engine: "unix:///PATH", "tcp://HOST:PORT", or "" for what
	// DOCKER_HOST names, else the local one. DOCKER_TLS_VERIFY, DOCKER_CERT_PATH
	// and DOCKER_API_VERSION hold as they do for the docker command.
	Host string
	// Advertise are the addresses of the engine's host that others reach: ports
	// published on all addresses, and containers on the host's network, are
	// answered with those of the same family.
	Advertise []netip.Addr
	// HostAddrs gives the addresses from which the engine's host may ask. It is
	// called at each full look, and only for an engine on a unix socket. Nil
	// means those of this machine's interfaces.
	HostAddrs func() ([]netip.Addr, error)
	// Logger is told what was registered and what was not. Nil means slog.Default.
	Logger *slog.Logger
	// Resync is the time between two full looks. Zero means 30 s.
	Resync time.Duration
	// Timeout limits each request to the engine, but for the event stream; a
	// listing of all containers may take six times as long. Zero means 5 s.
	Timeout time.Duration
}

// Source is the engine as a source of instances: a sources.Source. Make it with
// New. One Run at a time; Rejections may be called meanwhile.
type Source struct {
	opt  Options
	log  *slog.Logger
	open func(ctx context.Context) (engine, error) // replaced in tests

	// What was reported of running containers, by ID. It outlives a Run, so that
	// the next one can tell what has gone. Only Run's goroutine uses it.
	known   map[string]*record
	sharers map[string]map[string]struct{} // of a container's network, by its ID

	mu       sync.Mutex                // guards the field below
	problems map[string]zone.Rejection // by container ID
}

// New gives a source that follows an engine; it connects in Run.
func New(o Options) *Source {
	s := &Source{opt: o, log: o.Logger, known: map[string]*record{},
		sharers: map[string]map[string]struct{}{}, problems: map[string]zone.Rejection{}}
	if s.log == nil {
		s.log = slog.Default()
	}
	if s.opt.Resync <= 0 {
		s.opt.Resync = defaultResync
	}
	if s.opt.Timeout <= 0 {
		s.opt.Timeout = defaultTimeout
	}
	if s.opt.HostAddrs == nil {
		s.opt.HostAddrs = interfaceAddrs
	}
	s.open = func(ctx context.Context) (engine, error) { return dial(ctx, s.opt.Host, s.opt.Timeout) }
	return s
}

// Name is "docker".
func (s *Source) Name() string { return "docker" }

// Rejections lists, by container ID, the running containers that are no instance
// or not all that their labels ask for, and why; what the zone itself refused is
// in the results of Send instead. errors.Is(err, ErrIgnored) tells those that
// are left out on purpose. It is safe for concurrent use.
func (s *Source) Rejections() []zone.Rejection {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]zone.Rejection, 0, len(s.problems))
	for _, id := range slices.Sorted(maps.Keys(s.problems)) {
		list = append(list, s.problems[id])
	}
	return list
}

// note keeps what is wrong with a container, and logs it when it is new. A nil
// error means that nothing is.
func (s *Source) note(id string, err error) {
	if s.keep(id, err) {
		s.log.Log(context.Background(), levelOf(err), "container is not registered, or not as its labels say", "id", short(id), "reason", err)
	}
}

// keep keeps what is wrong with a container, and reports whether that is news.
func (s *Source) keep(id string, err error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		delete(s.problems, id)
		return false
	}
	if old, had := s.problems[id]; had && old.Err.Error() == err.Error() {
		return false
	}
	s.problems[id] = zone.Rejection{ID: id, Err: err}
	return true
}

func interfaceAddrs() ([]netip.Addr, error) {
	nets, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	var addrs []netip.Addr
	for _, n := range nets {
		if p, err := netip.ParsePrefix(n.String()); err == nil {
			addrs = append(addrs, p.Addr().Unmap())
		}
	}
	return addrs, nil
}

// short is an ID as operators know it from docker ps.
func short(id string) string { return id[:min(len(id), 12)] }
