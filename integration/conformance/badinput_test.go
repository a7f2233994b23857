package conformance

import (
	"encoding/binary"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/rollcall-dns/rollcall/integration/internal/rollcall"
)

var packets = flag.Int("packets", 1_000_000, "datagrams that TestBadInput sends")

// TestBadInput sends what is nearly a query, and what is none. The same each time, so
// that a failure can be repeated. Whatever has a header and is no reply is answered;
// each reply has the right form and size; the server's memory stays what it was.
func TestBadInput(t *testing.T) {
	s := start(t, "--nsid", "ns1")
	ready(t, s, instances)
	g := &generator{Rand: rand.New(rand.NewPCG(1, 2)), corpus: corpus()}
	sent, warm := 0, *packets/5
	flood := func(upTo int) {
		for ; sent < upTo; sent += window {
			strangers(t, s, g)
		}
	}
	flood(warm)
	before := memory(t, s)
	flood(*packets)
	after := memory(t, s)
	t.Logf("%d datagrams: %d answered, %d of them when asked again; %d dropped, as the rules want; memory %d KiB, then %d KiB",
		sent, g.answered, g.again, g.silent, before, after)
	if after > before+before/5+8<<10 {
		t.Errorf("the server's memory grew from %d KiB to %d KiB", before, after)
	}
	if g.answered < sent/2 || g.silent == 0 {
		t.Error("the datagrams are too much alike")
	}
	if g.again > sent/100 {
		t.Errorf("%d datagrams had no reply at first", g.again)
	}
	if log := s.Log(); strings.Contains(log, "panic") || strings.Contains(log, "level=ERROR") || strings.Contains(log, "cannot answer") {
		t.Errorf("the server's log:\n%s", log)
	}
	for _, p := range paths(s) {
		if got := dial(t, p).ask("v4.svc.test. A"); got != "NOERROR aa: v4.svc.test. 5 IN A 10.0.0.8" {
			t.Errorf("afterwards, over %s: %s", p.network, got)
		}
	}
}

// memory is what a server has in memory, in KiB.
func memory(t *testing.T, s *rollcall.Server) (kib int) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.Pid()))
	if err != nil {
		t.Fatal(err)
	}
	_, rss, _ := strings.Cut(string(status), "VmRSS:")
	if _, err := fmt.Sscan(rss, &kib); err != nil {
		t.Fatal(err)
	}
	return kib
}

// window is how many datagrams are sent before their replies are awaited: few enough
// for the buffers of any socket.
const window = 64

// strangers sends one window, from an address of its own: errors are limited for each.
func strangers(t *testing.T, s *rollcall.Server, g *generator) {
	t.Helper()
	from := net.IPv4(127, byte(1+g.IntN(254)), byte(g.IntN(256)), byte(1+g.IntN(254)))
	c, err := net.DialUDP("udp4", &net.UDPAddr{IP: from}, net.UDPAddrFromAddrPort(s.DNS[0]))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	w := &wire{t: t, Conn: c}
	w.within(patience)
	waiting := make(map[uint16][]byte, window)
	for id := range uint16(window) {
		msg := g.next()
		if len(msg) >= 2 {
			binary.BigEndian.PutUint16(msg, id)
		}
		w.send(msg)
		if len(msg) >= headerLen && msg[2]&0x80 == 0 {
			waiting[id] = msg
			g.answered++
		} else {
			g.silent++
		}
	}
	w.send(message(window, probe))
	take(w, waiting, g.reply[:])
	g.again += len(waiting)
	for _, msg := range waiting { // may have been lost on the way: each once more
		if w.exchange(msg) == nil {
			t.Fatalf("no reply to %x", msg)
		}
	}
}

// take checks the replies to a window, and takes off what they answer. Those to what the
// server reads together come in any order: they have come when the last query was answered,
// and then one more.
func take(w *wire, waiting map[uint16][]byte, buf []byte) {
	w.t.Helper()
	for last := false; ; {
		n, err := w.Read(buf)
		if err != nil {
			w.t.Fatalf("a good query behind bad ones has no reply: %v", err)
		}
		reply, id := buf[:n], binary.BigEndian.Uint16(buf)
		if id == window && last {
			return
		}
		if id == window {
			w.send(message(window, probe))
			last = true
			continue
		}
		msg := waiting[id]
		if msg == nil {
			w.t.Fatalf("reply %x to what should have none, or a second one", reply)
		}
		if err := checkReply(msg, reply, true); err != nil {
			w.t.Fatalf("a reply of wrong form: %v\nquery %x\nreply %x", err, msg, reply)
		}
		delete(waiting, id)
	}
}

// generator makes messages that are nearly queries.
type generator struct {
	*rand.Rand
	corpus                  [][]byte
	answered, silent, again int // of what was sent
	reply                   [1 << 16]byte
}

// corpus is what the rows ask.
func corpus() (all [][]byte) {
	for _, r := range allRows() {
		for line := range strings.Lines(r.exchanges) {
			query, _, found := strings.Cut(strings.TrimSpace(line), " => ")
			if found {
				all = append(all, message(0, strings.TrimPrefix(strings.TrimPrefix(query, "udp "), "tcp ")))
			}
		}
	}
	return all
}

func (g *generator) any() []byte { return g.corpus[g.IntN(len(g.corpus))] }

func (g *generator) next() []byte {
	if g.IntN(10) == 0 {
		return g.noise()
	}
	msg := append([]byte(nil), g.any()...)
	for range g.IntN(5) {
		msg = g.mutate(msg)
	}
	return msg
}

// noise is random octets, some behind a header that says that there is much to come.
func (g *generator) noise() []byte {
	size := g.IntN(100)
	if g.IntN(50) == 0 {
		size = g.IntN(9000)
	}
	msg := make([]byte, size)
	fill := byte(g.Uint32())
	pointers := g.IntN(4) == 0
	for i := range msg {
		msg[i] = byte(g.Uint32())
		if pointers && i >= headerLen {
			msg[i] = [2]byte{0xc0, fill}[i%2]
		}
	}
	if len(msg) >= headerLen && g.IntN(2) == 0 {
		copy(msg[2:], []byte{0, 0, 0, 1, 0, 0, 0, 0, 0, byte(g.IntN(3))})
	}
	return msg
}

func (g *generator) mutate(msg []byte) []byte {
	if len(msg) == 0 {
		return msg
	}
	at := g.IntN(len(msg))
	switch g.IntN(7) {
	case 0:
		return msg[:at]
	case 1:
		other := g.any()
		return append(msg[:at:at], other[g.IntN(len(other)+1):]...)
	case 2: // a part twice
		return append(msg[:at:at], msg[at/2:]...)
	case 3:
		msg[at] ^= 1 << g.IntN(8)
	case 4:
		msg[at] = [...]byte{0, 1, 63, 64, 127, 128, 0xc0, 255}[g.IntN(8)]
	case 5:
		msg[at] = byte(g.Uint32())
	default: // a count or a length
		if at+1 < len(msg) {
			binary.BigEndian.PutUint16(msg[at:], uint16(g.IntN(20)))
		}
	}
	return msg
}
