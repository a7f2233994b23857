package conformance

import (
	"bytes"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"
)

// What is particular to TCP.
var tcpRows = []row{
	{
		id: "C1", rule: "the same port and the same answers; TC never below 64 KiB", rfc: "7766 §5",
		test: sameAnswers,
	}, {
		id: "C2", rule: "many queries in one segment", rfc: "7766 §6.2.1.1, §7",
		choice: "each is answered at once, in the order in which they come",
		over:   "tcp", test: pipelined,
	}, {
		id: "C3", rule: "queries in pieces are answered, replies come in one; pieces do not extend the idle time", rfc: "7766 §8, §6.2.3",
		over: "tcp", test: pieces,
	}, {
		id: "C3b", rule: "a whole query restarts the idle time", rfc: "7766 §6.2.3; 9210 §4.5",
		choice: "10 s",
		over:   "tcp", test: idle,
	}, {
		id: "C4", rule: "limits on connections, in all and for each address", rfc: "9210 §4.2",
		choice: "150 in all, of which the one that is idle for longest makes room; 25 from one IPv4 address or IPv6 /64",
		over:   "tcp", test: connectionLimits,
	}, {
		id: "C5", rule: "edns-tcp-keepalive over TCP, and ignored over UDP", rfc: "7828 §3",
		exchanges: `
			tcp v4.svc.test. A +opt=11 => NOERROR aa: v4.svc.test. 5 IN A 10.0.0.8 [edns0 1232 keepalive=100]
			tcp v4.svc.test. A +edns => NOERROR aa: v4.svc.test. 5 IN A 10.0.0.8 [edns0 1232]
			tcp v4.svc.test. A +opt=11:0064 => FORMERR [edns0 1232]
			udp v4.svc.test. A +opt=11 => NOERROR aa: v4.svc.test. 5 IN A 10.0.0.8 [edns0 1232]
			udp v4.svc.test. A +opt=11:0064 => NOERROR aa: v4.svc.test. 5 IN A 10.0.0.8 [edns0 1232]`,
	}, {
		id: "C6", rule: "a client that does not read is cut off", rfc: "9210 §4.2",
		over: "tcp", test: neverReads,
	},
}

func sameAnswers(t *testing.T, at place) {
	w := dial(t, at.path)
	if at.tcp() {
		m, size := get(w, "huge.svc.test. A")
		if m.Truncated || len(m.Answer) != 100 {
			t.Errorf("tc %v with %d records in %d octets, want all 100", m.Truncated, len(m.Answer), size)
		}
		return
	}
	over := dial(t, at.overTCP())
	for _, query := range []string{
		"web.svc.test. A +edns", "web.svc.test. SRV +edns", "web.svc.test. TXT +rd +edns", "svc.test. SOA +edns",
		"nope.svc.test. A +edns", "x.example. A +edns", "localhost. A +edns", "7.0.0.10.in-addr.arpa. PTR +edns", "web.svc.test. A",
	} {
		if udp, tcp := w.ask(query), over.ask(query); udp != tcp {
			t.Errorf("ask %s\nudp %s\ntcp %s", query, udp, tcp)
		}
	}
}

func pipelined(t *testing.T, at place) {
	w := dial(t, at.path)
	const n = 200
	var segment []byte
	waiting := make(map[string][]byte)
	for range n {
		q := w.message("web.svc.test. SRV +edns")
		segment = append(segment, framed(q)...)
		waiting[string(q[:2])] = q
	}
	if _, err := w.Write(segment); err != nil {
		t.Fatal(err)
	}
	for range n {
		reply := w.receive()
		if len(reply) < headerLen || waiting[string(reply[:2])] == nil {
			t.Fatalf("after %d replies of %d: %x", n-len(waiting), n, reply)
		}
		if err := checkReply(waiting[string(reply[:2])], reply, false); err != nil {
			t.Fatal(err)
		}
		delete(waiting, string(reply[:2]))
	}
}

