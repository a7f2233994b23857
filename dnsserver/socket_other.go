//go:build !linux

package dnsserver

import "net/netip"

// canShare: one socket for each address.
const canShare = false

// infoSpace is 0: the address that was asked is not known here, and replies leave
// from the one that the system chooses.
const infoSpace = 0

func setSocket(int, netip.Addr, bool) error { return nil }

func askedAddr([]byte) (addr netip.Addr, ok bool) { return netip.IPv4Unspecified(), true }
