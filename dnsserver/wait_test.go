package dnsserver

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// slow answers names that begin with "slow" when it is told to, and all others at once.
type slow struct {
	release chan struct{}
	waiting atomic.Int32
}

func (s *slow) Answer(_ context.Context, q *Query) (*dns.Msg, error) {
	if q.Name[0] != 4 || string(q.Name[1:5]) != "slow" {
		return new(dns.Msg), nil
	}
	if !q.MayWait {
		return nil, ErrWait
	}
	s.waiting.Add(1)
	defer s.waiting.Add(-1)
	<-s.release
	return new(dns.Msg), nil
}

// serveSlow starts a server whose slow answers come when letGo is called.
func serveSlow(t *testing.T, o Options) (s *Server, h *slow, letGo func()) {
	h = &slow{release: make(chan struct{})}
	o.Handler = h
	o.encrypted("127.0.0.1:0")
	s = serve(t, o, "127.0.0.1:0")
	letGo = sync.OnceFunc(func() { close(h.release) })
	t.Cleanup(letGo) // before the server is waited for
	return s, h, letGo
}

// C2: a query that must wait holds up no other, neither on its connection nor on its
// socket; the answers come in another order.
func TestQueriesThatWaitHoldUpNoOther(t *testing.T) {
	for _, network := range []string{"udp", "tcp", "tls", "https"} {
		t.Run(network, func(t *testing.T) {
			s, h, letGo := serveSlow(t, Options{Sockets: 1})
			w := dial(t, network, s.AddrsOf(networks[network])[0])
			first := query("slow. A +rd +edns=1232")
			w.send(first)
			for range 1000 {
				msg := query("x. A")
				w.send(msg)
				checkEcho(t, msg, w.receive())
			}
			waitFor(t, "the first query to wait", func() bool { return h.waiting.Load() == 1 })
			letGo()
			reply := w.receive()
			checkEcho(t, first, reply)
			if got := text(t, reply); got != "NOERROR rd [edns0 1232]" {
				t.Errorf("got %s", got)
			}
			if st := s.Stats(); st.messages() != 1001 || st.Rcodes[dns.RcodeSuccess] != 1001 {
				t.Errorf("stats %+v", st)
			}
		})
	}
}

// So many wait, and no more goroutines than that: who comes then is told to ask another.
func TestQueriesThatWaitAreLimited(t *testing.T) {
	for _, network := range []string{"udp", "tcp", "tls", "https"} {
		t.Run(network, func(t *testing.T) {
			const most = 8
			s, h, letGo := serveSlow(t, Options{Sockets: 1, MaxWaiting: most})
			var askers []*wire // of which each takes its share
			for i := range byte(waitingShares) {
				from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1 + i}), 0)
				askers = append(askers, dialAs(t, network, from, s.AddrsOf(networks[network])[0]))
			}
			before := runtime.NumGoroutine()
			for _, w := range askers {
				for range most / waitingShares {
					w.send(query("slow. A"))
				}
			}
			waitFor(t, "all to wait", func() bool { return h.waiting.Load() == most })
			late := dialAs(t, network, netip.MustParseAddrPort("127.0.0.9:0"), s.AddrsOf(networks[network])[0])
			for range 5 {
				if got := text(t, late.exchange(query("slow. A +rd +edns=1232"))); got != "SERVFAIL rd [edns0 1232 ede=0busy]" {
					t.Errorf("one too many got %s", got)
				}
			}
			// Connections have goroutines of their own, and so have those who ask over HTTPS.
			if n := runtime.NumGoroutine(); network != "https" && n > before+most+waitingShares+4 {
				t.Errorf("%d goroutines, %d before", n, before)
			}
			letGo()
			for _, w := range askers {
				for range most / waitingShares {
					if got := text(t, w.receive()); got != "NOERROR" {
						t.Errorf("one that waited got %s", got)
					}
				}
			}
			if st := s.Stats(); st.Busy != 5 {
				t.Errorf("stats %+v", st)
			}
		})
	}
}

// One address does not take all places, from whichever ports and sockets it asks.
func TestAddressHasItsShareOfPlaces(t *testing.T) {
	const share = 3
	s, h, letGo := serveSlow(t, Options{MaxWaiting: waitingShares * share})
	wires := []*wire{dial(t, "udp", s.Addrs()[0]), dial(t, "udp", s.Addrs()[0]), dial(t, "tcp", s.Addrs()[0])}
	for i, w := range wires {
		w.send(query("slow. A"))
		waitFor(t, "the query to wait", func() bool { return h.waiting.Load() == int32(1+i) })
	}
	for _, w := range wires {
		if got := text(t, w.exchange(query("slow. A"))); got != "SERVFAIL" {
			t.Errorf("beyond its share: %s", got)
		}
	}
	other := dialAs(t, "udp", netip.MustParseAddrPort("127.0.0.2:0"), s.Addrs()[0])
	other.send(query("slow. A"))
	waitFor(t, "the other to wait", func() bool { return h.waiting.Load() == share+1 })
	letGo()
	for _, w := range append(wires, other) {
		if got := text(t, w.receive()); got != "NOERROR" {
			t.Errorf("one that waited got %s", got)
		}
	}
	s.waiters.wg.Wait()
	if n, m := s.waiters.taken.Load(), len(s.waiters.byPeer); n != 0 || m != 0 {
		t.Errorf("%d places and %d peers are left", n, m)
	}
}

