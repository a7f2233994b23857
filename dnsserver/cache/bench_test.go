package cache

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"

	"github.com/rollcall-dns/rollcall/dnsserver"
)

const million = 1 << 20

// many are questions for names of common length, and answers to them.
type many struct {
	q dnsserver.Query
	m *dns.Msg
}

func newMany(t testing.TB) *many {
	const ask = "n00000000.some-domain.example. A"
	m := &many{q: *queryOf(t, ask), m: messageOf(t, ask, "NOERROR", "an n00000000.some-domain.example. 3600 A 192.0.2.1")}
	m.q.Transport = dnsserver.UDP
	return m
}

// turn makes it question i.
func (m *many) turn(i uint32) *dnsserver.Query {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], i)
	for j, c := range b {
		m.q.Name[2+2*j], m.q.Name[3+2*j] = 'a'+c>>4, 'a'+c&15
	}
	return &m.q
}

// learn has the cache learn the answer to the question at hand.
func (m *many) learn(c *Cache) {
	var k key
	k.set(&m.q)
	name := string(m.q.Name[1:10]) + ".some-domain.example."
	m.m.Question[0].Name, m.m.Answer[0].Header().Name = name, name
	c.learn(&k, m.m)
}

// full is a cache that knows the first million of questions.
func full(t testing.TB) *Cache {
	c, _ := newCache(t, new(origin), Options{Bytes: 256 << 20})
	m := newMany(t)
	for i := range uint32(million) {
		m.turn(i)
		m.learn(c)
	}
	return c
}

func BenchmarkHit(b *testing.B) {
	c := full(b)
	for _, names := range []uint32{1, 1000, million} {
		b.Run(fmt.Sprint("names=", names), func(b *testing.B) {
			m := newMany(b)
			var r dnsserver.Reply
			b.ReportAllocs()
			for b.Loop() {
				q := m.turn(rand.Uint32N(names))
				r.Reset(q)
				if !c.Direct(q, &r) {
					b.Fatal("not known")
				}
				r.Octets()
			}
		})
	}
}

func BenchmarkHitOfAll(b *testing.B) {
	c := full(b)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		m := newMany(b)
		var r dnsserver.Reply
		for pb.Next() {
			q := m.turn(rand.Uint32N(million))
			r.Reset(q)
			if !c.Direct(q, &r) {
				b.Error("not known")
			}
			r.Octets()
		}
	})
}

func BenchmarkMiss(b *testing.B) {
	c := full(b)
	m := newMany(b)
	var r dnsserver.Reply
	b.ReportAllocs()
	for b.Loop() {
		q := m.turn(million + rand.Uint32N(million))
		if c.Direct(q, &r) {
			b.Fatal("known")
		}
	}
}

// BenchmarkStore is what an answer costs that pushes another one out.
func BenchmarkStore(b *testing.B) {
	c := full(b)
	m := newMany(b)
	var i atomic.Uint32
	i.Store(million)
	b.ReportAllocs()
	for b.Loop() {
		m.turn(i.Add(1))
		m.learn(c)
	}
}
