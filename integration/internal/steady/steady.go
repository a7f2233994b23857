package load

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// sockets are how many the questions come from.
const sockets = 8

// report is what came of the questions.
type report struct {
	asked, lost, wrong int
	latencies          []time.Duration // of those that were answered, sorted
}

// at gives the latency that a share of the answers does not exceed.
func (r *report) at(share float64) time.Duration {
	if len(r.latencies) == 0 {
		return 0
	}
	return r.latencies[min(int(share*float64(len(r.latencies))), len(r.latencies)-1)]
}

func (r *report) String() string {
	return fmt.Sprintf("%d questions, %d lost, %d wrong; half are answered within %v, 99 %% within %v, all within %v",
		r.asked, r.lost, r.wrong, r.at(0.5), r.at(0.99), r.at(1))
}

// ask asks for the addresses of a name, rate times a second, until ctx is done. Each
// question is asked once; one that has no answer a second after the last is lost, and
// an answer without records is wrong.
func ask(ctx context.Context, t testing.TB, server netip.AddrPort, name string, rate int) *report {
	t.Helper()
	askers := make([]*asker, sockets)
	var reading sync.WaitGroup
	for i := range askers {
		conn, err := net.Dial("udp", server.String())
		if err != nil {
			t.Error(err)
			return new(report)
		}
		defer conn.Close()
		askers[i] = &asker{conn: conn, query: question(name), sent: make([]time.Time, 1<<16)}
		reading.Go(askers[i].read)
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	began := time.Now()
	asked := 0
	for ctx.Err() == nil {
		<-tick.C
		for due := int(time.Since(began).Seconds() * float64(rate)); asked < due; asked++ {
			askers[asked%sockets].send()
		}
	}
	time.Sleep(time.Second)
	for _, a := range askers {
		a.conn.SetReadDeadline(time.Unix(1, 0))
	}
	reading.Wait()
	return sum(asked, askers)
}

func sum(asked int, askers []*asker) *report {
	r := &report{asked: asked, lost: asked}
	for _, a := range askers {
		r.lost -= len(a.latencies) + a.wrong
		r.wrong += a.wrong
		r.latencies = append(r.latencies, a.latencies...)
	}
	slices.Sort(r.latencies)
	return r
}

// asker has one socket, which is read by one goroutine.
type asker struct {
	conn      net.Conn
	query     []byte
	id        uint16
	mu        sync.Mutex  // guards sent
	sent      []time.Time // by ID; zero: it was answered
	latencies []time.Duration
	wrong     int
}

func question(name string) []byte {
	q := []byte{0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0}
	for label := range strings.SplitSeq(name, ".") {
		q = append(append(q, byte(len(label))), label...)
	}
	return append(q, 0, 0, 1, 0, 1) // type A, class IN
}

// send asks. What could not be sent is lost.
func (a *asker) send() {
	a.id++
	binary.BigEndian.PutUint16(a.query, a.id)
	a.mu.Lock()
	a.sent[a.id] = time.Now()
	a.mu.Unlock()
	a.conn.Write(a.query)
}

// read takes answers until the socket's deadline has passed.
func (a *asker) read() {
	b := make([]byte, 1500)
	for {
		n, err := a.conn.Read(b)
		if e, ok := err.(net.Error); ok && e.Timeout() {
			return
		}
		if err != nil || n < 12 {
			continue // nobody listens: the question is lost
		}
		id := binary.BigEndian.Uint16(b)
		a.mu.Lock()
		sent := a.sent[id]
		a.sent[id] = time.Time{}
		a.mu.Unlock()
		switch {
		case sent.IsZero():
		case binary.BigEndian.Uint16(b[6:]) == 0 || b[3]&15 != 0:
			a.wrong++
		default:
			a.latencies = append(a.latencies, time.Since(sent))
		}
	}
}