// One connection does not take all places: it is not read further.
func TestConnectionHasItsShareOfPlaces(t *testing.T) {
	s, h, letGo := serveSlow(t, Options{MaxWaiting: 2 * waitingShares * maxWaitingHere})
	greedy, other := dial(t, "tcp", s.Addrs()[0]), dial(t, "tcp", s.Addrs()[0])
	const more = 3 * maxWaitingHere
	for range more {
		greedy.send(query("slow. A"))
	}
	waitFor(t, "its places to be taken", func() bool { return h.waiting.Load() == maxWaitingHere })
	other.send(query("slow. A"))
	waitFor(t, "the other to wait", func() bool { return h.waiting.Load() == maxWaitingHere+1 })
	if n := s.Stats().TCP; n > maxWaitingHere+2 {
		t.Errorf("%d queries were read", n)
	}
	letGo()
	for range more {
		if got := text(t, greedy.receive()); got != "NOERROR" {
			t.Fatalf("got %s", got)
		}
	}
}

// Who sends its last query and closes its half still gets the answer.
func TestHalfClosedConnectionGetsItsAnswers(t *testing.T) {
	s, h, letGo := serveSlow(t, Options{})
	w := dial(t, "tcp", s.Addrs()[0])
	w.send(query("slow. A"))
	w.send(query("x. A"))
	check(t, w.Conn.(interface{ CloseWrite() error }).CloseWrite())
	if got := text(t, w.receive()); got != "NOERROR" {
		t.Errorf("got %s", got)
	}
	waitFor(t, "the first to wait", func() bool { return h.waiting.Load() == 1 })
	letGo()
	if got := text(t, w.receive()); got != "NOERROR" {
		t.Errorf("got %s", got)
	}
	if w.receive() != nil {
		t.Error("the connection is open")
	}
}

// What waits when the server stops is answered too.
func TestStopAnswersWhatWaits(t *testing.T) {
	for _, network := range []string{"udp", "tcp", "tls", "https"} {
		h := &slow{release: make(chan struct{})}
		o := Options{Addrs: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")}, Handler: h}
		o.encrypted("127.0.0.1:0")
		s, err := Listen(o)
		check(t, err)
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- s.Serve(ctx) }()
		w := dial(t, network, s.AddrsOf(networks[network])[0])
		w.send(query("slow. A"))
		waitFor(t, "the query to wait", func() bool { return h.waiting.Load() == 1 })
		cancel()
		waitFor(t, "reading to be stopped", s.stopping.Load)
		close(h.release)
		if got := text(t, w.receive()); got != "NOERROR" {
			t.Errorf("%s: got %s", network, got)
		}
		check(t, <-done)
	}
}

// A handler that says it must wait although it may is at fault.
func TestWaitingTwiceIsServerFailure(t *testing.T) {
	h := handlerFunc(func(context.Context, *Query) (*dns.Msg, error) { return nil, ErrWait })
	s := serve(t, Options{Handler: h}, "127.0.0.1:0")
	w := dial(t, "udp", s.Addrs()[0])
	w.send(query("x. A"))
	if got := text(t, w.receive()); got != "SERVFAIL" {
		t.Errorf("got %s", got)
	}
}

