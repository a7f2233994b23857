package upstream

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"

	"github.com/rollcall-dns/rollcall/dnsserver/upstream/upstreamtest"
)

var forgeries = flag.Int("forgeries", 10_000, "replies that TestForgedReplies sends, and queries that TestForgersCannotGuess draws")

const (
	forgedName = "login.bank.example.test."
	truth      = "192.0.2.1"
	lie        = "203.0.113.6"
)

// forger sends what somebody could who knows all of a query but one thing, from the
// server's own address and port, which is more than can be seen from beside the path.
type forger struct {
	mu   sync.Mutex
	rnd  *rand.Rand // guarded by mu
	sent atomic.Int64
}

// forgeries of a reply, each of which differs from the query in one thing.
var forgers = []struct {
	name string
	edit func(f *forger, m *dns.Msg)
}{
	{"ID", func(f *forger, m *dns.Msg) { m.Id ^= uint16(1 + f.intN(1<<16-1)) }},
	{"next ID", func(_ *forger, m *dns.Msg) { m.Id++ }},
	{"case", func(f *forger, m *dns.Msg) { m.Question[0].Name = f.otherCase(m.Question[0].Name) }},
	{"lower case", func(f *forger, m *dns.Msg) {
		if lower := strings.ToLower(m.Question[0].Name); lower != m.Question[0].Name {
			m.Question[0].Name = lower
		} else {
			m.Id++
		}
	}},
	{"name", func(_ *forger, m *dns.Msg) { m.Question[0].Name = "x" + m.Question[0].Name }},
	{"type", func(_ *forger, m *dns.Msg) { m.Question[0].Qtype = dns.TypeAAAA }},
	{"class", func(_ *forger, m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS }},
	{"no question", func(_ *forger, m *dns.Msg) { m.Question = nil }},
	{"two questions", func(_ *forger, m *dns.Msg) { m.Question = append(m.Question, m.Question[0]) }},
	{"a query", func(_ *forger, m *dns.Msg) { m.Response = false }},
	{"opcode", func(_ *forger, m *dns.Msg) { m.Opcode = dns.OpcodeNotify }},
	{"owner", func(_ *forger, m *dns.Msg) { m.Answer[0].Header().Name = "www." + m.Question[0].Name }},
}

func (f *forger) intN(n int) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.rnd.IntN(n)
}

// otherCase changes the case of at least one letter.
func (f *forger) otherCase(name string) string {
	b := []byte(name)
	for string(b) == name {
		for i, c := range b {
			if c|0x20 >= 'a' && c|0x20 <= 'z' && f.intN(2) == 0 {
				b[i] ^= 0x20
			}
		}
	}
	return string(b)
}

// burst is how many forgeries come before the truth.
const burst = 20

func (f *forger) forge(q *upstreamtest.Query) {
	kind := forgers[f.intN(len(forgers))]
	elsewhere := f.intN(10) == 0
	send := q.Send
	if elsewhere { // all is right but where it comes from
		c, err := net.DialUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2)}, net.UDPAddrFromAddrPort(q.From))
		if err != nil {
			return
		}
		defer c.Close()
		send = func(b []byte) { c.Write(b) }
	}
	for range burst {
		m := upstreamtest.Answer(q.Msg, forgedName+" 86400 IN A "+lie)
		if !elsewhere {
			kind.edit(f, m)
		}
		wire, err := m.Pack()
		if err != nil {
			panic(err)
		}
		send(wire)
		f.sent.Add(1)
	}
	upstreamtest.Answers(forgedName + " 60 IN A " + truth)(q)
}

// Who has guessed all else still needs the cookie.
func TestForgersHaveNoCookie(t *testing.T) {
	answers := cookies(upstreamtest.Answers(forgedName + " 60 IN A " + truth))
	s := upstreamtest.Start(t, answers)
	c, a := newClient(t, Options{}), mustAddr(t, s.Addr())
	if _, err := c.Exchange(t.Context(), a, question(t, forgedName+" A")); err != nil {
		t.Fatal(err)
	}
	lies := upstreamtest.Answers(forgedName + " 86400 IN A " + lie)
	guess := func(string) (string, int) { return fmt.Sprintf("%016x", rand.Uint64()) + theirs, dns.RcodeSuccess }
	s.Do(upstreamtest.Over(upstreamtest.UDP, func(q *upstreamtest.Query) {
		for range burst {
			upstreamtest.Cookie(guess, lies)(q)
		}
		lies(q)
		answers(q)
	}, answers))
	for range max(100, *forgeries/burst/10) {
		m, err := c.Exchange(t.Context(), a, question(t, forgedName+" A"))
		check(t, m, err, forgedName+" 60 IN A "+truth)
	}
}

