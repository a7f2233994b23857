package conformance

import (
	"bytes"
	"math/rand/v2"
	"net"
	"testing"
)

// TestBadInputOverTCP sends the same kind of messages over connections: what has a
// header and is no reply is answered, the rest ends the connection.
func TestBadInputOverTCP(t *testing.T) {
	s := start(t, "--nsid", "ns1")
	ready(t, s, instances)
	g := &generator{Rand: rand.New(rand.NewPCG(3, 4)), corpus: corpus()}
	for _, p := range paths(s) {
		if !p.tcp() {
			continue
		}
		w := dial(t, p)
		for range min(*packets/100, 10_000) {
			msg := g.next()
			reply := w.exchange(msg)
			if good := len(msg) >= headerLen && msg[2]&0x80 == 0; good != (reply != nil) {
				t.Fatalf("over %s, query %x: reply %x", p.network, msg, reply)
			}
			if reply == nil {
				w.Close()
				w = dial(t, p)
			}
		}
		w.Close()
	}
}

// Names that are pointers alone made parsers that follow them need a hundred times the
// memory of the message (CVE-2026-82399).
func TestLongMessagesTakeNoMemory(t *testing.T) {
	s := start(t)
	ready(t, s, "")
	before := memory(t, s)
	for _, msg := range [][]byte{
		longest("0000 0000 0001 0000 0000 0000", "c00c"),
		longest("0000 0000 0001 ffff 0000 0000", "00 0001 0001 00000000 0000"),
		longest("0000 0000 0001 0000 0000 ffff 00 0001 0001", "c00c 0029 04d0 00000000 0000"),
		longest("0000 0000 0001 0000 0000 0001 00 0001 0001 00 0029 04d0 00000000 ffc0", "000a 0000"),
	} {
		for range 50 {
			w := dial(t, path{"tcp4", s.DNS[0]})
			if got := rcodeOfReply(w.exchange(bytes.Clone(msg))); got != 1 {
				t.Fatalf("rcode %d to %x…, want FORMERR", got, msg[:40])
			}
			w.Close()
		}
	}
	if after := memory(t, s); after > before+64<<10 {
		t.Errorf("the server's memory grew from %d KiB to %d KiB", before, after)
	}
}

// longest is a message of nearly 64 KiB: a beginning, and more of the same.
func longest(begin, more string) []byte {
	b, m := message(0, "hex "+begin), message(0, "hex 0000 "+more)[2:]
	return append(b, bytes.Repeat(m, (1<<16-1-len(b))/len(m))...)
}

func rcodeOfReply(reply []byte) int {
	if len(reply) < headerLen {
		return -1
	}
	return int(reply[3] & 15)
}

// What is no stream of messages ends at the end of what was sent.
func TestStreamsOfNoise(t *testing.T) {
	s := start(t)
	ready(t, s, "")
	rnd := rand.New(rand.NewPCG(5, 6))
	for range 500 {
		w := dial(t, path{"tcp4", s.DNS[0]})
		noise := make([]byte, rnd.IntN(2000))
		for i := range noise {
			noise[i] = byte(rnd.Uint32() >> (rnd.Uint32() % 8)) // short messages as well
		}
		w.Write(noise) // may be cut off half-way
		w.Conn.(*net.TCPConn).CloseWrite()
		if !closed(w) {
			t.Fatalf("%v after the end of %x the connection is open", patience, noise)
		}
		w.Close()
	}
	if got := dial(t, path{"tcp6", s.DNS[1]}).ask(probe); got != "REFUSED" {
		t.Errorf("afterwards: %s", got)
	}
}