// Stopping ends what waits for longer than the last replies may take, and what waits for
// a place.
func TestStopEndsHandlersThatWait(t *testing.T) {
	for _, network := range []string{"udp", "tcp", "tls", "https"} {
		h := handlerFunc(func(ctx context.Context, q *Query) (*dns.Msg, error) {
			if !q.MayWait {
				return nil, ErrWait
			}
			<-ctx.Done()
			return nil, ctx.Err()
		})
		o := Options{Addrs: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")}, Handler: h}
		o.encrypted("127.0.0.1:0")
		s, err := Listen(o)
		check(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Serve(ctx) }()
		w := dial(t, network, s.AddrsOf(networks[network])[0])
		const asked = maxWaitingHere + 1
		for range asked {
			w.send(query("x. A"))
		}
		waitFor(t, "the queries to be read", func() bool { return s.Stats().messages() >= asked-1 })
		cancel()
		select {
		case err := <-done:
			check(t, err)
		case <-time.After(lastReplies + patience):
			t.Fatalf("%s: still serving", network)
		}
	}
}

// What waited and is beyond the rate is no datagram at all, not even an empty one.
func TestRepliesThatWaitedAreLimited(t *testing.T) {
	s, err := Listen(Options{Addrs: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")}, Handler: localIs, Sockets: 1, ResponseRate: 1})
	check(t, err)
	defer s.Close()
	w, u := dial(t, "udp", s.Addrs()[0]), s.loops[0]
	to := w.LocalAddr().(*net.UDPAddr).AddrPort()
	u.r.q = Query{From: netip.MustParseAddrPort("203.0.113.1:5")} // a network with a rate
	for range 5 {
		if !u.later(t.Context(), query("x. TXT"), nil, to) {
			t.Fatal("no place")
		}
	}
	s.waiters.wg.Wait()
	_, err = u.conn.WriteToUDPAddrPort([]byte("the end"), to)
	check(t, err)
	replies := 0
	for reply := w.receive(); string(reply) != "the end"; reply = w.receive() {
		if replies++; len(reply) == 0 {
			t.Error("an empty datagram")
		}
	}
	if replies == 0 || s.Stats().Limited == 0 {
		t.Errorf("%d replies, stats %+v", replies, s.Stats())
	}
}

// Those that ask others may keep all processors busy: what is answered from memory is
// answered between their turns. What counts is not time but how many turns come before
// each answer.
func TestQueriesThatWaitKeepNobodyFromTheSocket(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const every, samples = 37, 50
	var turns, asked atomic.Int64
	var ours func()
	var again [6 * many]func()  // asks anew what has just been answered
	made := make(chan struct{}) // ours and again are
	before := make(chan int64, samples)
	h := handlerFunc(func(_ context.Context, q *Query) (*dns.Msg, error) {
		<-made
		if q.Name[0] != 2 { // ours
			select {
			case before <- turns.Load() - asked.Load():
			default:
			}
			return new(dns.Msg), nil
		}
		if !q.MayWait {
			return nil, ErrWait
		}
		for began := time.Now(); time.Since(began) < 50*time.Microsecond; {
		}
		if n := turns.Add(1); n%every == 0 {
			asked.Store(n)
			ours()
		}
		n, err := strconv.Atoi(string(q.Name[1:3]))
		check(t, err)
		again[n]()
		return new(dns.Msg), nil
	})
	s := serve(t, Options{Handler: h, Sockets: 1}, "127.0.0.1:0")
	asks := func(n int, question string) func() { // each from an address of its own, so that none is refused
		from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 2, byte(n)}), 0)
		w, q := dialAs(t, "udp", from, s.Addrs()[0]), query(question)
		return func() { _, _ = w.Write(q) } // fails at the end of the test
	}
	ours = asks(len(again), "x. A")
	for i := range again {
		again[i] = asks(i, fmt.Sprintf("%02d. A", i))
	}
	close(made)
	for _, ask := range again {
		ask()
	}
	var all []int64
	for range samples {
		select {
		case n := <-before:
			all = append(all, n)
		case <-time.After(patience):
			t.Fatalf("only %d of ours are answered", len(all))
		}
	}
	slices.Sort(all)
	if all[samples*9/10] > 5 { // 30, where the scheduler comes to look when it likes
		t.Errorf("so many turns of others came before each answer: %v", all)
	}
}

// Places are closed while goroutines wait for a processor, and opened again when they do
// not; what is slow for another reason has them all.
func TestPlacesFollowTheProcessor(t *testing.T) {
	const ms = int64(time.Millisecond)
	p, now := pace{most: 1000, open: 1000}, int64(0)
	steps := func(n int, waited int64, refused bool) {
		for range n {
			now += paceStep
			p.bound = refused
			p.sample(waited, now)
		}
	}
	for _, tt := range []struct {
		name    string
		steps   int
		waited  int64
		refused bool
		want    int
	}{
		{"no wait", 10, 0, true, 1000},
		{"long waits", 1, 20 * ms, true, 750},
		{"for long", 100, 20 * ms, true, fewestOpen},
		{"neither long nor short", 10, 3 * ms, true, fewestOpen},
		{"short, but nobody needs more", 10, ms, false, fewestOpen},
		{"short", 1, ms, true, fewestOpen + fewestOpen/paceOpening + 1},
		{"for long", 100, ms, true, 1000},
	} {
		if steps(tt.steps, tt.waited, tt.refused); p.open != tt.want {
			t.Errorf("%s: %d places are open, want %d", tt.name, p.open, tt.want)
		}
	}
	few := pace{most: 8, open: 8}
	for i := range int64(100) {
		few.sample(20*ms, i*paceStep)
	}
	if few.open != 8 {
		t.Errorf("of 8 places %d are left", few.open)
	}
}
