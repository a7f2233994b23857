// Package steady asks a server at a steady rate, whether answers come or not, and tells
// how long they took: from sending until the kernel had the reply, so that what the
// asking itself has to wait for counts little. Questions are written by hand, because they
// should cost the machine little.
package steady

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Questions are what is asked.
type Questions struct {
	Server netip.AddrPort
	Name   func(n int) string // of which the n-th question asks the addresses, without the last dot
	Rate   int                // a second
	// From are the addresses that are asked from, in turn, with two sockets each. Without
	// them eight sockets of whatever address is near ask.
	From []netip.Addr
	// Patience is how long after the last question answers are waited for: zero is 1 s.
	Patience time.Duration
}

// Always is a name that every question is about.
func Always(name string) func(int) string { return func(int) string { return name } }

// Report is what came of them.
type Report struct {
	Asked, Lost int
	Good        int             // answers with records
	Wrong       int             // those without, by whatever rcode
	Failed      int             // of these, those with SERVFAIL
	Took        []time.Duration // each answer, sorted
}

// At gives the time that a share of the answers did not exceed.
func (r *Report) At(share float64) time.Duration {
	if len(r.Took) == 0 {
		return 0
	}
	return r.Took[min(int(share*float64(len(r.Took))), len(r.Took)-1)]
}

func (r *Report) String() string {
	return fmt.Sprintf("%d questions, %d lost, %d wrong; half are answered within %v, 99 %% within %v, all within %v",
		r.Asked, r.Lost, r.Wrong, r.At(0.5), r.At(0.99), r.At(1))
}

// Ask asks until ctx is done. Each question is asked once; one that has no answer when
// patience ends is lost.
func Ask(ctx context.Context, q Questions) (*Report, error) {
	askers, err := q.askers()
	defer func() {
		for _, a := range askers {
			a.conn.Close()
		}
	}()
	if err != nil {
		return nil, err
	}
	var reading sync.WaitGroup
	for _, a := range askers {
		reading.Go(a.read)
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	asked := 0
	for began := time.Now(); ctx.Err() == nil; <-tick.C {
		for due := int(time.Since(began).Seconds() * float64(q.Rate)); asked < due; asked++ {
			askers[asked%len(askers)].send(q.Name(asked))
		}
	}
	if q.Patience == 0 {
		q.Patience = time.Second
	}
	time.Sleep(q.Patience)
	for _, a := range askers {
		a.conn.SetReadDeadline(time.Unix(1, 0))
	}
	reading.Wait()
	return sum(asked, askers), nil
}

func (q *Questions) askers() (askers []*asker, err error) {
	from := slices.Repeat(q.From, 2)
	if len(from) == 0 {
		from = make([]netip.Addr, 8)
	}
	for _, addr := range from {
		d := net.Dialer{}
		if addr.IsValid() {
			d.LocalAddr = net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr, 0))
		}
		conn, err := d.Dial("udp", q.Server.String())
		if err != nil {
			return askers, err
		}
		a := &asker{conn: conn.(*net.UDPConn), sent: make([]atomic.Int64, 1<<16)}
		askers = append(askers, a)
		if err := a.stamp(); err != nil {
			return askers, fmt.Errorf("have the kernel tell when replies come: %w", err)
		}
		_ = a.conn.SetReadBuffer(4 << 20) // less loses more, and says so
	}
	return askers, nil
}

func sum(asked int, askers []*asker) *Report {
	r := &Report{Asked: asked, Lost: asked}
	for _, a := range askers {
		r.Lost -= len(a.took)
		r.Wrong += a.wrong
		r.Failed += a.failed
		r.Took = append(r.Took, a.took...)
	}
	r.Good = len(r.Took) - r.Wrong
	slices.Sort(r.Took)
	return r
}

// asker has one socket, which is read by one goroutine.
type asker struct {
	conn          *net.UDPConn
	query         []byte
	id            uint16
	sent          []atomic.Int64 // when, by ID; zero: it was answered
	took          []time.Duration
	wrong, failed int
}

// stamp has the kernel say of each reply when it came.
func (a *asker) stamp() error {
	raw, err := a.conn.SyscallConn()
	if err != nil {
		return err
	}
	ctlErr := raw.Control(func(fd uintptr) {
		err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_TIMESTAMPNS, 1)
	})
	if ctlErr != nil {
		return ctlErr
	}
	return err
}

// send asks. What could not be sent is lost.
func (a *asker) send(name string) {
	a.id++
	q := append(a.query[:0], byte(a.id>>8), byte(a.id), 1, 0, 0, 1, 0, 0, 0, 0, 0, 0)
	for label := range strings.SplitSeq(name, ".") {
		q = append(append(q, byte(len(label))), label...)
	}
	a.query = append(q, 0, 0, 1, 0, 1) // type A, class IN
	a.sent[a.id].Store(time.Now().UnixNano())
	a.conn.Write(a.query)
}

// read takes answers until the socket's deadline has passed.
func (a *asker) read() {
	b, control := make([]byte, 1500), make([]byte, 64)
	for {
		n, controls, _, _, err := a.conn.ReadMsgUDPAddrPort(b, control)
		if e, ok := err.(net.Error); ok && e.Timeout() {
			return
		}
		if err != nil || n < 12 {
			continue // nobody listens: the question is lost
		}
		sent := a.sent[binary.BigEndian.Uint16(b)].Swap(0)
		if sent == 0 {
			continue
		}
		a.took = append(a.took, time.Duration(came(control[:controls])-sent))
		if rcode := b[3] & 15; rcode != 0 || binary.BigEndian.Uint16(b[6:]) == 0 {
			a.wrong++
			if rcode == 2 {
				a.failed++
			}
		}
	}
}

// came reads the kernel's time from the one control message that there is: behind its
// header of 16 octets, a timespec.
func came(control []byte) int64 {
	if len(control) < 32 {
		return time.Now().UnixNano()
	}
	return int64(binary.NativeEndian.Uint64(control[16:]))*int64(time.Second) + int64(binary.NativeEndian.Uint64(control[24:]))
}
