//go:build conformance

package differential

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// asker makes questions about a world, always the same ones for the same seed.
type asker struct {
	rnd    *rand.Rand
	w      *world
	owners []string
	empty  []string
	silent []string
	large  []string // owners of the largest sets
	known  []string // all of these
	seen   map[string]bool
}

func newAsker(w *world, rnd *rand.Rand) *asker {
	a := &asker{rnd: rnd, w: w, owners: sortedKeys(w.owners), empty: sortedKeys(w.empty), silent: sortedKeys(w.silent), seen: map[string]bool{}}
	a.known = append(append(append(a.known, a.owners...), a.empty...), a.silent...)
	a.large = w.largest(20)
	return a
}

// questions gives n that were not given before.
func (a *asker) questions(n int) (qs []*question) {
	for len(qs) < n {
		q := a.question()
		if key := string(q.appendTo(nil, 0)); !a.seen[key] {
			a.seen[key] = true
			qs = append(qs, q)
		}
	}
	return qs
}

func (a *asker) chance(percent int) bool { return a.rnd.IntN(100) < percent }

func (a *asker) question() *question {
	q := &question{name: a.name(), typ: a.typ(), class: dns.ClassINET, tcp: a.chance(10)}
	if a.chance(40) {
		q.name = a.anyCase(q.name)
	}
	if a.chance(5) {
		q.class = pick(a.rnd, []uint16{0, dns.ClassCHAOS, dns.ClassHESIOD, dns.ClassNONE, dns.ClassANY, 2, 42, 65535})
	}
	if a.chance(4) {
		q.opcode = pick(a.rnd, []int{1, 2, 3, dns.OpcodeNotify, dns.OpcodeUpdate, 6, 7, 15})
	}
	for _, f := range [...]struct {
		bit     uint16
		percent int
	}{{bitRD, 50}, {bitCD, 20}, {bitAD, 20}, {bitZ, 10}, {bitAA, 5}, {bitTC, 5}, {bitRA, 5}} {
		if a.chance(f.percent) {
			q.flags |= f.bit
		}
	}
	if a.chance(60) {
		q.edns = a.edns()
	}
	return q
}

func (a *asker) edns() *edns {
	e := &edns{size: uint16(a.rnd.Uint32())}
	if a.chance(70) {
		e.size = pick(a.rnd, []uint16{0, 1, 511, 512, 513, 1220, 1231, 1232, 1233, 4096, 65535})
	}
	if a.chance(6) {
		e.version = pick(a.rnd, []uint8{1, 2, 100, 255})
	}
	if a.chance(30) {
		e.flags |= bitDO
	}
	if a.chance(10) {
		e.flags |= uint16(a.rnd.Uint32()) &^ bitDO
	}
	for range a.rnd.IntN(3) {
		if a.chance(50) {
			e.options = append(e.options, a.option())
		}
	}
	return e
}

// option is unknown, or one that some server may know.
func (a *asker) option() option {
	return pick(a.rnd, []option{
		{65001, a.octets(a.rnd.IntN(40))}, {100, ""}, {uint16(20 + a.rnd.IntN(60_000)), a.octets(a.rnd.IntN(8))},
		{dns.EDNS0NSID, ""}, {dns.EDNS0COOKIE, a.octets(8)}, {dns.EDNS0SUBNET, "\x00\x01\x18\x00\xc0\x00\x02"},
		{dns.EDNS0EXPIRE, ""}, {dns.EDNS0TCPKEEPALIVE, ""}, {dns.EDNS0PADDING, strings.Repeat("\x00", a.rnd.IntN(30))},
	})
}

var (
	// dataTypes are asked most, by their weight; otherTypes have data nowhere here.
	dataTypes = []uint16{
		dns.TypeA, dns.TypeA, dns.TypeA, dns.TypeAAAA, dns.TypeAAAA, dns.TypeSRV, dns.TypeSRV, dns.TypeSRV,
		dns.TypeTXT, dns.TypePTR, dns.TypePTR, dns.TypeSOA, dns.TypeNS,
	}
	otherTypes = []uint16{
		dns.TypeCNAME, dns.TypeMX, dns.TypeDS, dns.TypeDNSKEY, dns.TypeNSEC, dns.TypeNSEC3, dns.TypeRRSIG, dns.TypeCAA, dns.TypeHTTPS,
		dns.TypeSVCB, dns.TypeNAPTR, dns.TypeHINFO, dns.TypeNULL, dns.TypeDNAME, dns.TypeTLSA, dns.TypeCDS, 0, 1000, 65280, 65535,
	}
	// metaTypes are questions about the message or the server (RFC 6895 §3.1).
	metaTypes = []uint16{
		dns.TypeOPT, dns.TypeTSIG, dns.TypeTKEY, dns.TypeMAILA, dns.TypeMAILB, dns.TypeAXFR, dns.TypeIXFR, dns.TypeNXNAME, 200,
	}
)

func (a *asker) typ() uint16 {
	switch n := a.rnd.IntN(100); {
	case n < 3:
		return dns.TypeANY
	case n < 6:
		return pick(a.rnd, metaTypes)
	case n < 26:
		return pick(a.rnd, otherTypes)
	}
	return pick(a.rnd, dataTypes)
}

