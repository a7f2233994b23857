package docker

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"

	"github.com/rollcall-dns/rollcall/zone"
)

// ErrIgnored is wrapped by the reasons of containers that are left out on
// purpose: by a label, or because they run a task once.
var ErrIgnored = errors.New("ignored")

func levelOf(err error) slog.Level {
	if errors.Is(err, ErrIgnored) {
		return slog.LevelDebug
	}
	return slog.LevelWarn
}

// scene is what a container's instances depend on beside the container.
type scene struct {
	advertise []netip.Addr      // of the engine's host
	names     map[string]string // of networks, by ID
}

// nameOf is the name under which a seat's network is reported. The engine's list
// of networks may not have a new one yet.
func (sc *scene) nameOf(s seat) string {
	if n, ok := sc.names[s.networkID]; ok {
		return n
	}
	return s.network
}

// outcome is what one running container comes to.
type outcome struct {
	instances []zone.Instance
	attach    zone.Attachment // without prefixes: it has no address of its own
	problem   error           // nil: all is as its labels ask for
}

// instanceOf derives the instances of a running container: usually one, none if
// there is a reason, and one more for each port that has tags of its own. It
// depends on its arguments alone.
func instanceOf(c *container, sc *scene) outcome {
	b := &builder{c: c, sc: sc, set: settingsOf(c)}
	out := outcome{attach: b.attachment()}
	instances, err := b.build()
	if err != nil {
		b.fault(err)
	}
	out.instances = instances
	if len(b.faults) > 0 {
		out.problem = fmt.Errorf("container %s: %w", c.name, b.faults)
	}
	return out
}

// builder holds what the steps of instanceOf share.
type builder struct {
	c      *container
	sc     *scene
	set    settings
	faults faults
}

// faults are all that is wrong with a container, as one error on one line.
type faults []error

func (f faults) Unwrap() []error { return f }

func (f faults) Error() string {
	texts := make([]string, len(f))
	for i, err := range f {
		texts[i] = strings.ReplaceAll(err.Error(), "\n", "; ")
	}
	return strings.Join(texts, "; ")
}

func (b *builder) fault(err error) { b.faults = append(b.faults, err) }

func (b *builder) build() ([]zone.Instance, error) {
	if err := b.leftOut(); err != nil {
		return nil, err
	}
	b.faults = append(b.faults, b.set.unknown()...)
	in := zone.Instance{ID: b.c.id}
	if err := b.names(&in); err != nil {
		return nil, err
	}
	if err := b.reachable(); err != nil {
		return nil, err
	}
	in.State, in.Reason = b.state()
	in.Tags = b.tags(b.set.find("tags", "tags"))
	in.Meta = b.meta()
	in.TTL = b.ttl()
	in.Priority = b.number("priority")
	in.Weight = b.number("weight")
	return b.split(in)
}

// leftOut gives the reason why a container is no service, if there is one.
func (b *builder) leftOut() error {
	yes, err := b.set.ignored(b.set.find("", "ignore"), "ignore")
	if err != nil {
		b.fault(err)
	}
	if yes {
		return fmt.Errorf("%w: a label or variable says so", ErrIgnored)
	}
	_, said := b.set.own["ignore"]
	if strings.EqualFold(b.c.labels[composeOneOff], "true") && !said {
		return fmt.Errorf("%w: compose runs it once; the label %signore=false registers it", ErrIgnored, ownPrefix)
	}
	return nil
}

// attachment says on which networks the container's own addresses are. An
// ignored container asks as well as any other.
func (b *builder) attachment() zone.Attachment {
	a := zone.Attachment{ID: b.c.id}
	for _, s := range b.c.seats {
		for _, addr := range s.addrs {
			a.Prefixes = append(a.Prefixes, netip.PrefixFrom(addr, addr.BitLen()))
		}
		if len(s.addrs) > 0 {
			a.Networks = append(a.Networks, b.sc.nameOf(s))
		}
	}
	return a
}

// state tells whether a container can serve.
func (b *builder) state() (zone.State, string) {
	switch o := b.c.owner; {
	case b.c.paused:
		return zone.Down, "paused"
	case len(b.c.shares) > 0 && o.mode != "host" && o.started.After(b.c.started):
		return zone.Down, fmt.Sprintf("the container %s, whose network it shares, was restarted after it: restart this one too", o.name)
	}
	switch b.c.health {
	case "", "healthy":
		return zone.Up, ""
	case "starting":
		return zone.Starting, "its health check has not passed yet"
	}
	return zone.Down, "its health check fails"
}
