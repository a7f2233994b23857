package dnsserver

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"
	"net/netip"
	"sync/atomic"
	"time"
)

// The COOKIE option (RFC 7873 §4): what the client chose, and behind it what this
// server gave to it before.
const (
	clientCookieLen = 8
	serverCookieLen = 16 // version, three reserved octets, time, hash (RFC 9018 §4)
	minServerCookie = 8
	maxServerCookie = 32
)

// How long server cookies are good (RFC 9018 §4.3).
const (
	cookieAge    = 3600 // seconds that they may be old
	cookieFuture = 300  // seconds that the clock of another server may be ahead
	secretAge    = 24 * time.Hour
)

// cookies makes and checks server cookies (RFC 7873, RFC 9018). Whoever shows one
// has received a reply at its address, so that the address is no forgery. Nothing
// is remembered of clients. It is safe for concurrent use.
type cookies struct {
	secrets atomic.Pointer[secrets]
	now     func() time.Time
}

// secrets are replaced once a day. A cookie of the day before is good until its time
// ends it.
type secrets struct {
	current, previous [16]byte
	since             time.Time
}

func newCookies(now func() time.Time) *cookies {
	c := &cookies{now: now}
	s := &secrets{since: now()}
	rand.Read(s.current[:]) // never fails
	rand.Read(s.previous[:])
	c.secrets.Store(s)
	return c
}

// at gives the secrets of a time, new ones when theirs is over.
func (c *cookies) at(now time.Time) *secrets {
	s := c.secrets.Load()
	if now.Sub(s.since) < secretAge {
		return s
	}
	next := &secrets{previous: s.current, since: now}
	rand.Read(next.current[:])
	if c.secrets.CompareAndSwap(s, next) {
		return next
	}
	return c.secrets.Load()
}

// appendServer appends a new server cookie for a client at an address.
func (c *cookies) appendServer(b, client []byte, from netip.Addr) []byte {
	now := c.now()
	start := len(b)
	b = append(b, 1, 0, 0, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(now.Unix()))
	return binary.LittleEndian.AppendUint64(b, cookieHash(&c.at(now).current, client, b[start:], from))
}

// good reports whether a COOKIE option holds a server cookie that was given to this
// client at this address, not too long ago.
func (c *cookies) good(option []byte, from netip.Addr) bool {
	if len(option) != clientCookieLen+serverCookieLen || option[clientCookieLen] != 1 {
		return false
	}
	client, server := option[:clientCookieLen], option[clientCookieLen:]
	now := c.now()
	age := int32(uint32(now.Unix()) - binary.BigEndian.Uint32(server[4:])) // serial, RFC 1982
	if age > cookieAge || age < -cookieFuture {
		return false
	}
	s := c.at(now)
	for _, secret := range [...]*[16]byte{&s.current, &s.previous} {
		var want [8]byte
		binary.LittleEndian.PutUint64(want[:], cookieHash(secret, client, server[:8], from))
		if subtle.ConstantTimeCompare(want[:], server[8:]) == 1 {
			return true
		}
	}
	return false
}

// cookieHash covers the client's cookie, what stands before the hash, and the
// address (RFC 9018 §4.4).
func cookieHash(secret *[16]byte, client, head []byte, from netip.Addr) uint64 {
	var room [32]byte
	b := append(append(room[:0], client...), head...)
	if from.Is4() {
		a := from.As4()
		b = append(b, a[:]...)
	} else {
		a := from.As16()
		b = append(b, a[:]...)
	}
	return sipHash(secret, b)
}
