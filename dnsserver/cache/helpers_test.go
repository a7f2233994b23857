package cache

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/rollcall-dns/rollcall/dnsserver"
)

// origin is the next handler: it answers what it was told to, and counts.
type origin struct {
	mu      sync.Mutex // guards the following
	answers map[string]answerOf
	asked   map[string]int
}

// answerOf makes one answer, or fails.
type answerOf func(ctx context.Context, q *dnsserver.Query) (*dns.Msg, error)

// tell sets what a question such as "www.example. A" is answered with: an rcode, the
// flags ad, aa and tc, perhaps an extended error as ede=4 or ede=4:text, and records, each in a section: "NOERROR ad", "an www.example. 5 A …".
func (o *origin) tell(t testing.TB, ask string, head string, records ...string) {
	t.Helper()
	m := messageOf(t, ask, head, records...)
	o.do(ask, func(context.Context, *dnsserver.Query) (*dns.Msg, error) { return m.Copy(), nil })
}

func (o *origin) do(ask string, a answerOf) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.answers == nil {
		o.answers, o.asked = map[string]answerOf{}, map[string]int{}
	}
	o.answers[strings.TrimSuffix(ask, " do")] = a
}

func (o *origin) count(ask string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.asked[ask]
}

// Answer implements dnsserver.Handler.
func (o *origin) Answer(ctx context.Context, q *dnsserver.Query) (*dns.Msg, error) {
	if !q.MayWait {
		return nil, dnsserver.ErrWait
	}
	name, _, _ := dns.UnpackDomainName(q.Name, 0)
	ask := strings.ToLower(name) + " " + dns.TypeToString[q.Type]
	o.mu.Lock()
	a := o.answers[ask]
	if a != nil {
		o.asked[ask]++
	}
	o.mu.Unlock()
	if a == nil {
		return nil, &dnsserver.Failure{Rcode: dns.RcodeServerFailure, Why: "the origin knows nothing of " + ask}
	}
	return a(ctx, q)
}

func messageOf(t testing.TB, ask, head string, records ...string) *dns.Msg {
	t.Helper()
	q, words := strings.Fields(ask), strings.Fields(head)
	m := new(dns.Msg)
	m.SetQuestion(q[0], dns.StringToType[q[1]])
	m.Response, m.Rcode = true, dns.StringToRcode[words[0]]
	m.AuthenticatedData = slices.Contains(words, "ad")
	m.Authoritative = slices.Contains(words, "aa")
	m.Truncated = slices.Contains(words, "tc")
	for _, w := range words {
		if ede, ok := strings.CutPrefix(w, "ede="); ok {
			code, text, _ := strings.Cut(ede, ":")
			n, _ := strconv.Atoi(code)
			explain(m, uint16(n), text)
		}
	}
	for _, r := range records {
		section, text, _ := strings.Cut(r, " ")
		rr, err := dns.NewRR(text)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		switch section {
		case "an":
			m.Answer = append(m.Answer, rr)
		case "ns":
			m.Ns = append(m.Ns, rr)
		case "ar":
			m.Extra = append(m.Extra, rr)
		default:
			t.Fatalf("%q: no section", r)
		}
	}
	return m
}

func explain(m *dns.Msg, info uint16, text string) {
	m.SetEdns0(1232, false)
	m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_EDE{InfoCode: info, ExtraText: text}}
}

// text is the reverse of messageOf, the records sorted within their sections.
func text(m *dns.Msg) string {
	head := dns.RcodeToString[m.Rcode]
	for _, f := range []struct {
		on   bool
		name string
	}{{m.Authoritative, " aa"}, {m.Truncated, " tc"}, {m.AuthenticatedData, " ad"}} {
		if f.on {
			head += f.name
		}
	}
	lines := []string{head}
	for _, s := range []struct {
		name string
		rrs  []dns.RR
	}{{"an", m.Answer}, {"ns", m.Ns}, {"ar", m.Extra}} {
		var of []string
		for _, rr := range s.rrs {
			if opt, ok := rr.(*dns.OPT); ok {
				for _, o := range opt.Option {
					if e, ok := o.(*dns.EDNS0_EDE); ok {
						lines[0] += fmt.Sprintf(" ede=%d", e.InfoCode)
						if e.ExtraText != "" {
							lines[0] += " (" + e.ExtraText + ")"
						}
					}
				}
				continue
			}
			of = append(of, s.name+" "+strings.Join(strings.Fields(strings.Replace(rr.String(), "\tIN\t", " ", 1)), " "))
		}
		slices.Sort(of)
		lines = append(lines, of...)
	}
	return strings.Join(lines, "\n")
}

// queryOf reads "www.example. A do".
func queryOf(t testing.TB, ask string) *dnsserver.Query {
	t.Helper()
	w := strings.Fields(ask)
	q := &dnsserver.Query{Type: dns.StringToType[w[1]], Class: dns.ClassINET, Transport: dnsserver.TCP}
	q.EDNS.Present = true
	q.EDNS.DO = slices.Contains(w, "do")
	name := make([]byte, maxName)
	n, err := dns.PackDomainName(w[0], name, 0, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	q.Name = name[:n]
	return q
}

// askMemory gives what a cache says without asking anybody, or "".
func askMemory(t testing.TB, c *Cache, ask string) string {
	t.Helper()
	var r dnsserver.Reply
	q := queryOf(t, ask)
	r.Reset(q)
	if !c.Direct(q, &r) {
		return ""
	}
	m := new(dns.Msg)
	if err := m.Unpack(r.Octets()); err != nil {
		t.Fatal(err)
	}
	return text(m)
}

// askOnce is what a server does: it asks the memory, and then as one who may wait.
func askOnce(t testing.TB, c *Cache, ask string) string {
	t.Helper()
	if s := askMemory(t, c, ask); s != "" {
		return s
	}
	q := queryOf(t, ask)
	q.MayWait = true
	m, err := c.Answer(t.Context(), q)
	if err != nil {
		return "error: " + err.Error()
	}
	return text(m)
}

// manual is a clock that a test sets.
type manual struct{ t atomic.Int64 }

func (m *manual) now() time.Duration      { return time.Duration(m.t.Load()) }
func (m *manual) advance(d time.Duration) { m.t.Add(int64(d)) }

// newCache is a cache that ends with the test, and its clock.
func newCache(t testing.TB, next dnsserver.Handler, o Options) (*Cache, *manual) {
	t.Helper()
	if o.Bytes == 0 {
		o.Bytes = 1 << 20
	}
	c, clock := New(next, o), new(manual)
	c.now = clock.now
	t.Cleanup(c.Close)
	return c, clock
}

// serve puts a cache behind a server, and gives its address.
func serve(t testing.TB, c *Cache) netip.AddrPort {
	t.Helper()
	s, err := dnsserver.Listen(dnsserver.Options{
		Addrs:   []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")},
		Handler: c, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return s.Addrs()[0]
}
