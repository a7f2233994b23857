package docker

import (
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	api "github.com/docker/docker/api/types/container"
	apinetwork "github.com/docker/docker/api/types/network"
	"github.com/docker/go-connections/nat"

	"github.com/rollcall-dns/rollcall/zone"
)

// defaultStopTimeout is for how long docker stop waits when nobody said.
const defaultStopTimeout = 10 * time.Second

// containerOf reads what an engine said about a container. What this package
// can do without may be missing; what it cannot read is left out.
func containerOf(raw *api.InspectResponse) (*container, error) {
	if raw.ContainerJSONBase == nil || raw.ID == "" || raw.State == nil {
		return nil, errors.New("the engine's answer has no Id or no State")
	}
	c := &container{
		id:          raw.ID,
		name:        strings.TrimPrefix(raw.Name, "/"),
		running:     raw.State.Running && !raw.State.Restarting && !raw.State.Dead,
		restarting:  raw.State.Restarting,
		paused:      raw.State.Paused,
		stopSignal:  sigTERM,
		stopTimeout: defaultStopTimeout,
	}
	c.started, _ = time.Parse(time.RFC3339Nano, raw.State.StartedAt)
	if h := raw.State.Health; h != nil && h.Status != api.NoHealthcheck {
		c.health = h.Status
	}
	if raw.HostConfig != nil {
		c.mode = string(raw.HostConfig.NetworkMode)
	}
	c.configure(raw.Config)
	c.connect(raw.NetworkSettings)
	return c, nil
}

func (c *container) configure(cfg *api.Config) {
	if cfg == nil {
		return
	}
	c.labels, c.env = cfg.Labels, cfg.Env
	if n, ok := signalNumber(cfg.StopSignal); ok {
		c.stopSignal = n
	}
	if t := cfg.StopTimeout; t != nil && *t < 0 {
		c.stopTimeout = 12 * time.Hour // it is waited for without end
	} else if t != nil {
		c.stopTimeout = time.Duration(*t) * time.Second
	}
	for p := range cfg.ExposedPorts {
		if k, ok := portKeyOf(p); ok {
			c.exposed = append(c.exposed, k)
		}
	}
}

func (c *container) connect(s *api.NetworkSettings) {
	c.published = map[portKey][]binding{}
	if s == nil {
		return
	}
	for p, bindings := range s.Ports {
		k, ok := portKeyOf(p)
		if !ok {
			continue
		}
		c.exposed = append(c.exposed, k)
		for _, b := range bindings {
			if b, ok := bindingOf(b); ok {
				c.published[k] = append(c.published[k], b)
			}
		}
	}
	slices.SortFunc(c.exposed, portKey.compare)
	c.exposed = slices.Compact(c.exposed)
	for name, e := range s.Networks {
		if e != nil {
			c.seats = append(c.seats, seatOf(name, e))
		}
	}
	slices.SortFunc(c.seats, func(a, b seat) int {
		if a.priority != b.priority {
			return b.priority - a.priority
		}
		return strings.Compare(a.network, b.network) // the engine's own tie-break
	})
}

// seatOf reads a place on a network. The two families come and go on their own.
func seatOf(name string, e *apinetwork.EndpointSettings) seat {
	s := seat{network: name, networkID: e.NetworkID, priority: e.GwPriority}
	for _, text := range []string{e.IPAddress, e.GlobalIPv6Address} {
		if a, err := netip.ParseAddr(text); err == nil && !a.IsUnspecified() && !a.IsMulticast() {
			s.addrs = append(s.addrs, a.Unmap().WithZone(""))
		}
	}
	return s
}

func portKeyOf(p nat.Port) (portKey, bool) {
	number, proto, _ := strings.Cut(string(p), "/")
	n, err := strconv.ParseUint(number, 10, 16)
	pr, ok := zone.ParseProto(strings.ToLower(proto))
	return portKey{uint16(n), pr}, err == nil && n > 0 && ok
}

func bindingOf(b nat.PortBinding) (binding, bool) {
	n, err := strconv.ParseUint(b.HostPort, 10, 16)
	if err != nil || n == 0 {
		return binding{}, false
	}
	if b.HostIP == "" {
		return binding{port: uint16(n)}, true
	}
	a, err := netip.ParseAddr(b.HostIP)
	return binding{addr: a.Unmap().WithZone(""), port: uint16(n)}, err == nil && !a.IsMulticast()
}

func (k portKey) compare(o portKey) int {
	if k.number != o.number {
		return int(k.number) - int(o.number)
	}
	return int(k.proto) - int(o.proto)
}

func networkOf(raw *apinetwork.Summary) network {
	n := network{id: raw.ID, name: raw.Name, driver: raw.Driver}
	for _, c := range raw.IPAM.Config {
		if p, err := netip.ParsePrefix(c.Subnet); err == nil {
			n.prefixes = append(n.prefixes, p.Masked())
		}
		gateway, _, _ := strings.Cut(c.Gateway, "/") // old engines write a length behind IPv6 ones
		if a, err := netip.ParseAddr(gateway); err == nil {
			n.gateways = append(n.gateways, a)
		}
	}
	return n
}
