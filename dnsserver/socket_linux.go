package dnsserver

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"
)

// canShare: several sockets may be bound to one address, and the kernel spreads the
// askers over them.
const canShare = true

// infoSpace holds the control message with which the kernel tells the address that
// a datagram was sent to, for IPv6 the longer one.
var infoSpace = unix.CmsgSpace(unix.SizeofInet6Pktinfo)

// setSocket prepares a socket before it is bound.
func setSocket(fd int, addr netip.Addr, share bool) error {
	if share {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
			return err
		}
	}
	switch {
	case !addr.IsUnspecified():
		return nil
	case addr.Is4():
		return unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
	}
	return unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1)
}

// askedAddr reads from the control message of a datagram the address that it was
// sent to, and makes of it the one with which the reply leaves from there: the
// interface is cleared, so that the route is chosen as always, except for link-local
// addresses, which mean nothing without (RFC 3542 §6.2).
//
// It reports false when that is no address to send from, such as one of multicast.
func askedAddr(control []byte) (addr netip.Addr, ok bool) {
	if len(control) < unix.SizeofCmsghdr {
		return addr, false
	}
	h, data, _, err := unix.ParseOneSocketControlMessage(control)
	switch {
	case err != nil:
		return addr, false
	case h.Level == unix.IPPROTO_IP && h.Type == unix.IP_PKTINFO && len(data) >= unix.SizeofInet4Pktinfo:
		// struct in_pktinfo: interface, local address, address in the header, which
		// differs for broadcasts.
		addr = netip.AddrFrom4([4]byte(data[4:8]))
		clear(data[0:4])
	case h.Level == unix.IPPROTO_IPV6 && h.Type == unix.IPV6_PKTINFO && len(data) >= unix.SizeofInet6Pktinfo:
		// struct in6_pktinfo: address, interface.
		addr = netip.AddrFrom16([16]byte(data[0:16])).Unmap()
		if !addr.IsLinkLocalUnicast() {
			binary.NativeEndian.PutUint32(data[16:20], 0)
		}
	}
	return addr, addr.IsValid() && !addr.IsMulticast() && !addr.IsUnspecified()
}
