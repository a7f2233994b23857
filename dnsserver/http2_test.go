package dnsserver

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"io"
	"net/netip"
	"runtime"
	"testing"
	"time"
)

// The frames of HTTP/2 (RFC 9113 §6) that these tests speak of.
const (
	frameData     = 0
	frameHeaders  = 1
	frameReset    = 3
	frameSettings = 4
	frameGoAway   = 7
)

// http2 is an asker that keeps to no rule of HTTP/2.
type http2 struct {
	*tls.Conn
	t    *testing.T
	next uint32 // stream
}

func openHTTP2(t *testing.T, to netip.AddrPort) *http2 {
	c := tls.Client(dial(t, "tcp", to).Conn, trusting("h2"))
	check(t, c.Handshake())
	check(t, c.SetDeadline(time.Now().Add(4*patience)))
	_, err := c.Write(append([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), frame(frameSettings, 0, 0, nil)...))
	check(t, err)
	return &http2{c, t, 1}
}

func frame(typ, flags byte, stream uint32, payload []byte) []byte {
	n := len(payload)
	b := []byte{byte(n >> 16), byte(n >> 8), byte(n), typ, flags}
	return append(binary.BigEndian.AppendUint32(b, stream), payload...)
}

// request is a GET on a stream of its own, whole.
func (h *http2) request(msg []byte) []byte {
	path := HTTPSPath + "?dns=" + base64.RawURLEncoding.EncodeToString(msg)
	block := append([]byte{0x82, 0x87, 0x01, 1, 'x', 0x04, byte(len(path))}, path...) // RFC 7541 §6
	h.next += 2
	return frame(frameHeaders, 0x5, h.next-2, block)
}

// frames counts the frames that come, by type, until done says enough or there are no more.
func (h *http2) frames(done func(count map[byte]int) bool) map[byte]int {
	count := map[byte]int{}
	for !done(count) {
		head := make([]byte, 9)
		if _, err := io.ReadFull(h, head); err != nil {
			break
		}
		n := int(head[0])<<16 | int(head[1])<<8 | int(head[2])
		if _, err := io.CopyN(io.Discard, h, int64(n)); err != nil {
			break
		}
		count[head[3]]++
	}
	return count
}

// A thousand requests at once on one connection are no more than it may have: the others
// are turned down, and nobody else notices.
func TestStreamsAreLimited(t *testing.T) {
	s, h, letGo := serveSlow(t, Options{})
	c := openHTTP2(t, s.AddrsOf(HTTPS)[0])
	before := runtime.NumGoroutine()
	const asked = 1000
	var all bytes.Buffer
	for range asked {
		all.Write(c.request(query("slow. A")))
	}
	_, err := c.Write(all.Bytes())
	check(t, err)
	refused := c.frames(func(count map[byte]int) bool { return count[frameReset] == asked-maxStreams })
	waitFor(t, "the others to wait", func() bool { return h.waiting.Load() == maxStreams })
	if n := runtime.NumGoroutine(); n > before+2*maxStreams+8 {
		t.Errorf("%d goroutines, %d before", n, before)
	}
	udp := dial(t, "udp", s.Addrs()[0])
	udp.send(query("x. A"))
	if got := text(t, udp.receive()); got != "NOERROR" {
		t.Errorf("got %s", got)
	}
	letGo()
	answered := c.frames(func(count map[byte]int) bool { return count[frameData] == maxStreams })
	if refused[frameReset] != asked-maxStreams || answered[frameData] != maxStreams {
		t.Errorf("refused %v, answered %v", refused, answered)
	}
}

// CVE-2023-44487: requests that are taken back at once are work nevertheless. Whoever goes
// on is cut off.
func TestRequestsThatAreTakenBackAreLimited(t *testing.T) {
	s, h, letGo := serveSlow(t, Options{})
	defer letGo()
	c := openHTTP2(t, s.AddrsOf(HTTPS)[0])
	go func() {
		for range 100 {
			var some bytes.Buffer
			for range 100 {
				some.Write(c.request(query("slow. A")))
				some.Write(frame(frameReset, 0, c.next-2, []byte{0, 0, 0, 8}))
			}
			if _, err := c.Write(some.Bytes()); err != nil {
				return
			}
		}
	}()
	if got := c.frames(func(map[byte]int) bool { return false }); got[frameGoAway] == 0 {
		t.Errorf("frames %v", got)
	}
	if n := h.waiting.Load(); n > maxStreams {
		t.Errorf("%d queries are waited for", n)
	}
	if !answered(dial(t, "https", s.AddrsOf(HTTPS)[0])) {
		t.Error("others are not answered any more")
	}
}
