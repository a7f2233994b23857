package conformance

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"
)

// patience is how long a test waits for what must come.
const patience = 15 * time.Second

// A path is one of the four ways to a server.
type path struct {
	network string // udp4, tcp4, udp6 or tcp6
	addr    netip.AddrPort
}

func (p path) tcp() bool { return strings.HasPrefix(p.network, "tcp") }

// overTCP is the same address over TCP.
func (p path) overTCP() path { return path{"tcp" + p.network[len("udp"):], p.addr} }

// A wire is a connection over a path.
type wire struct {
	t testing.TB
	net.Conn
	tcp    bool
	lastID uint16
}

func dial(t testing.TB, p path) *wire {
	t.Helper()
	return dialFrom(t, p, netip.Addr{})
}

// dialFrom dials from an address; the zero Addr leaves it to the system.
func dialFrom(t testing.TB, p path, from netip.Addr) *wire {
	t.Helper()
	var d net.Dialer
	switch local := netip.AddrPortFrom(from, 0); {
	case !from.IsValid():
	case p.tcp():
		d.LocalAddr = net.TCPAddrFromAddrPort(local)
	default:
		d.LocalAddr = net.UDPAddrFromAddrPort(local)
	}
	c, err := d.Dial(p.network, p.addr.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	w := &wire{t: t, Conn: c, tcp: p.tcp()}
	w.within(patience)
	return w
}

func (w *wire) within(d time.Duration) {
	w.t.Helper()
	if err := w.SetDeadline(time.Now().Add(d)); err != nil {
		w.t.Fatal(err)
	}
}

func framed(msg []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(msg))), msg...)
}

// message is a query with an ID that this wire has not had yet.
func (w *wire) message(text string) []byte {
	w.lastID++
	return message(w.lastID, text)
}

func (w *wire) send(msg []byte) {
	w.t.Helper()
	if w.tcp {
		msg = framed(msg)
	}
	if _, err := w.Write(msg); err != nil {
		w.t.Fatal(err)
	}
}

// receive gives the next reply, or nil when the server closed the connection.
func (w *wire) receive() []byte {
	w.t.Helper()
	reply, err := w.read()
	if err != nil && (!w.tcp || isTimeout(err)) {
		w.t.Fatalf("no reply: %v", err)
	}
	return reply
}

func (w *wire) read() ([]byte, error) {
	b := make([]byte, 1<<16)
	if !w.tcp {
		n, err := w.Read(b)
		return b[:n], err
	}
	if _, err := io.ReadFull(w, b[:2]); err != nil {
		return nil, err
	}
	b = b[:binary.BigEndian.Uint16(b)]
	_, err := io.ReadFull(w, b)
	return b, err
}

// probe asks a question that is always answered, and so finds out whether what was
// sent before it was.
const probe = "probe.example. A"

// exchange gives the reply to msg, or nil when there is none: over UDP the server
// answered a later query, over TCP it closed the connection. It checks the form of
// the reply.
func (w *wire) exchange(msg []byte) []byte {
	w.t.Helper()
	w.within(patience)
	w.send(msg)
	var reply []byte
	if w.tcp {
		reply = w.receive()
	} else {
		p := w.message(probe)
		w.send(p)
		if reply = w.receive(); sameID(reply, p) { // replies to what is read together come in any order
			w.send(p)
			if reply = w.receive(); sameID(reply, p) {
				return nil
			}
		}
		if next := w.receive(); !sameID(next, p) {
			w.t.Fatalf("a second reply to one query: %x", next)
		}
	}
	if reply == nil {
		return nil
	}
	if err := checkReply(msg, reply, !w.tcp); err != nil {
		w.t.Fatalf("a reply of wrong form: %v\nquery %x\nreply %x", err, msg, reply)
	}
	return reply
}

func sameID(a, b []byte) bool {
	return len(a) > 2 && len(b) > 2 && a[0] == b[0] && a[1] == b[1]
}

// ask gives the reply to a query as text, and "nothing" when there is none.
func (w *wire) ask(query string) string {
	w.t.Helper()
	reply := w.exchange(w.message(query))
	if reply == nil {
		return "nothing"
	}
	return text(reply)
}

func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
