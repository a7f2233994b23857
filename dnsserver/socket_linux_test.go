package dnsserver

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// control is a control message as the kernel gives it.
func control(level, typ int, data []byte) []byte {
	b := make([]byte, unix.CmsgSpace(len(data)))
	h := (*unix.Cmsghdr)(unsafe.Pointer(&b[0]))
	h.Level, h.Type = int32(level), int32(typ)
	h.SetLen(unix.CmsgLen(len(data)))
	copy(b[unix.CmsgLen(0):], data)
	return b
}

func TestAskedAddr(t *testing.T) {
	index := binary.NativeEndian.AppendUint32(nil, 3)
	zero := make([]byte, 4)
	v4 := func(index []byte, local, header string) []byte {
		return control(unix.IPPROTO_IP, unix.IP_PKTINFO, join(index, bytesOf(local), bytesOf(header)))
	}
	v6 := func(a string, index []byte) []byte {
		return control(unix.IPPROTO_IPV6, unix.IPV6_PKTINFO, join(bytesOf(a), index))
	}
	for _, tt := range []struct {
		name      string
		in        []byte
		want      string // "": not answered
		replyWith []byte
	}{
		{"IPv4", v4(index, "10.0.0.1", "10.0.0.1"), "10.0.0.1", v4(zero, "10.0.0.1", "10.0.0.1")},
		{"IPv4 broadcast", v4(index, "10.0.0.1", "255.255.255.255"), "10.0.0.1", v4(zero, "10.0.0.1", "255.255.255.255")},
		{"IPv6", v6("2001:db8::1", index), "2001:db8::1", v6("2001:db8::1", zero)},
		{"IPv6 link-local keeps its interface", v6("fe80::1", index), "fe80::1", v6("fe80::1", index)},
		{"IPv4 in IPv6", v6("::ffff:10.0.0.1", index), "10.0.0.1", v6("::ffff:10.0.0.1", zero)},
		{"multicast", v6("ff02::1", index), "", nil},
		{"IPv4 without local address", v4(index, "0.0.0.0", "10.0.0.1"), "", nil},
		{"another message", control(unix.SOL_SOCKET, unix.SCM_RIGHTS, zero), "", nil},
		{"cut off", v4(index, "10.0.0.1", "10.0.0.1")[:20], "", nil},
		{"nothing", nil, "", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := askedAddr(tt.in)
			if ok != (tt.want != "") || ok && got.String() != tt.want {
				t.Errorf("got %v, %v, want %s", got, ok, tt.want)
			}
			if ok && !bytes.Equal(tt.in, tt.replyWith) {
				t.Errorf("reply with %x, want %x", tt.in, tt.replyWith)
			}
		})
	}
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func bytesOf(a string) []byte { return netip.MustParseAddr(a).AsSlice() }
