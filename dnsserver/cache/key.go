package cache

import (
	"encoding/binary"
	"hash/maphash"

	"github.com/miekg/dns"

	"github.com/rollcall-dns/rollcall/dnsserver"
	"github.com/rollcall-dns/rollcall/zone"
)

// key is a question: its name in lower case, its type, and whether DNSSEC records and
// unchecked data are wanted, because answers differ in them. The class is IN.
type key struct {
	buf [maxName + 3]byte
	n   int
}

const maxName = 255 // octets, RFC 1035 §2.3.4

// The last octet of a key.
const (
	keyDO = 1 << iota
	keyCD
)

// set makes k the key of a question. It reports false for one that is not for a cache.
func (k *key) set(q *dnsserver.Query) bool {
	name, ok := zone.Canonical(k.buf[:0], q.Name)
	if !ok || q.Class != dns.ClassINET {
		return false
	}
	var bits byte
	if q.EDNS.DO {
		bits |= keyDO
	}
	if q.CheckingDisabled() {
		bits |= keyCD
	}
	b := append(binary.BigEndian.AppendUint16(name, q.Type), bits)
	k.n = len(b)
	return true
}

// octets are the key as it stands in entries.
func (k *key) octets() []byte { return k.buf[:k.n] }

func (k *key) name() []byte { return k.buf[:k.n-3] }

func (k *key) qtype() uint16 { return binary.BigEndian.Uint16(k.buf[k.n-3:]) }

// hash is that of the key, with a seed that nobody outside knows, so that nobody can
// choose names that meet in it.
func (k *key) hash(seed maphash.Seed) uint64 { return maphash.Bytes(seed, k.octets()) }
