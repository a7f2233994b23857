package forward

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"github.com/rollcall-dns/rollcall/dnsserver"
	"github.com/rollcall-dns/rollcall/dnsserver/upstream"
	"github.com/rollcall-dns/rollcall/zone"
)

// fakeNet is servers by address, for tests whose time is not real. Those that are not there
// never answer.
type fakeNet struct {
	mu      sync.Mutex // guards the following
	servers map[string]behaviour
	asked   []string // "ADDR NAME", probes left out
	probed  int
	most    int // questions that were under way at the same time
	now     int
}

// behaviour answers after some time, or fails.
type behaviour struct {
	after time.Duration
	rcode int
	err   error
}

var never = behaviour{after: time.Hour}

func newNet() *fakeNet { return &fakeNet{servers: make(map[string]behaviour)} }

func (n *fakeNet) set(addr string, b behaviour) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.servers[addr] = b
}

// Exchange implements Exchanger. The answer is the address of the server as TXT.
func (n *fakeNet) Exchange(ctx context.Context, to upstream.Addr, ask *dns.Msg) (*dns.Msg, error) {
	name := ask.Question[0].Name
	n.mu.Lock()
	b, ok := n.servers[to.String()]
	if !ok {
		b = never
	}
	if strings.HasPrefix(name, probeLabel) {
		n.probed++
	} else {
		n.asked = append(n.asked, to.String()+" "+name)
	}
	n.now++
	n.most = max(n.most, n.now)
	n.mu.Unlock()
	defer func() { n.mu.Lock(); n.now--; n.mu.Unlock() }()
	select {
	case <-time.After(b.after):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if b.err != nil {
		return nil, b.err
	}
	m := new(dns.Msg).SetReply(ask)
	m.RecursionAvailable, m.Rcode = true, b.rcode
	if b.rcode == dns.RcodeSuccess {
		m.Answer = []dns.RR{&dns.TXT{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeTXT, Class: dns.ClassINET}, Txt: []string{to.String()}}}
	}
	return m, nil
}

// taken gives what was asked since it was last called, by address.
func (n *fakeNet) taken() map[string]int {
	n.mu.Lock()
	defer n.mu.Unlock()
	count := make(map[string]int)
	for _, a := range n.asked {
		addr, _, _ := strings.Cut(a, " ")
		count[addr]++
	}
	n.asked = nil
	return count
}

func addrs(list ...string) (out []upstream.Addr) {
	for _, s := range list {
		a, err := upstream.ParseAddr(s)
		if err != nil {
			panic(err)
		}
		out = append(out, a)
	}
	return out
}

// started is a forwarder that runs, in a bubble of time, and has probed its servers.
func started(t *testing.T, n *fakeNet, o Options) *Forwarder {
	t.Helper()
	o.Client = n
	f := New(o)
	f.Load(nil)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	time.Sleep(probeTime + tick)
	synctest.Wait()
	return f
}

// get asks as Answer does behind its rules, and tells who answered, or the failure, and
// after what time.
func get(f *Forwarder, name string) string {
	return getFrom(f, name, netip.MustParseAddr("127.0.0.1"))
}

func getFrom(f *Forwarder, name string, from netip.Addr) string {
	began := time.Now()
	n := zone.MustParseName(name)
	ask := question{name: n.String(), typ: dns.TypeTXT}
	g := f.table.Load().find([]byte(n), ask.typ)
	switch g {
	case nil:
		return "nobody's"
	case public:
		return "public"
	}
	var m *dns.Msg
	var err error
	if failure := f.failures.get(ask.key()); failure != nil {
		err = failure
	} else {
		m, err = f.fly(context.Background(), g, ask, ask.key(), from)
	}
	after := time.Since(began)
	if failure, ok := errors.AsType[*dnsserver.Failure](err); ok {
		return fmt.Sprintf("%s ede=%d after %v", dns.RcodeToString[failure.Rcode], failure.Info, after)
	}
	if err != nil {
		return err.Error()
	}
	if len(m.Answer) == 0 {
		return fmt.Sprintf("%s after %v", dns.RcodeToString[m.Rcode], after)
	}
	return fmt.Sprintf("%s after %v", m.Answer[0].(*dns.TXT).Txt[0], after)
}

func expect(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %s, want %s", what, got, want)
	}
}

// upstreamOf is what is known of one server.
func upstreamOf(t *testing.T, f *Forwarder, addr string) UpstreamStats {
	t.Helper()
	all := f.Stats().Upstreams
	i := slices.IndexFunc(all, func(u UpstreamStats) bool { return u.Addr.String() == addr })
	if i < 0 {
		t.Fatalf("no server %s among %v", addr, all)
	}
	return all[i]
}
