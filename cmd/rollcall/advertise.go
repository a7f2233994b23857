package main

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
)

// checkAdvertise refuses to follow an engine without an address to give out for
// the ports that it publishes, where that cannot be found out.
func checkAdvertise(given []netip.Addr, e *engine, hidden string) error {
	if hidden == "" || len(given) > 0 || e == nil || e.absent != nil {
		return nil
	}
	return fmt.Errorf("--advertise \"\" must be given %s: it is the address at which others reach "+
		"ports published on the engine's host, for example --advertise 192.0.2.10; --docker off needs none", hidden)
}

// advertised gives the addresses of this host for what is published on it: those
// that were given, else for each family the source address of its default route.
// Without any route they are the loopback addresses: then nobody else can ask.
// Where the host is hidden nothing is guessed, and there may be none.
func advertised(given []netip.Addr, hidden string, log *slog.Logger) []netip.Addr {
	addrs := append([]netip.Addr(nil), given...)
	if hidden != "" {
		if len(addrs) == 0 {
			log.Warn("no address to give out for ports published on the host, nor for services that register " +
				"over the loopback: --advertise must be given " + hidden)
		}
		return addrs
	}
	for _, far := range []string{"192.0.2.1", "2001:db8::1"} {
		far := netip.MustParseAddr(far)
		if hasFamily(given, far) {
			continue
		}
		if a, ok := sourceTo(far); ok {
			log.Info("advertising the source address of the default route", "address", a)
			addrs = append(addrs, a)
		}
	}
	if len(addrs) == 0 {
		a := netip.AddrFrom4([4]byte{127, 0, 0, 1})
		log.Warn("there is no default route: what is published on this host is answered with "+
			"the loopback address, which others cannot reach; --advertise gives a better one", "address", a)
		addrs = append(addrs, a)
	}
	return addrs
}

func hasFamily(addrs []netip.Addr, like netip.Addr) bool {
	for _, a := range addrs {
		if a.Is4() == like.Is4() {
			return true
		}
	}
	return false
}

// sourceTo is the address from which this host sends to far. Connecting a UDP
// socket makes the kernel choose it, and sends nothing.
func sourceTo(far netip.Addr) (netip.Addr, bool) {
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(far, 9)))
	if err != nil {
		return netip.Addr{}, false
	}
	defer c.Close()
	a := c.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
	return a, a.IsValid() && !a.IsLoopback() && !a.IsLinkLocalUnicast()
}

// hostHidden says where this is when the addresses of the host on which the engine
// publishes cannot be seen from here; "" when they can.
func hostHidden(e *engine) string {
	switch {
	case inContainer():
		return "in a container, where the addresses of the host cannot be seen"
	case e.remote():
		return "for an engine on another machine"
	}
	return ""
}

// inContainer reports whether the program runs in a container with a network of its
// own, so that the source address of the default route is not that of the host.
// The mark alone says too little: file systems of containers are also booted as
// machines, and a container may use the host's network; both see docker0.
func inContainer() bool {
	if _, err := net.InterfaceByName("docker0"); err == nil {
		return false
	}
	for _, mark := range []string{"/.dockerenv", "/run/.containerenv"} {
		if _, err := os.Stat(mark); err == nil {
			return true
		}
	}
	return false
}