// name is one of the known names, or made of one.
func (a *asker) name() string {
	var n string
	switch c := a.rnd.IntN(100); {
	case c < 37:
		n = pick(a.rnd, a.owners)
	case c < 40:
		n = pick(a.rnd, a.large)
	case c < 46:
		n = a.static()
	case c < 51:
		n = pick(a.rnd, a.empty)
	case c < 55:
		n = pick(a.rnd, a.silent)
	case c < 58:
		n = pick(a.rnd, a.w.apexes)
	case c < 70:
		n = a.label() + pick(a.rnd, a.known)
	case c < 80:
		n = a.label() + parent(pick(a.rnd, a.known))
	case c < 84:
		n = a.label() + a.label() + pick(a.rnd, a.known)
	case c < 88:
		n = a.mangled(pick(a.rnd, a.known))
	case c < 93:
		n = a.stack()
	case c < 96:
		n = a.foreign()
	case c < 98:
		n = a.reverse()
	default:
		n = a.long(pick(a.rnd, a.known))
	}
	if len(n) > 255 {
		return pick(a.rnd, a.owners)
	}
	return n
}

// static is at or below a name that the file of static records has.
func (a *asker) static() string {
	names := slices.Concat(staticNames, sortedKeys(aliases))
	n := a.w.domain
	labels := strings.Split(strings.TrimSuffix(pick(a.rnd, names), "@"), ".")
	for _, l := range slices.Backward(labels) {
		if l != "" {
			n = string(rune(len(l))) + l + n
		}
	}
	switch a.rnd.IntN(4) {
	case 0:
		n = a.label() + parent(n) // in the place of a wildcard
	case 1:
		n = a.label() + n
	case 2:
		n = a.label() + a.label() + parent(n)
	}
	return n
}

// label is often one that has a meaning somewhere, or any octets.
func (a *asker) label() string {
	l := pick(a.rnd, []string{"_tcp", "_udp", "_http", "_8080", "tag", "v2", "eu", "*", "ns", "dns", "web", "x", "_", "\x00", ".", `\`, "é", ""})
	if l == "" {
		l = a.octets(1 + a.rnd.IntN(63))
	}
	return string(rune(len(l))) + l
}

func (a *asker) octets(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(a.rnd.Uint32())
	}
	return string(b)
}

// mangled has one octet of the first label changed.
func (a *asker) mangled(n string) string {
	if n[0] == 0 {
		return n
	}
	b := []byte(n)
	b[1+a.rnd.IntN(int(n[0]))] = byte(a.rnd.Uint32())
	return string(b)
}

// stack puts two tags or more before a name with a tag.
func (a *asker) stack() string {
	for range 100 {
		n := pick(a.rnd, a.known)
		if !strings.HasPrefix(parent(n+"\x00\x00"), "\x03tag") {
			continue
		}
		for range 1 + a.rnd.IntN(4) {
			t := pick(a.rnd, tags)
			n = string(rune(len(t))) + t + n
		}
		return n
	}
	return a.label() + pick(a.rnd, a.known)
}

// reverse is an address, or the beginning of one, in some reverse zone.
func (a *asker) reverse() string {
	n := pick(a.rnd, a.w.apexes)
	digits := func() string { return strconv.Itoa(a.rnd.IntN(256)) }
	if strings.HasSuffix(n, "\x03ip6\x04arpa\x00") {
		digits = func() string { return strconv.FormatInt(a.rnd.Int64N(16), 16) }
	}
	for range 1 + a.rnd.IntN(3) {
		d := digits()
		n = string(rune(len(d))) + d + n
	}
	return n
}

// foreign is above or beside the zones.
func (a *asker) foreign() string {
	return pick(a.rnd, []string{
		"\x00", "\x04test\x00", "\x03com\x00", a.label() + "\x04test\x00", "\x04arpa\x00", "\x07in-addr\x04arpa\x00",
		"\x011\x011\x011\x011\x07in-addr\x04arpa\x00", "\x07version\x04bind\x00", "\x02id\x06server\x00", "\x09localhost\x00",
		a.label() + "\x07example\x00", "\x03svc\x07example\x00", pick(a.rnd, specialNames), a.label() + pick(a.rnd, specialNames),
		"\x08hostname\x04bind\x00",
	})
}

// long fills a name with labels up to the 255 octets that it may have.
func (a *asker) long(n string) string {
	for len(n) < 250 && a.chance(95) {
		l := min(63, 254-len(n))
		n = string(rune(l)) + strings.Repeat("l", l) + n
	}
	return n
}

// anyCase turns each ASCII letter up or down.
func (a *asker) anyCase(n string) string {
	b := []byte(n)
	for i := 0; b[i] != 0; i += 1 + int(b[i]) {
		for j := i + 1; j <= i+int(b[i]); j++ {
			if c := b[j] | 0x20; 'a' <= c && c <= 'z' && a.chance(50) {
				b[j] ^= 0x20
			}
		}
	}
	return string(b)
}
