package dnsserver

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// Each asker gets each of its replies as a datagram, in however few messages they leave.
func TestRepliesToOneAskerLeaveTogether(t *testing.T) {
	for _, tt := range []struct {
		name     string
		askers   [][]int // the sizes of the replies to each
		messages int
	}{
		{"one", [][]int{{50}}, 1},
		{"an A and an AAAA", [][]int{{80, 110}}, 1},
		{"of one length", [][]int{{80, 80, 80}}, 1},
		{"of two lengths", [][]int{{80, 50, 80, 50, 80}}, 2},
		{"of many lengths", [][]int{{20, 30, 40, 50, 60}}, 3},
		{"to askers that take turns", [][]int{{80, 50}, {80, 50}, {60, 60, 60}}, 3},
		{"to others each", [][]int{{80}, {80}, {80}}, 3},
		{"more than a message holds", [][]int{slices.Repeat([]int{maxUDPSize}, batchSize)}, 3},
		{"none", [][]int{{0, 0}, {50, 0, 50}}, 1},
	} {
		for _, addr := range []string{"127.0.0.1", "::1", "0.0.0.0", "::"} {
			t.Run(tt.name+" from "+addr, func(t *testing.T) {
				b, ask := batchAt(t, addr)
				exchange(t, b, ask, tt.askers)
				if n := len(b.leaving); n != tt.messages {
					t.Errorf("%d messages have left, want %d", n, tt.messages)
				}
			})
		}
	}
}

// Where the system refuses a train, its replies leave one by one, and those of later batches
// together: here while they shall have no checksum.
func TestTrainsThatAreRefusedAreParted(t *testing.T) {
	b, ask := batchAt(t, "127.0.0.1")
	for _, refused := range []int{1, 1, 0} {
		check(t, b.raw.Control(func(fd uintptr) { check(t, unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_NO_CHECK, refused)) }))
		exchange(t, b, ask, [][]int{{70}, {80, 50, 80}, {60}, {60, 60, 10, 10}})
		if together := replies(b.leaving) > len(b.leaving); together == (refused == 1) {
			t.Errorf("refused %d: %d replies have left in %d messages", refused, replies(b.leaving), len(b.leaving))
		}
	}
}

// Anybody can send from port 0, where no reply gets to.
func TestAskersThatCannotBeReachedTakeTrainsFromNobody(t *testing.T) {
	b, ask := batchAt(t, "127.0.0.1")
	w := dial(t, "udp", ask)
	for range 2 {
		w.send([]byte("?"))
	}
	n, err := b.receive()
	check(t, err)
	for i := range n {
		b.slots[i].from.Port = 0
		b.reply(i, append(b.room(i), '!'))
	}
	failed, err := b.send()
	b.turn.Unlock()
	if n != 2 || failed != 2 || err == nil {
		t.Fatalf("%d of %d replies have failed: %v, want 2", failed, n, err)
	}
	exchange(t, b, ask, [][]int{{80, 80}})
	if n := len(b.leaving); n != 1 {
		t.Errorf("two replies to another asker have left in %d messages, want 1", n)
	}
}

// A device that takes no trains says so by EIO, and is asked once.
func TestDevicesThatTakeNoTrainsAreGivenNone(t *testing.T) {
	b, ask := batchAt(t, "127.0.0.1")
	exchange(t, b, ask, [][]int{{80, 80}})
	if rest := b.trains.part(b.out[:b.queued], 0, unix.EIO); len(rest) != 2 {
		t.Errorf("%d replies are left, want 2", len(rest))
	}
	exchange(t, b, ask, [][]int{{80, 80}})
	if n := len(b.leaving); n != 2 {
		t.Errorf("two replies have left in %d messages, want 2", n)
	}
}

// batchAt gives a batch that receives at an address, and how to reach it.
func batchAt(t *testing.T, addr string) (*batch, netip.AddrPort) {
	t.Helper()
	at := netip.MustParseAddr(addr)
	c, err := listenUDP(family("udp", netip.AddrPortFrom(at, 0)), netip.AddrPortFrom(at, 0), false)
	check(t, err)
	t.Cleanup(func() { c.Close() })
	b, err := newBatch(c, at.IsUnspecified())
	check(t, err)
	if !b.trains.able {
		t.Fatal("this system makes no trains: Linux 5.0 or later does")
	}
	port := c.LocalAddr().(*net.UDPAddr).AddrPort().Port()
	if at.IsUnspecified() {
		at = at.Next() // ::1
		if at.Is4() {
			at = netip.AddrFrom4([4]byte{127, 0, 0, 2})
		}
	}
	return b, netip.AddrPortFrom(at, port)
}

// exchange has askers ask in turns for replies of these sizes, in one batch.
func exchange(t *testing.T, b *batch, at netip.AddrPort, askers [][]int) {
	t.Helper()
	wires := make([]*wire, len(askers))
	want := make([]map[string]int, len(askers))
	for i := range askers {
		wires[i], want[i] = dial(t, "udp", at), map[string]int{}
	}
	asked := 0
	for turn, more := 0, true; more; turn++ {
		more = false
		for i, sizes := range askers {
			if turn < len(sizes) {
				wires[i].send(binary.BigEndian.AppendUint16([]byte{byte(i), byte(turn)}, uint16(sizes[turn])))
				asked++
				more = true
			}
		}
	}
	n, err := b.receive()
	check(t, err)
	defer b.turn.Unlock()
	if n != asked {
		t.Fatalf("%d of %d were received", n, asked)
	}
	for i := range n {
		msg, control, _ := b.datagram(i)
		askedAddr(control)
		if size := int(binary.BigEndian.Uint16(msg[2:])); size > 0 {
			reply := append(b.room(i), bytes.Repeat(msg[:2], size/2)...)
			b.reply(i, reply)
			want[msg[0]][fmt.Sprintf("%x", reply)]++
		}
	}
	if failed, err := b.send(); failed > 0 {
		t.Fatalf("%d replies have failed: %v", failed, err)
	}
	for i, w := range wires {
		got := map[string]int{}
		for _, n := range want[i] {
			for range n {
				got[fmt.Sprintf("%x", w.receive())]++
			}
		}
		if !maps.Equal(got, want[i]) {
			t.Errorf("asker %d got %v, want %v", i, got, want[i])
		}
	}
}
