package docker

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// home is the container whose network this one uses: mostly itself.
func (b *builder) home() *container {
	if b.c.owner != nil {
		return b.c.owner
	}
	return b.c
}

// chosen reports whether a network is among those that the container wishes to
// be reached on.
func (b *builder) chosen(s seat) bool {
	v := b.set.find("network", "")
	if !v.given() {
		return true
	}
	project := b.c.labels[composeProject] + "_" // compose files have names without it
	for name := range strings.SplitSeq(v.text, ",") {
		name = strings.TrimSpace(name)
		if name == s.network || project+name == s.network || name == b.sc.nameOf(s) || name == s.networkID {
			return true
		}
	}
	return false
}

// reachable finds the faults of a container's network that need no look at its
// ports.
func (b *builder) reachable() error {
	if strings.HasPrefix(b.c.mode, "container:") {
		if o := b.c.owner; o == nil {
			return errors.New("it shares the network of a container that does not exist any more")
		} else if !o.running {
			return fmt.Errorf("it shares the network of %s, which is not running", o.name)
		}
	}
	if v := b.set.find("network", ""); v.given() && !slices.ContainsFunc(b.home().seats, b.chosen) {
		b.fault(v.fault("is not a network of this container"))
	}
	return nil
}

// unreachable says why a container has no endpoint.
func (b *builder) unreachable() error {
	switch h := b.home(); {
	case h.mode == "none":
		return errors.New("it has no network: its network mode is none")
	case h.mode == "host":
		return errors.New("it is on the host's network, and no address of the host is known: --advertise gives one")
	case b.set.find("network", "").given():
		return errors.New("it has no address on the network that its label names, and publishes no port for others")
	}
	return errors.New("it has no address")
}
