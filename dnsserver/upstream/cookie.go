package upstream

import (
	"bytes"
	"crypto/rand"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"
)

// What a COOKIE option holds (RFC 7873 §4): the client's cookie, and the server's.
const (
	clientCookieLen = 8
	minServerCookie = 8
	maxServerCookie = 32
	maxCookie       = clientCookieLen + maxServerCookie
)

// What is wrong with the cookie of a reply over UDP.
var (
	errCookie   = errors.New("the server asks for its cookie") // which has come with that
	errStranger = errors.New("the reply does not have our cookie")
)

const (
	cookieLife = 24 * time.Hour   // of ours (RFC 7873 §7.1)
	cookieLoss = 10 * time.Second // without any reply, after which cookies may be why
)

// cookieJar holds what we and one server know each other by. Whoever forges its replies
// without seeing the queries has 64 bits more to guess.
type cookieJar struct {
	without until // it spoils them, or may be kept from us by them

	mu     sync.Mutex // guards the following
	local  netip.Addr // that ours is for
	drawn  time.Time  // when ours was
	ours   [clientCookieLen]byte
	theirs []byte    // nil: not known yet
	met    bool      // it has sent ours back, and so must every reply
	lost   time.Time // since when nothing comes back any more; zero: it does
}

// take appends to b what to send from a local address, or gives nil. Ours is drawn anew
// each day, and when that address changes, or it would tell that we are who was elsewhere
// (RFC 9018 §3).
func (c *cookieJar) take(b []byte, local net.Addr, now time.Time) []byte {
	if c.without.holds(now) {
		return nil
	}
	from := local.(*net.UDPAddr).AddrPort().Addr()
	c.mu.Lock()
	defer c.mu.Unlock()
	if moved := from != c.local; moved || now.Sub(c.drawn) >= cookieLife {
		c.local, c.drawn, c.theirs = from, now, nil
		c.met = c.met && !moved
		rand.Read(c.ours[:])
	}
	return append(append(b, c.ours[:]...), c.theirs...)
}

// judge says whether a reply over UDP has the cookie that was sent, and notes the
// server's (RFC 7873 §5.3). Where one is wrong or missing somebody may have guessed all
// else: TCP tells.
func (c *cookieJar) judge(sent, got []byte, refused bool) error {
	if sent == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case got == nil && !c.met:
		return nil
	case !c.note(sent, got):
		return errStranger
	case refused:
		return errCookie
	}
	return nil
}

// hear notes what a reply over TCP has. Where ours is not there, none is sent for a while.
func (c *cookieJar) hear(sent, got []byte) {
	if sent == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.note(sent, got) {
		c.giveUp(time.Now())
	}
}

// unanswered notes that nothing came back. It may be because of the cookie, if the server
// has never sent one, or nothing else came for a while: firewalls are known that drop what
// has options.
func (c *cookieJar) unanswered(sent []byte, now time.Time) {
	if sent == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !c.met, !c.lost.IsZero() && now.Sub(c.lost) >= cookieLoss:
		c.giveUp(now)
	case c.lost.IsZero():
		c.lost = now
	}
}

// spoilt notes that cookies get no answer from the server.
func (c *cookieJar) spoilt() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.giveUp(time.Now())
}

// giveUp has none be sent for a while. The caller holds c.mu.
func (c *cookieJar) giveUp(now time.Time) {
	c.theirs, c.met, c.lost = nil, false, time.Time{}
	c.without.start(now)
}

// note keeps the server's cookie, or reports that ours is not beside it. The caller holds
// c.mu.
func (c *cookieJar) note(sent, got []byte) bool {
	if len(got) < clientCookieLen+minServerCookie || len(got) > maxCookie || !bytes.Equal(got[:clientCookieLen], sent[:clientCookieLen]) {
		return false
	}
	if !bytes.Equal(sent[:clientCookieLen], c.ours[:]) {
		return true // for one before
	}
	c.lost = time.Time{}
	if c.met = true; !bytes.Equal(got[clientCookieLen:], c.theirs) {
		c.theirs = bytes.Clone(got[clientCookieLen:])
	}
	return true
}