// No forgery is believed, and none keeps the truth away.
func TestForgedReplies(t *testing.T) {
	f := &forger{rnd: rand.New(rand.NewPCG(1, 2))}
	answers := upstreamtest.Answers(forgedName + " 60 IN A " + truth)
	s := upstreamtest.Start(t, upstreamtest.Over(upstreamtest.UDP, f.forge, answers))
	c, a := newClient(t, Options{}), mustAddr(t, s.Addr())
	var believed, asked, empty atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for f.sent.Load() < int64(*forgeries) && !t.Failed() {
				m, err := c.Exchange(t.Context(), a, question(t, forgedName+" A"))
				switch asked.Add(1); {
				case err != nil:
					t.Error(err)
				case strings.Contains(m.String(), lie):
					believed.Add(1)
				case len(m.Answer) == 0:
					empty.Add(1)
				}
			}
		})
	}
	wg.Wait()
	t.Logf("%d forgeries, %d believed; %d queries: %+v", f.sent.Load(), believed.Load(), asked.Load(), c.Stats()[a])
	if believed.Load() > 0 {
		t.Errorf("%d forgeries were believed", believed.Load())
	}
	if mismatches := c.Stats()[a].Mismatches; mismatches < uint64(asked.Load())/2 {
		t.Errorf("only %d forgeries were looked at", mismatches)
	}
	// What names the right question and answers another has guessed all there is to
	// guess: that can deny, but not lie.
	if n := empty.Load(); n > asked.Load()/4 {
		t.Errorf("%d of %d answers were denied", n, asked.Load())
	}
}

// Ports, identities and case are as evenly spread as chance has them, and the next does
// not follow from the last.
func TestForgersCannotGuess(t *testing.T) {
	var mu sync.Mutex
	var ports, ids, cases []uint16
	note := func(q *upstreamtest.Query) {
		mu.Lock()
		ports, ids = append(ports, q.From.Port()), append(ids, q.Msg.Id)
		cases = append(cases, caseOf(q.Msg.Question[0].Name))
		mu.Unlock()
		upstreamtest.Answers(forgedName + " 60 IN A " + truth)(q)
	}
	s := upstreamtest.Start(t, note)
	c, a := newClient(t, Options{}), mustAddr(t, s.Addr())
	n := max(10_000, *forgeries/10)
	for range n {
		if _, err := c.Exchange(t.Context(), a, question(t, forgedName+" A")); err != nil {
			t.Fatal(err)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	const span = 1<<16 - firstPort
	for _, p := range ports {
		if p < firstPort {
			t.Fatalf("asked from port %d", p)
		}
	}
	for i := range ports {
		ports[i] -= firstPort
	}
	uniform(t, "ports", ports, span)
	uniform(t, "IDs", ids, 1<<16)
	uniform(t, "cases", cases, 1<<16)
	uniform(t, "ports from one to the next", steps(ports, span), span)
	uniform(t, "IDs from one to the next", steps(ids, 1<<16), 1<<16)
	uniform(t, "IDs from ports", between(ids, ports), 1<<16)
	if again := len(ids) - len(slices.Compact(slices.Sorted(slices.Values(ids)))); again == 0 {
		t.Errorf("of %d identities none came twice: they are counted, not drawn", len(ids))
	}
}

// caseOf is one bit for each of the first 16 letters.
func caseOf(name string) (bits uint16) {
	n := 0
	for i := 0; i < len(name) && n < 16; i++ {
		if c := name[i]; c|0x20 >= 'a' && c|0x20 <= 'z' {
			bits |= uint16(c>>5&1) << n
			n++
		}
	}
	return bits
}

func steps(v []uint16, span int) (d []uint16) {
	for i := 1; i < len(v); i++ {
		d = append(d, uint16((int(v[i])-int(v[i-1])+span)%span))
	}
	return d
}

func between(v, w []uint16) (d []uint16) {
	for i := range v {
		d = append(d, v[i]-w[i])
	}
	return d
}

// uniform is Pearson's test over 64 classes. Chance exceeds the bound, eight standard
// deviations above the mean, less than once in a hundred million.
func uniform(t *testing.T, what string, v []uint16, span int) {
	t.Helper()
	const classes = 64
	var count [classes]int
	for _, x := range v {
		count[int(x)*classes/span]++
	}
	expected, chi2 := float64(len(v))/classes, 0.0
	for _, n := range count {
		chi2 += (float64(n) - expected) * (float64(n) - expected) / expected
	}
	const freedom = classes - 1
	if bound := freedom + 8*math.Sqrt(2*freedom); chi2 > bound {
		t.Errorf("%s: chi-square %.0f over %d, want below %.0f: %v", what, chi2, len(v), bound, count)
	}
	t.Logf("%s: chi-square %.0f with %d degrees of freedom, over %d", what, chi2, freedom, len(v))
}