func pieces(t *testing.T, at place) {
	w := dial(t, at.path)
	query := w.message("web.svc.test. SRV +edns")
	for _, b := range framed(query) {
		if _, err := w.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
	b := make([]byte, 1<<16)
	n, err := w.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	if length := int(b[0])<<8 | int(b[1]); n != 2+length {
		t.Errorf("the first read has %d octets of a message of %d and its length", n, length)
	} else if err := checkReply(query, b[2:n], false); err != nil {
		t.Error(err)
	}

	var slow sync.WaitGroup
	slow.Go(func() { writeSlowly([]*wire{w}) })
	began := time.Now()
	if !closed(w) {
		t.Errorf("still open after %v of one octet at a time", time.Since(began))
	}
	w.Close()
	slow.Wait()
}

func idle(t *testing.T, at place) {
	w := dial(t, at.path)
	for _, wait := range []time.Duration{0, 6 * time.Second, 6 * time.Second} {
		time.Sleep(wait)
		if got := w.ask("v4.svc.test. AAAA"); got == "nothing" {
			t.Fatal("closed between queries that were 6 s apart")
		}
	}
}

// connectionLimits has servers of its own: others count their connections too.
func connectionLimits(t *testing.T, at place) {
	s := start(t)
	ready(t, s, "")
	var open []*wire
	for i := range 25 {
		open = append(open, dial(t, at.of(s)))
		if open[i].ask(probe) == "nothing" {
			t.Fatalf("connection %d of one address was refused", 1+i)
		}
	}
	if !refused(t, at.of(s)) {
		t.Error("one address has 26 connections")
	}
	open[0].Close()
	reopened(t, at.of(s))
	if at.addr.Addr().Is4() {
		fill(t, at.of(s), 150)
	}
	few := start(t, "--tcp-connections", "10")
	ready(t, few, "")
	fill(t, at.of(few), 10)
}

// refused reports whether the server takes no connection.
func refused(t *testing.T, p path) bool {
	t.Helper()
	c, err := net.Dial(p.network, p.addr.String())
	if err != nil {
		return true // it was reset before it was open
	}
	defer c.Close()
	w := &wire{t: t, Conn: c, tcp: true}
	w.within(patience)
	if _, err := c.Write(framed(w.message(probe))); err != nil {
		return true
	}
	_, err = w.read()
	return err != nil
}

// reopened waits until a slot is free again.
func reopened(t *testing.T, p path) {
	t.Helper()
	for end := time.Now().Add(patience); refused(t, p); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the slot of a connection that was closed is not free")
		}
	}
}

// fill opens all connections that a server takes, and one more.
func fill(t *testing.T, p path, most int) {
	t.Helper()
	var open []*wire
	for i := range most {
		w := dialFrom(t, p, p.loopback(1+i/20))
		if w.ask(probe) == "nothing" {
			t.Fatalf("connection %d was refused", 1+i)
		}
		open = append(open, w)
	}
	if got := dialFrom(t, p, p.loopback(20)).ask(probe); got == "nothing" {
		t.Errorf("connection %d finds no room", 1+most)
	}
	if !closed(open[0]) {
		t.Errorf("all of %d connections are open, the oldest as well", most)
	}
	if got := open[most-1].ask(probe); got == "nothing" {
		t.Error("the newest connection made room")
	}
}

// loopback is 127.0.N.1 for an IPv4 path; IPv6 has but one such address.
func (p path) loopback(n int) netip.Addr {
	if p.addr.Addr().Is4() {
		return netip.AddrFrom4([4]byte{127, 0, byte(n), 1})
	}
	return netip.IPv6Loopback()
}

// closed waits until the server closes a connection, whatever it sends before.
func closed(w *wire) bool {
	w.within(patience)
	_, err := io.Copy(io.Discard, w)
	return !isTimeout(err)
}

func neverReads(t *testing.T, at place) {
	w := dial(t, at.path)
	w.within(4 * patience)
	queries := bytes.Repeat(framed(w.message("huge.svc.test. A")), 1000)
	for {
		_, err := w.Write(queries)
		if isTimeout(err) {
			t.Fatal("a client that does not read is still connected")
		}
		if err != nil {
			break
		}
	}
	if got := dial(t, at.path).ask(probe); got == "nothing" {
		t.Error("afterwards no connection is served")
	}
}
