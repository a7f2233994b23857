package sockets

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
)

// Set is sockets that nobody has taken yet. A nil *Set has none. It is used by one
// goroutine at a time.
type Set struct {
	tcp []*net.TCPListener
	udp []*net.UDPConn
}

// Of makes a set of files that are sockets: listening ones of TCP, bound ones of
// UDP. It closes the files, whatever it returns. Its error names each that is
// neither.
func Of(files []*os.File) (*Set, error) {
	s := new(Set)
	var errs []error
	for _, f := range files {
		if err := s.add(f); err != nil {
			errs = append(errs, fmt.Errorf("socket %s: %w", f.Name(), err))
		}
		f.Close()
	}
	if err := errors.Join(errs...); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Set) add(f *os.File) error {
	if l, err := net.FileListener(f); err == nil {
		if tcp, ok := l.(*net.TCPListener); ok {
			s.tcp = append(s.tcp, tcp)
			return nil
		}
		l.Close()
		return fmt.Errorf("it listens on %s, which is not of TCP", l.Addr())
	}
	c, err := net.FilePacketConn(f)
	if err != nil {
		return errors.New("it must be a listening socket of TCP or a bound one of UDP")
	}
	if udp, ok := c.(*net.UDPConn); ok {
		s.udp = append(s.udp, udp)
		return nil
	}
	c.Close()
	return fmt.Errorf("it is bound to %s, which is not of UDP", c.LocalAddr())
}

// TakeTCP takes the socket that listens on addr out of the set; nil if there is none.
func (s *Set) TakeTCP(addr netip.AddrPort) *net.TCPListener {
	if s == nil {
		return nil
	}
	for i, l := range s.tcp {
		if sameAddr(l.Addr().(*net.TCPAddr).AddrPort(), addr) {
			s.tcp = append(s.tcp[:i], s.tcp[i+1:]...)
			return l
		}
	}
	return nil
}

// TakeUDP takes all sockets that are bound to addr out of the set.
func (s *Set) TakeUDP(addr netip.AddrPort) (taken []*net.UDPConn) {
	if s == nil {
		return nil
	}
	var left []*net.UDPConn
	for _, c := range s.udp {
		if sameAddr(c.LocalAddr().(*net.UDPAddr).AddrPort(), addr) {
			taken = append(taken, c)
		} else {
			left = append(left, c)
		}
	}
	s.udp = left
	return taken
}

func sameAddr(a, b netip.AddrPort) bool {
	return a.Port() == b.Port() && a.Addr().Unmap().WithZone("") == b.Addr().Unmap().WithZone("")
}

// Left names the sockets that nobody has taken, as "udp 127.0.0.1:53".
func (s *Set) Left() (names []string) {
	if s == nil {
		return nil
	}
	for _, l := range s.tcp {
		names = append(names, "tcp "+l.Addr().String())
	}
	for _, c := range s.udp {
		names = append(names, "udp "+c.LocalAddr().String())
	}
	return names
}

// Close closes the sockets that nobody has taken.
func (s *Set) Close() {
	if s == nil {
		return
	}
	for _, l := range s.tcp {
		l.Close()
	}
	for _, c := range s.udp {
		c.Close()
	}
	s.tcp, s.udp = nil, nil
}
