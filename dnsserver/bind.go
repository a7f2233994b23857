package dnsserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// binding is one address and the sockets that are bound to it.
type binding struct {
	addr netip.AddrPort
	tcp  *net.TCPListener
	udp  []*net.UDPConn
}

// freePortTries bounds the search for a port that is free for both transports.
const freePortTries = 16

// bind takes an address for TCP and, with so many sockets, for UDP.
func bind(addr netip.AddrPort, sockets int) (*binding, error) {
	for try := 1; ; try++ {
		b, err := bindOnce(addr, sockets)
		switch {
		case err == nil:
			return b, nil
		case addr.Port() != 0 || try == freePortTries || !errors.Is(err, syscall.EADDRINUSE):
			return nil, fmt.Errorf("listen on %s: %w%s", addr, err, advice(err))
		}
	}
}

func bindOnce(addr netip.AddrPort, sockets int) (*binding, error) {
	// TCP first: it chooses the port, and cannot be bound twice.
	var lc net.ListenConfig
	tcp, udp := "tcp4", "udp4"
	if addr.Addr().Is6() {
		tcp, udp = "tcp6", "udp6" // these take no IPv4
	}
	l, err := lc.Listen(context.Background(), tcp, addr.String())
	if err != nil {
		return nil, cause(err)
	}
	b := &binding{tcp: l.(*net.TCPListener)}
	port := b.tcp.Addr().(*net.TCPAddr).AddrPort().Port()
	b.addr = netip.AddrPortFrom(addr.Addr(), port)
	if b.udp, err = bindUDP(udp, b.addr, sockets); err != nil {
		b.close()
		return nil, cause(err)
	}
	return b, nil
}

// bindUDP binds several sockets that share an address. Sharing would also join the
// sockets of another process, each of which then gets a part of the queries: so the
// address must first be free for a socket that does not share.
func bindUDP(network string, addr netip.AddrPort, sockets int) ([]*net.UDPConn, error) {
	alone, err := listenUDP(network, addr, false)
	if err != nil || sockets == 1 || !canShare {
		return []*net.UDPConn{alone}, err
	}
	alone.Close()
	var shared []*net.UDPConn
	for range sockets {
		c, err := listenUDP(network, addr, true)
		if err != nil {
			closeAll(shared)
			return nil, err
		}
		shared = append(shared, c)
	}
	return shared, nil
}

// readBuffer is asked for so that a burst waits in the socket while a goroutine
// is not running. The system may give less.
const readBuffer = 1 << 20

func listenUDP(network string, addr netip.AddrPort, share bool) (*net.UDPConn, error) {
	lc := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var err error
		if ctlErr := raw.Control(func(fd uintptr) {
			err = setSocket(int(fd), addr.Addr(), share)
		}); ctlErr != nil {
			return ctlErr
		}
		return err
	}}
	c, err := lc.ListenPacket(context.Background(), network, addr.String())
	if err != nil {
		return nil, err
	}
	udp := c.(*net.UDPConn)
	_ = udp.SetReadBuffer(readBuffer) // less is slower, not wrong
	return udp, nil
}

// cause takes off what net wraps around an error: the address is said once.
func cause(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return fmt.Errorf("%s: %w", op.Net, op.Err)
	}
	return err
}

// advice says what to do about an error.
func advice(err error) string {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return ": stop the program that has it (port 53: often systemd-resolved or dnsmasq), or take another address or port"
	case errors.Is(err, syscall.EACCES):
		return ": ports below 1024 need root or the capability CAP_NET_BIND_SERVICE; or take a port above"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return ": take an address that this host has, or 0.0.0.0 or [::] for all of them"
	}
	return ""
}

// stop ends all reading, now and later.
func (b *binding) stop() {
	past := time.Unix(1, 0)
	_ = b.tcp.SetDeadline(past)
	for _, c := range b.udp {
		_ = c.SetReadDeadline(past)
	}
}

func (b *binding) close() {
	if b.tcp != nil {
		b.tcp.Close()
	}
	closeAll(b.udp)
}

func closeAll(conns []*net.UDPConn) {
	for _, c := range conns {
		if c != nil {
			c.Close()
		}
	}
}
