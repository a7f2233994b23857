package main

import (
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/rollcall-dns/rollcall/plainhttp"
	"github.com/rollcall-dns/rollcall/sources/selfreg"
)

// direct is what a connection knows of net/http, so that it can answer in its place
// while that waits for a request. Whoever reads owns it.
type direct struct {
	from    netip.Addr
	stream  plainhttp.Stream // of what net/http was given
	between bool             // net/http waits for a request
	rested  time.Time        // when the deadlines of the wait were set here; zero: net/http has set them
}

// restStep is how long deadlines are left as they are: to set them takes as long as to
// read a heartbeat.
const restStep = time.Second

// remoteOf is where a connection comes from; not valid when it comes from nowhere.
func remoteOf(c net.Conn) netip.Addr {
	if a, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		return a.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

// answer answers what was read, if that is one heartbeat and nothing else, and no more
// than an answer is due. Otherwise net/http is to have it.
func (c *serverConn) answer(request []byte) (answered bool, err error) {
	d := &c.direct
	if d.between && d.stream.AtEnd() && !c.of.closing() && c.of.beats.take(request, d.from) {
		return true, c.acknowledge(time.Now())
	}
	d.stream.Add(request)
	d.between = false // until StateIdle
	return false, nil
}

// acknowledge writes the answer, and waits for the next request like net/http.
func (c *serverConn) acknowledge(now time.Time) error {
	if d := &c.direct; now.Sub(d.rested) >= restStep {
		d.rested = now
		c.of.rested(c)
		if err := c.SetReadDeadline(now.Add(idleTime)); err != nil {
			return err
		}
		if err := c.SetWriteDeadline(now.Add(writeTime)); err != nil {
			return err
		}
	}
	_, err := c.Write(c.of.beats.answer(now))
	c.awaits(nextWait)
	return err
}

// beats are the heartbeats that are answered without net/http.
type beats struct {
	renew    func(path []byte, from netip.Addr) bool
	answered atomic.Uint64
	last     atomic.Pointer[beatAnswer]
}

// beatKind is what they are counted as.
var beatKind = requestKind{selfreg.HeartbeatPattern, http.MethodPut, strconv.Itoa(http.StatusNoContent)}

// take renews the lease of a request that is one whole plain heartbeat.
func (b *beats) take(request []byte, from netip.Addr) bool {
	if b == nil {
		return false
	}
	h, ok := plainhttp.Parse(request)
	if !ok || !h.Simple || h.Size+h.Body != len(request) || string(h.Method) != http.MethodPut || !b.renew(h.Target, from) {
		return false
	}
	b.answered.Add(1)
	return true
}

// beatAnswer is what net/http writes in one second.
type beatAnswer struct {
	second int64
	octets []byte
}

// answer is what a heartbeat is answered with.
func (b *beats) answer(now time.Time) []byte {
	a := b.last.Load()
	if second := now.Unix(); a == nil || a.second != second {
		octets := []byte("HTTP/1.1 204 No Content\r\nCache-Control: no-store\r\nDate: ")
		octets = now.UTC().AppendFormat(octets, http.TimeFormat)
		a = &beatAnswer{second, append(octets, "\r\n\r\n"...)}
		b.last.Store(a)
	}
	return a.octets
}
