package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// latency is from sending a question to having read its answer.
type latency struct {
	Answers  int `json:"answers"`
	Lost     int `json:"lost"`
	P50, P99 time.Duration
}

// probeSockets share the questions, so that servers with several sockets use them.
const probeSockets = 8

// probeMain asks at a steady rate, whether answers come or not, and prints how long they
// took.
func probeMain(addr, questions string, rate int, d time.Duration) error {
	msgs, err := readQuestions(questions)
	if err != nil {
		return err
	}
	var readers sync.WaitGroup
	askers := make([]*asker, probeSockets)
	for i := range askers {
		c, err := net.Dial("udp", addr)
		if err != nil {
			return err
		}
		askers[i] = &asker{conn: c}
		readers.Go(askers[i].read)
	}
	sent := pace(rate, d, func(n int) {
		askers[n%probeSockets].ask(uint16(n/probeSockets), msgs[n%len(msgs)])
	})
	time.Sleep(200 * time.Millisecond) // for the last answers
	var all []time.Duration
	for _, a := range askers {
		a.conn.Close()
	}
	readers.Wait()
	for _, a := range askers {
		all = append(all, a.took...)
	}
	if len(all) == 0 {
		return fmt.Errorf("no answer from %s", addr)
	}
	slices.Sort(all)
	at := func(p float64) time.Duration { return all[int(p*float64(len(all)-1))] }
	return json.NewEncoder(os.Stdout).Encode(latency{Answers: len(all), Lost: sent - len(all), P50: at(.5), P99: at(.99)})
}

// pace calls ask rate times a second, a few at a time, and gives how often.
func pace(rate int, d time.Duration, ask func(n int)) (sent int) {
	for began := time.Now(); ; time.Sleep(100 * time.Microsecond) {
		since := time.Since(began)
		if since >= d {
			return sent
		}
		for due := int(since.Seconds() * float64(rate)); sent < due; sent++ {
			ask(sent)
		}
	}
}

// asker is one socket, and when each of its questions was sent.
type asker struct {
	conn net.Conn
	at   [1 << 16]atomic.Int64 // by ID; 0: not asked
	took []time.Duration
}

var origin = time.Now()

func (a *asker) ask(id uint16, msg []byte) {
	binary.BigEndian.PutUint16(msg, id)
	a.at[id].Store(int64(time.Since(origin)))
	_, _ = a.conn.Write(msg) // what is lost is counted
}

func (a *asker) read() {
	in := make([]byte, 1<<16)
	for {
		n, err := a.conn.Read(in)
		if err != nil {
			return
		}
		now := time.Since(origin)
		if n < 12 {
			continue
		}
		if sent := a.at[binary.BigEndian.Uint16(in)].Swap(0); sent != 0 {
			a.took = append(a.took, now-time.Duration(sent))
		}
	}
}

// readQuestions makes messages of lines "name type".
func readQuestions(path string) (msgs [][]byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	types := map[string]byte{"A": 1, "AAAA": 28, "SRV": 33}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		name, typ, _ := strings.Cut(lines.Text(), " ")
		msg := []byte{0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0}
		for l := range strings.SplitSeq(name, ".") {
			msg = append(append(msg, byte(len(l))), l...)
		}
		msgs = append(msgs, append(msg, 0, 0, types[typ], 0, 1))
	}
	return msgs, nil
}
