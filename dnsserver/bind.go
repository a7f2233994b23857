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
	over Transport // TCP, with UDP beside it; TLS or HTTPS
	tcp  *net.TCPListener
	udp  []*net.UDPConn
}

// freePortTries bounds the search for a port that is free for both transports.
const freePortTries = 16

// Sockets are sockets that are bound already. Each gives nothing when it has none
// for an address; what it gives belongs to the server.
type Sockets interface {
	TakeTCP(netip.AddrPort) *net.TCPListener
	TakeUDP(netip.AddrPort) []*net.UDPConn
}

// binder binds addresses, or takes over what is bound to them.
type binder struct {
	sockets   int     // of UDP for each address
	inherited Sockets // may be nil
}

// bind takes an address for TCP and, if that is to be spoken there, with several sockets
// for UDP.
func (o binder) bind(addr netip.AddrPort, over Transport) (*binding, error) {
	for try := 1; ; try++ {
		b, err := o.bindOnce(addr, over)
		switch {
		case err == nil:
			return b, nil
		case addr.Port() != 0 || try == freePortTries || !errors.Is(err, syscall.EADDRINUSE):
			return nil, fmt.Errorf("listen on %s: %w%s", addr, err, Advice(err))
		}
	}
}

func (o binder) bindOnce(addr netip.AddrPort, over Transport) (b *binding, err error) {
	// TCP first: it chooses the port, and cannot be bound twice.
	b = &binding{over: over}
	if b.tcp, err = o.listenTCP(addr); err != nil {
		return nil, cause(err)
	}
	port := b.tcp.Addr().(*net.TCPAddr).AddrPort().Port()
	b.addr = netip.AddrPortFrom(addr.Addr(), port)
	if over != TCP {
		return b, nil
	}
	if b.udp, err = o.listenUDP(b.addr); err != nil {
		b.close()
		return nil, cause(err)
	}
	return b, nil
}

func (o binder) listenTCP(addr netip.AddrPort) (*net.TCPListener, error) {
	if o.inherited != nil {
		if l := o.inherited.TakeTCP(addr); l != nil {
			return l, nil
		}
	}
	l, err := new(net.ListenConfig).Listen(context.Background(), family("tcp", addr), addr.String())
	if err != nil {
		return nil, err
	}
	return l.(*net.TCPListener), nil
}

func (o binder) listenUDP(addr netip.AddrPort) ([]*net.UDPConn, error) {
	if o.inherited != nil {
		if cs := o.inherited.TakeUDP(addr); len(cs) > 0 {
			return cs, adopt(cs, addr)
		}
	}
	return bindUDP(family("udp", addr), addr, o.sockets)
}

// adopt prepares sockets that another process has bound.
func adopt(conns []*net.UDPConn, addr netip.AddrPort) error {
	for _, c := range conns {
		raw, err := c.SyscallConn()
		if err != nil {
			return err
		}
		if err := prepare(raw, addr, false); err != nil {
			return err
		}
		_ = c.SetReadBuffer(burstBuffer) // less is slower, not wrong
	}
	return nil
}

// family makes IPv6 sockets take no IPv4.
func family(network string, addr netip.AddrPort) string {
	if addr.Addr().Is6() {
		return network + "6"
	}
	return network + "4"
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

func listenUDP(network string, addr netip.AddrPort, share bool) (*net.UDPConn, error) {
	lc := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error { return prepare(raw, addr, share) }}
	c, err := lc.ListenPacket(context.Background(), network, addr.String())
	if err != nil {
		return nil, err
	}
	udp := c.(*net.UDPConn)
	_ = udp.SetReadBuffer(burstBuffer) // less is slower, not wrong
	return udp, nil
}

func prepare(raw syscall.RawConn, addr netip.AddrPort, share bool) error {
	var err error
	ctlErr := raw.Control(func(fd uintptr) { err = setSocket(int(fd), addr.Addr(), share) })
	return errors.Join(ctlErr, err)
}

// cause takes off what net wraps around an error: the address is said once.
func cause(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return fmt.Errorf("%s: %w", op.Net, op.Err)
	}
	return err
}

// Advice says what to do when an address cannot be listened on, behind the error; "" where
// that says it.
func Advice(err error) string {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return ": stop the program that has it (port 53: often systemd-resolved or dnsmasq), or take another address or port"
	case errors.Is(err, syscall.EACCES):
		return ": ports below 1024 need root or the capability CAP_NET_BIND_SERVICE; or take a port above"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return ": take an address that this host has, or for all of them 0.0.0.0 (IPv4) and [::] (IPv6)"
	}
	return ""
}

// stop ends all reading, now and later, and writing in a while: a full send buffer
// holds no stop up.
func (b *binding) stop() {
	past, soon := time.Unix(1, 0), time.Now().Add(lastReplies)
	_ = b.tcp.SetDeadline(past)
	for _, c := range b.udp {
		_ = c.SetReadDeadline(past)
		_ = c.SetWriteDeadline(soon)
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
