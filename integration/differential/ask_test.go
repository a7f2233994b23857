//go:build conformance

package differential

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"time"
)

// link is one UDP socket or TCP connection to a server.
type link struct {
	net.Conn
	in *bufio.Reader // of TCP
}

func dial(network, addr string) (*link, error) {
	c, err := net.Dial(network, addr)
	if err != nil {
		return nil, err
	}
	l := &link{Conn: c}
	if network == "tcp" {
		l.in = bufio.NewReaderSize(c, 64<<10)
	}
	return l, nil
}

func (l *link) send(msg []byte) error {
	if l.in != nil {
		msg = append(binary.BigEndian.AppendUint16(nil, uint16(len(msg))), msg...)
	}
	_, err := l.Write(msg)
	return err
}

// receive gives the next message, in memory of its own.
func (l *link) receive() ([]byte, error) {
	if l.in == nil {
		b := make([]byte, 64<<10)
		n, err := l.Read(b)
		return append([]byte(nil), b[:n]...), err
	}
	var size [2]byte
	if _, err := io.ReadFull(l.in, size[:]); err != nil {
		return nil, err
	}
	b := make([]byte, binary.BigEndian.Uint16(size[:]))
	_, err := io.ReadFull(l.in, b)
	return b, err
}

// try is one round over what has no reply yet: how many questions are under way at
// once, and how long a server may be silent before they count as not answered.
type try struct {
	window   int
	patience time.Duration
	alone    bool // each on a connection of its own
}

// A server may close a connection over one question, with others under way: at last
// each has a connection of its own. What UDP loses is few.
var tries = map[string][]try{
	"udp": {{100, time.Second, false}, {100, time.Second, false}, {100, 2 * time.Second, false}},
	"tcp": {{100, 2 * time.Second, false}, {10, 2 * time.Second, false}, {1, 2 * time.Second, true}, {1, 5 * time.Second, true}},
}

// ask puts the questions to a server, several at once, and gives the replies in
// their order: nil where there was none.
func ask(network, addr string, qs []*question) ([][]byte, error) {
	a := &asking{network: network, addr: addr, qs: qs, replies: make([][]byte, len(qs))}
	defer a.close()
	for _, t := range tries[network] {
		if err := a.round(t); err != nil {
			return nil, fmt.Errorf("ask %s over %s: %w", addr, network, err)
		}
	}
	return a.replies, nil
}

// asking is what was asked and answered until now.
type asking struct {
	network, addr string
	qs            []*question // at most 65,536: each is the identity of its message
	replies       [][]byte
	link          *link
	waiting       map[uint16]bool
}

// round asks once what has no reply.
func (a *asking) round(t try) error {
	a.waiting = make(map[uint16]bool, t.window)
	for next := 0; next < len(a.qs) || len(a.waiting) > 0; {
		for ; next < len(a.qs) && len(a.waiting) < t.window; next++ {
			if a.replies[next] != nil {
				continue
			}
			if err := a.send(uint16(next)); err != nil {
				return err
			}
		}
		if len(a.waiting) == 0 {
			break
		}
		if err := a.receive(t.patience); err != nil {
			return err
		}
		if t.alone {
			a.close()
		}
	}
	return nil
}

func (a *asking) send(id uint16) (err error) {
	if a.link == nil {
		if a.link, err = dial(a.network, a.addr); err != nil {
			return err
		}
	}
	a.waiting[id] = true
	if a.link.send(a.qs[id].appendTo(nil, id)) != nil {
		a.close()
	}
	return nil
}

// receive takes one reply. Where none comes, those that are waited for are left to
// the next round.
func (a *asking) receive(patience time.Duration) error {
	if a.link == nil {
		clear(a.waiting)
		return nil
	}
	a.link.SetReadDeadline(time.Now().Add(patience))
	msg, err := a.link.receive()
	if err != nil {
		a.close()
		clear(a.waiting)
		return nil
	}
	if len(msg) < 12 {
		return fmt.Errorf("a reply has %d octets: %x", len(msg), msg)
	}
	if id := binary.BigEndian.Uint16(msg); a.waiting[id] {
		delete(a.waiting, id)
		a.replies[id] = msg
	}
	return nil
}

func (a *asking) close() {
	if a.link != nil {
		a.link.Close()
		a.link = nil
	}
}
