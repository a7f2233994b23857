// Package ask asks a DNS server at a steady rate, whether answers come or not, and tells
// how long each took. It looks at no more of an answer than its ID.
package ask

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Answer is one that came.
type Answer struct {
	At   time.Duration // since the first question, when its own was sent
	Took time.Duration
}

// sockets share the questions, so that servers with several sockets use them, and no more
// replies than in the field go to one asker in a row.
const sockets = 64

// lastAnswers is how long answers are waited for after the last question.
const lastAnswers = 200 * time.Millisecond

// Steadily asks rate questions a second until ctx is done. It gives what was answered,
// and when the questions were sent that were not, in no order: what takes longer than
// 65,536 further questions of its socket counts as lost.
func Steadily(ctx context.Context, addr string, msgs [][]byte, rate int) (answers []Answer, lost []time.Duration, err error) {
	var readers sync.WaitGroup
	askers := make([]*asker, sockets)
	began := time.Now()
	for i := range askers {
		c, err := net.Dial("udp", addr)
		if err != nil {
			return nil, nil, err
		}
		defer c.Close()
		askers[i] = &asker{conn: c, began: began}
		readers.Go(askers[i].read)
	}
	Pace(ctx, rate, func(n int) {
		askers[n%sockets].ask(uint16(n/sockets), msgs[n%len(msgs)])
	})
	time.Sleep(lastAnswers)
	for _, a := range askers {
		a.conn.Close()
	}
	readers.Wait()
	for _, a := range askers {
		answers = append(answers, a.answers...)
		lost = append(lost, a.missing()...)
	}
	if len(answers) == 0 {
		return nil, lost, fmt.Errorf("no answer from %s", addr)
	}
	return answers, lost, nil
}

// Pace calls do rate times a second, a few at a time, until ctx is done, and gives how
// often.
func Pace(ctx context.Context, rate int, do func(n int)) (done int) {
	for began := time.Now(); ctx.Err() == nil; time.Sleep(100 * time.Microsecond) {
		for due := int(time.Since(began).Seconds() * float64(rate)); done < due; done++ {
			do(done)
		}
	}
	return done
}

// asker is one socket, and when each of its questions was sent.
type asker struct {
	conn    net.Conn
	began   time.Time
	at      [1 << 16]atomic.Int64 // by ID; 0: not asked, or answered
	answers []Answer
	lost    []time.Duration
}

func (a *asker) ask(id uint16, msg []byte) {
	binary.BigEndian.PutUint16(msg, id)
	if old := a.at[id].Swap(int64(time.Since(a.began))); old != 0 {
		a.lost = append(a.lost, time.Duration(old))
	}
	_, _ = a.conn.Write(msg) // what is lost is counted
}

// missing gives what has no answer at the end.
func (a *asker) missing() []time.Duration {
	for i := range a.at {
		if at := a.at[i].Load(); at != 0 {
			a.lost = append(a.lost, time.Duration(at))
		}
	}
	return a.lost
}

func (a *asker) read() {
	in := make([]byte, 1<<16)
	for {
		n, err := a.conn.Read(in)
		if err != nil {
			return
		}
		now := time.Since(a.began)
		if n < 12 {
			continue
		}
		if sent := time.Duration(a.at[binary.BigEndian.Uint16(in)].Swap(0)); sent != 0 {
			a.answers = append(a.answers, Answer{sent, now - sent})
		}
	}
}

// Percentiles gives how long a share of the answers took at most, for each share.
func Percentiles(answers []Answer, shares ...float64) []time.Duration {
	var took []time.Duration
	for _, a := range answers {
		took = append(took, a.Took)
	}
	slices.Sort(took)
	out := make([]time.Duration, len(shares))
	for i, p := range shares {
		if len(took) > 0 {
			out[i] = took[int(p*float64(len(took)-1))]
		}
	}
	return out
}
